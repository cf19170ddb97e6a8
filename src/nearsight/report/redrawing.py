"""Drawing again, from what is on disk alone, everything that a directory of results can show."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType

from nearsight.diagnosis import DIAGNOSIS, Diagnosis
from nearsight.dimension.result import DIMENSION, Dimension
from nearsight.errors import InputError
from nearsight.lock import make_directory
from nearsight.read import belonging_together, is_directory, is_file
from nearsight.repair.result import REPAIR, Repair
from nearsight.report.heatmap import Heatmaps
from nearsight.report.page import write_diagnosis_page, write_run_page
from nearsight.report.saved_heatmaps import HEATMAPS
from nearsight.report.write import PAGE, draw_dimension_pages, draw_repair_pages, write_comparison
from nearsight.runs import RECIPE, RESULT
from nearsight.study import Comparison
from nearsight.study.comparison import COMPARISON
from nearsight.study.cross_validation import FOLDS
from nearsight.unfinished import directory_beside
from nearsight.write import check_writable, replace_atomically


def redraw(directory: Path, out: Path, margin: float | None = None) -> list[Path]:
    """Draw the pages and figures of a directory of results into `out`, and return their paths.

    The kind of a directory is known from the file that names it. With a `margin`, in points, a comparison also
    says whether its tiles are good enough. Raises `InputError` if a directory holds no results, for a `margin`
    with anything but a comparison, and for files that are damaged or of a newer version; nothing is written
    before everything has been read.
    """
    if not is_directory(directory):
        what = "is a file, not a directory" if is_file(directory) else "does not exist"
        raise InputError(f"{directory} {what}; give a directory that a command of Nearsight wrote")
    if margin is not None:
        if not is_file(directory / COMPARISON):
            raise InputError(
                f"`margin` is for what compare wrote, and {directory} holds no {COMPARISON}; leave it out"
            )
        return _drawn_whole(partial(_comparison, margin=margin), directory, out)
    for name, draw in _KINDS.items():
        if is_file(directory / name):
            return _drawn_whole(draw, directory, out)
    if is_file(directory / FOLDS):
        raise InputError(
            f"{directory} is a cross-validation, which has no page of its own; give one of its runs, such as "
            f"{directory / 'fold-1'}"
        )
    maps = sorted(directory.glob("*.safetensors"))
    way_out = (
        f"; its evidence maps were saved without their pictures: run `nearsight heatmap` again, or draw one with "
        f"`EvidenceMap.load({str(maps[0])!r}).plot()`"
        if maps
        else "; give a directory that train, compare, diagnose, dimension, heatmap or repair wrote"
    )
    raise InputError(f"{directory} holds no results (none of {', '.join(_KINDS)}){way_out}")


def _drawn_whole(draw: Callable[[Path, Path], list[Path]], directory: Path, out: Path) -> list[Path]:
    """Draw elsewhere first, so that nothing is changed if files turn out not to belong together."""
    check_writable(out)
    made = make_directory(out)
    try:
        with directory_beside(out / "pages") as elsewhere:
            with belonging_together(directory, "make it again, by the command that wrote it"):
                drawn = draw(directory, elsewhere)
            paths = []
            for path in drawn:
                paths.append(out / path.relative_to(elsewhere))
                with replace_atomically(paths[-1]) as temporary:
                    shutil.copyfile(path, temporary)
    finally:
        # Those that are empty.
        with suppress(OSError):
            for each in made:
                each.rmdir()
    return paths


def _comparison(directory: Path, out: Path, *, margin: float | None = None) -> list[Path]:
    held = Comparison.load(directory)
    return write_comparison(held if margin is None else replace(held, margin=margin), out)


def _diagnosis(directory: Path, out: Path) -> list[Path]:
    write_diagnosis_page(Diagnosis.load(directory), out / PAGE)
    return [out / PAGE]


def _dimension(directory: Path, out: Path) -> list[Path]:
    return draw_dimension_pages(Dimension.load(directory), out)


def _heatmaps(directory: Path, out: Path) -> list[Path]:
    return Heatmaps.load(directory).draw(out)


def _repair(directory: Path, out: Path) -> list[Path]:
    # Pages are drawn in a directory of their own, in the one where they will be.
    return draw_repair_pages(Repair.load(directory), out, out.parent)


def _run(directory: Path, out: Path) -> list[Path]:
    write_run_page(directory, out / PAGE)
    return [out / PAGE]


_KINDS: Mapping[str, Callable[[Path, Path], list[Path]]] = MappingProxyType(
    {
        COMPARISON: _comparison,
        DIAGNOSIS: _diagnosis,
        DIMENSION: _dimension,
        HEATMAPS: _heatmaps,
        REPAIR: _repair,
        RECIPE: _run,
        RESULT: _run,
    }
)
