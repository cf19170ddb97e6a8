"""One pass over the evidence maps of an image set, which leaves a small record of each image for every part."""

from dataclasses import dataclass

import torch

from nearsight.data import ImageSet
from nearsight.diagnosis.errors import ImageError, image_error
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.reliance import ImageReliance, image_reliance
from nearsight.diagnosis.strongest import ImageTiles, strongest_tiles
from nearsight.diagnosis.suspects import LabelCheck, image_suspect
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation, evaluate
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import Classifier
from nearsight.progress import SILENT, Progress
from nearsight.settings.protocols import PROTOCOLS
from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class Examination:
    """What one pass leaves: the evaluation under every protocol, and the records of each image, in order.

    `grids`, `tiles` and `checks` have an entry an image, `errors` one for each that `mean-logit` gets wrong,
    `reliance` one for each whose region is known.
    """

    evaluation: Evaluation
    grids: tuple[TileGrid, ...]
    errors: tuple[ImageError, ...]
    checks: tuple[LabelCheck, ...]
    reliance: tuple[ImageReliance, ...]
    tiles: tuple[ImageTiles, ...]


def examine(
    bound: TiledModel,
    images: ImageSet,
    *,
    seed: int = 0,
    workers: int = 0,
    progress: Progress = SILENT,
) -> Examination:
    """Evaluate a bound model on an image set and take from each evidence map, as it passes, what a diagnosis needs.

    >>> import numpy as np
    >>> from nearsight.data import load
    >>> from nearsight.models import Architecture, Classifier, Preprocessing
    >>> half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=8, width=0.1)
    >>> scenes = load("scenes")["test"].select(np.arange(3))
    >>> toy = Classifier(architecture.build(), architecture, scenes.classes, 16, Preprocessing(half, half))
    >>> found = examine(TiledModel(toy.eval(), stride=16), scenes)
    >>> len(found.grids), len(found.reliance)
    (3, 3)

    `seed` fixes the tiles that are drawn at random. The other arguments, and the errors raised, are those of
    `evaluate`.
    """
    generator = torch.Generator().manual_seed(seed)
    grids: list[TileGrid] = []
    errors: list[ImageError] = []
    checks: list[LabelCheck] = []
    reliance: list[ImageReliance] = []
    tiles: list[ImageTiles] = []

    def record(number: int, evidence_map: EvidenceMap) -> None:
        label, path = int(images.labels[number]), images.path(number)
        grids.append(evidence_map.grid)
        tiles.append(strongest_tiles(evidence_map, label, generator))
        checks.append(image_suspect(evidence_map, label, number, path))
        error = image_error(evidence_map, label, number, path)
        if error is not None:
            errors.append(error)
        region = images.region(number)
        if region is not None:
            on_object = object_shares(region, evidence_map.grid)
            reliance.append(image_reliance(evidence_map, label, on_object, region))

    evaluation = evaluate(
        bound,
        images,
        workers=workers,
        protocols=PROTOCOLS,
        observe=record,
        progress=progress,
    )
    return Examination(evaluation, tuple(grids), tuple(errors), tuple(checks), tuple(reliance), tuple(tiles))


def diagnosed(bound: TiledModel) -> Classifier:
    """Return the classifier that is bound; raises `InputError` where it is a bare model or has no tile."""
    if not isinstance(bound.model, Classifier):
        raise InputError(
            f"a diagnosis needs a classifier, which knows how decoded images become what the network takes, and was "
            f"given a {type(bound.model).__name__}; make a nearsight.Classifier of it"
        )
    bound.model.tile_to_look_at(bound.tile)
    return bound.model
