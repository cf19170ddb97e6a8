"""Evaluate a trained run."""

from collections.abc import Sequence
from pathlib import Path

from nearsight import evaluation
from nearsight.data import Data
from nearsight.evaluation import Evaluation
from nearsight.evidence import DEFAULT_MEMORY, TiledModel
from nearsight.progress import Progress, watched
from nearsight.runs import Run
from nearsight.settings import GridKind, Machine
from nearsight.settings.choices import DEFAULT_GRID, DEFAULT_SPLIT
from nearsight.verbs.sources import find_images


def evaluate(
    run: Run | str | Path,
    data: Data | None = None,
    *,
    split: str = DEFAULT_SPLIT,
    protocols: Sequence[str] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    grid: GridKind = DEFAULT_GRID,
    reestimate: bool = False,
    memory: int = DEFAULT_MEMORY,
    out: str | Path | None = None,
    skip_bad: bool = False,
    machine: Machine | None = None,
    progress: Progress | bool = True,
) -> Evaluation:
    """Evaluate a trained run on a split of its own data set, or of another with the same classes.

    `data` is what `train` takes; of a single set held in memory all images are evaluated, unless it is the
    run's own. On its own data the metrics and predictions are kept in the run's directory; on other data they
    are kept in `out`, when one is given. `reestimate` adds `full-pass+bn`, the full pass with BatchNorm
    statistics taken from whole training images. With `progress` False nothing is shown; a `Progress` of yours
    is told instead. Raises `InputError` for bad input.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    classifier = run.classifier()
    with watched(progress) as channel:
        found = find_images(run, data, split, classes=classifier.classes, skip_bad=skip_bad, progress=channel)
        machine = machine or Machine()
        bound = TiledModel(
            classifier,
            tile=tile,
            stride=stride,
            grid=grid,
            memory=memory,
            device=machine.torch_device(),
        )
        result = evaluation.evaluate(
            bound,
            found.images,
            protocols=protocols,
            reestimate=found.sets["train"] if reestimate else None,
            workers=machine.decoding_workers(),
            progress=channel,
        )
    if out is not None:
        result.save(Path(out))
    elif found.own:
        result.save(run.directory)
    return result
