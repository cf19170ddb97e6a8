"""The region column of a table: how all of a split is understood, and for which images the region is known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from nearsight.data.boxes import BoxForm, edges_in, four_numbers, understand_boxes
from nearsight.data.drawn_masks import marks_something, understand_masks
from nearsight.data.regions import (
    BOXES_COLUMN,
    COLUMN_KINDS,
    OUTLINES_COLUMN,
    USUAL_LAYOUTS,
    ColumnRegions,
    Form,
)
from nearsight.data.scan import Scan
from nearsight.data.shapes import Shapes
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted

if TYPE_CHECKING:
    from datasets import Dataset

# Whether regions are a column of the table, or files that were requested or found beside the images.
Source = Literal["table", "asked", "beside"]


def column_regions(
    rows: "Dataset",
    index: NDArray[np.int64],
    scan: Scan,
    split: str,
    notes: list[str],
    *,
    source: Source = "table",
) -> ColumnRegions | None:
    """Return the regions of a table's images `index`, None if it has none or they cannot be understood.

    Boxes and masks are read in one way, decided over the whole split. Notes report what was understood or left
    out. Raises `InputError` for a region that is not of its kind, unless it was found `beside` the images, and if
    regions that were `asked` for cannot be understood.
    """
    column = next((name for name in rows.column_names if name in COLUMN_KINDS), None)
    if column is None:
        return None
    misfits = [scan.misfits[row] for row in index.tolist() if row in scan.misfits]
    if misfits:
        if source != "beside":
            raise InputError(misfits[0])
        notes.append(
            f"{split}: regions that lie with the images are left out: {misfits[0]} ({len(misfits)} such)"
        )
        return None
    column_rows = rows.select_columns([column])
    kind = COLUMN_KINDS[column]
    form: Form | None = None
    if column in (BOXES_COLUMN, OUTLINES_COLUMN):
        values = column_rows.with_format("arrow")[:][column].to_pylist()
        shapes = [None if values[row] is None else Shapes.of(values[row]) for row in index.tolist()]
        given = np.array([each is not None and bool(each.objects) for each in shapes], dtype=bool)
        known, told = _fitting(shapes, scan.sizes[index])
    elif kind == "mask":
        looks = {row: scan.looks[row] for row in index.tolist() if row in scan.looks}
        understood = understand_masks(list(looks.values()), column)
        form = understood.form
        marked = {row for row, look in looks.items() if form is not None and marks_something(look, form)}
        given = np.array([row in looks for row in index.tolist()], dtype=bool)
        known = np.array([row in marked for row in index.tolist()], dtype=bool)
        told = understood.note
    else:
        values = column_rows.with_format("arrow")[:][column].to_pylist()
        values = [values[row] for row in index.tolist()]
        given = np.array([value is not None for value in values], dtype=bool)
        if kind == "cells":
            known, told = np.array([value is not None and any(value) for value in values], dtype=bool), ""
        else:
            form, known, told = _boxes(values, scan.sizes[index], column)
    left_out = told and kind != "cells" and not known.any() and form is None
    if left_out and source == "asked":
        raise InputError(f"the regions of {split} cannot be used: {told}")
    if told:
        notes.append(f"{split}: {told}")
    if left_out:
        return None
    empty = int((given & ~known).sum())
    if empty:
        notes.append(f"{split}: regions that cover no pixel, and so count as unknown: {empty} ({column})")
    return ColumnRegions(column_rows, column, index, known, form)


def _fitting(shapes: Sequence[Shapes | None], sizes: NDArray[np.int32]) -> tuple[NDArray[np.bool_], str]:
    """Which images have shapes that fit them, and what is wrong with the others or was done to make them fit."""
    known, resized, other, beyond = [], 0, 0, 0
    for each, (height, width) in zip(shapes, sizes.tolist(), strict=True):
        if each is None or not each.objects:
            known.append(False)
            continue
        if not each.fits(height, width):
            other += 1
            known.append(False)
            continue
        resized += each.size not in (None, (height, width))
        found = np.ceil(each.extent(height, width) - 0.5)
        inside = np.clip(found, 0, [width, height, width, height])
        beyond += bool((np.abs(found - inside) > 2).any())
        known.append(bool((inside[:, 2:] > inside[:, :2]).all(1).any()))
    count = sum(each is not None and bool(each.objects) for each in shapes)
    told = []
    if other:
        told.append(
            f"the annotations of {counted(other, 'image')} are of an image of another shape, and are left out"
        )
    if resized:
        some = f"{counted(resized, 'image')} {agreeing(resized, 'was', 'were')}"
        told.append(f"{some} resized after annotation, and the regions are resized too")
    if beyond:
        told.append(f"objects reach beyond their image in {beyond} of {count}, and are cut off there")
    if count and 2 * beyond > count:
        told.append("so they are of other images, and all are left out")
        known = [False] * len(known)
    return np.array(known, dtype=bool), "; ".join(told)


def _boxes(
    values: Sequence[Any], sizes: NDArray[np.int32], column: str
) -> tuple[BoxForm | None, NDArray[np.bool_], str]:
    boxes = [four_numbers(value if value is not None else []) for value in values]
    counts = [len(each) for each in boxes]
    sides = np.repeat(sizes[:, ::-1].astype(np.float64), counts, axis=0)
    together = np.concatenate([np.empty((0, 4)), *boxes])
    understood = understand_boxes(together, sides, column, USUAL_LAYOUTS.get(column))
    form = understood.form
    if form is None:
        return None, np.zeros(len(values), dtype=bool), understood.note
    # What `boxes_mask` marks, for all boxes together.
    ends = np.ceil(edges_in(together, sides, form) - 0.5).clip(0, np.tile(sides, 2))
    marks = (ends[:, 2:] > ends[:, :2]).all(1)
    owner = np.repeat(np.arange(len(boxes)), counts)
    known = np.bincount(owner, marks, minlength=len(boxes)) > 0
    return form, known, understood.note
