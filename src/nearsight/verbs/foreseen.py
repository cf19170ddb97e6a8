"""What the command that is suggested next will cost, measured on this machine."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from nearsight.data import ImageSet
from nearsight.diagnosis.expected import Expected, expected_diagnosis, wider_stride
from nearsight.diagnosis.parts import asked_for, with_needs
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.progress import QUARTER_HOUR, SILENT
from nearsight.repair.expected import expected_repair
from nearsight.runs import Run
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.verbs.binding import Binding
from nearsight.verbs.sources import as_trained, find_images

# A diagnosis of more seconds is suggested for some images only, and of at least so many.
LONG, FEWEST = 3600.0, 100


def seconds_of_diagnosis(
    run: str | Path,
    machine: Machine | None = None,
    *,
    split: str = DEFAULT_SPLIT,
    parts: Sequence[str] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    skip_blank: int | None = None,
) -> float | None:
    """Return about how long `diagnose` takes for a run on a split of its own set; None if that cannot be known."""
    try:
        bound, images, foresee = _diagnosis(run, machine, split, parts, tile, stride, skip_blank)
        return foresee(bound, images).least
    except InputError:
        return None


def quick_diagnosis(
    run: str | Path, machine: Machine | None = None, *, tile: int | None = None
) -> tuple[dict[str, int], float] | None:
    """Return the options for a diagnosis that is not too long, and about how long it takes; None if not known.

    `stride` is among them if another than that of tiles shortens the diagnosis much, and `images` if it would still
    take more than an hour: as many as fit into a quarter of an hour, but at least 100, if that saves half of it.
    """
    try:
        bound, images, foresee = _diagnosis(run, machine, tile=tile)
        options: dict[str, int] = {}
        seconds = foresee(bound, images).least
        if (wider := wider_stride(bound, lambda one: foresee(one, images), seconds)) is not None:
            options["stride"], seconds = wider
            bound = bound.at(bound.sides()[0], options["stride"])
        if seconds > LONG:
            few = max(FEWEST, int(len(images) * QUARTER_HOUR / seconds) // 10 * 10)
            if few < len(images):
                fewer = foresee(bound, images.select(np.arange(few))).least
                # Fewer images save little where training images take most of the time.
                if fewer <= seconds / 2:
                    options["images"], seconds = few, fewer
        return options, seconds
    except InputError:
        return None


def _diagnosis(
    run: str | Path,
    machine: Machine | None,
    split: str = DEFAULT_SPLIT,
    parts: Sequence[str] | None = None,
    tile: int | None = None,
    stride: int | None = None,
    skip_blank: int | None = None,
) -> tuple[TiledModel, ImageSet, Callable[[TiledModel, ImageSet], Expected]]:
    """Return a run's model as `diagnose` binds it, its images, and what foresees how long its diagnosis takes."""
    bound = Binding(tile=tile, stride=stride, skip_blank=skip_blank, machine=machine).bind(run)
    found = find_images(
        run,
        None,
        split,
        classes=bound.classes,
        reading=as_trained(Reading(), bound),
        progress=SILENT,
    )
    asked = with_needs(asked_for(parts, groups=None, faithfulness=None, null=False))
    workers = (machine or Machine()).decoding_workers()
    foresee = partial(expected_diagnosis, parts=asked, others=found.others, workers=workers)
    return bound, found.images, foresee


def seconds_of_repair(
    run: str | Path,
    machine: Machine | None = None,
    *,
    diagnosed: bool = False,
    tile: int | None = None,
    stride: int | None = None,
) -> float | None:
    """Return about how long `repair` takes for a run, `diagnosed` or not; None if that cannot be known."""
    try:
        opened = Run.open(run)
        bound = Binding(tile=tile, stride=stride, machine=machine).bind(opened)
        found = find_images(
            opened,
            None,
            "train",
            classes=bound.classes,
            reading=as_trained(Reading(), bound),
            progress=SILENT,
        )
        return expected_repair(opened, found.sets, bound, diagnosed=diagnosed, machine=machine).seconds
    except InputError:
        return None
