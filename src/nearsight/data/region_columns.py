"""The region column of a table: how all of a split is understood, and of which images the region is known."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.boxes import BoxForm, boxes_mask, four_numbers, understand_boxes
from nearsight.data.drawn_masks import marks_something, understand_masks
from nearsight.data.regions import REGION_COLUMNS, USUAL_LAYOUTS, ColumnRegions, Form
from nearsight.data.scan import Scan

if TYPE_CHECKING:
    from datasets import Dataset


def column_regions(
    rows: "Dataset", index: NDArray[np.int64], scan: Scan, split: str, notes: list[str]
) -> ColumnRegions | None:
    """Return the regions of a table's images `index`, None where it has none or they cannot be understood.

    Boxes and masks are read in one way, decided over the whole split. What was understood or left out is noted.
    """
    column = next((name for name in rows.column_names if name in REGION_COLUMNS), None)
    if column is None:
        return None
    column_rows = rows.select_columns([column])
    kind = REGION_COLUMNS[column]
    form: Form | None = None
    if kind == "mask":
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
    if told:
        notes.append(f"{split}: {told}")
    if kind != "cells" and form is None:
        return None
    empty = int((given & ~known).sum())
    if empty:
        notes.append(f"{split}: regions that cover no pixel, and so count as unknown: {empty} ({column})")
    return ColumnRegions(column_rows, column, index, known, form)


def _boxes(
    values: Sequence[Any], sizes: NDArray[np.int32], column: str
) -> tuple[BoxForm | None, NDArray[np.bool_], str]:
    boxes = [four_numbers(value if value is not None else []) for value in values]
    counts = [len(each) for each in boxes]
    sides = np.repeat(sizes[:, ::-1].astype(np.float64), counts, axis=0)
    understood = understand_boxes(
        np.concatenate([np.empty((0, 4)), *boxes]), sides, column, USUAL_LAYOUTS.get(column)
    )
    form = understood.form
    if form is None:
        return None, np.zeros(len(values), dtype=bool), understood.note
    known = [
        bool(boxes_mask(each.tolist(), int(height), int(width), form).any())
        for each, (height, width) in zip(boxes, sizes, strict=True)
    ]
    return form, np.array(known, dtype=bool), understood.note
