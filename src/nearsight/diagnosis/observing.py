"""One pass over the evidence maps of an image set, which keeps a small record of each image for every part."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nearsight.data import ImageSet
from nearsight.diagnosis.look import Look
from nearsight.diagnosis.part import Part
from nearsight.evaluation import Evaluation, evaluate
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.progress import SILENT, Progress
from nearsight.tiles import TileGrid
from nearsight.together import ONE_PROCESS, Processes


def pass_over(
    bound: TiledModel,
    images: ImageSet,
    parts: Sequence[Part[Any, Any]],
    *,
    seed: int = 0,
    workers: int = 0,
    keep: Path | None = None,
    processes: Processes = ONE_PROCESS,
    progress: Progress = SILENT,
) -> tuple[Evaluation, tuple[TileGrid, ...], dict[str, list[Any]]]:
    """Evaluate a bound model on an image set, and let each part observe every evidence map as it passes.

    >>> import numpy as np
    >>> from nearsight.data import load
    >>> from nearsight.diagnosis.reliance.part import RELIANCE
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=8, width=0.1)
    >>> scenes = load("scenes")["test"].select(np.arange(3))
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> _, grids, seen = pass_over(TiledModel(toy.eval(), stride=16), scenes, [RELIANCE])
    >>> len(grids), len(seen["reliance"])
    (3, 3)

    Returns the evaluation under every protocol, the grid of each image, and for each part the records that it
    kept, in order. `seed` fixes the tiles that are drawn at random. The other arguments, and the errors raised,
    are those of `evaluate`.
    """
    grids: list[TileGrid] = []
    seen: dict[str, list[Any]] = {part.name: [] for part in parts}

    def observe(number: int, evidence_map: EvidenceMap) -> None:
        grids.append(evidence_map.grid)
        look = Look(images, number, evidence_map, seed)
        for part in parts:
            if part.observe is not None and (record := part.observe(look)) is not None:
                seen[part.name].append(record)

    evaluation = evaluate(
        bound, images, workers=workers, observe=observe, keep=keep, processes=processes, progress=progress
    )
    found = processes.each(lambda: (grids, seen))
    return (
        evaluation,
        tuple(grid for grids, _ in found for grid in grids),
        {part.name: [record for _, seen in found for record in seen[part.name]] for part in parts},
    )
