"""What the command that is suggested next will cost, measured on this machine."""

from collections.abc import Sequence
from pathlib import Path

from nearsight.diagnosis.expected import expected_diagnosis
from nearsight.diagnosis.parts import asked_for, with_needs
from nearsight.errors import InputError
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
        return expected_diagnosis(bound, found.images, asked, others=found.others, workers=workers).least
    except InputError:
        return None


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
