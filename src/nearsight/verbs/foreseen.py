"""What the command that is suggested next will cost, measured on this machine."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nearsight.diagnosis.expected import Expected, expected_diagnosis, wider_stride
from nearsight.diagnosis.parts import asked_for, with_needs
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.progress import SILENT
from nearsight.repair.expected import expected_repair
from nearsight.runs import Run
from nearsight.settings import Machine, Reading
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.verbs.binding import Binding
from nearsight.verbs.sources import as_trained, find_images


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
        bound, foresee = _diagnosis(run, machine, split, parts, tile, stride, skip_blank)
        return foresee(bound).least
    except InputError:
        return None


def quick_diagnosis(
    run: str | Path, machine: Machine | None = None, *, tile: int | None = None
) -> tuple[int | None, float] | None:
    """Return the stride for a diagnosis that is not too long, and about how long it takes; None if not known.

    The stride is None if that of tiles is fine, or no other shortens the diagnosis much.
    """
    try:
        bound, foresee = _diagnosis(run, machine, tile=tile)
        seconds = foresee(bound).least
        return wider_stride(bound, foresee, seconds) or (None, seconds)
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
) -> tuple[TiledModel, Callable[[TiledModel], Expected]]:
    """Return a run's model as `diagnose` binds it, and what foresees how long the diagnosis of such a one takes."""
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
    return bound, partial(
        expected_diagnosis, images=found.images, parts=asked, others=found.others, workers=workers
    )


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
