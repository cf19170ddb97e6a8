"""Annotation files that are given with a set: each image's regions as a column of its table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.annotated_images import by_image
from nearsight.data.annotations import annotations_beside
from nearsight.data.class_names import plain
from nearsight.data.regions import BOXES_COLUMN, OUTLINES_COLUMN, REGION_COLUMNS
from nearsight.data.shapes import Annotated, Annotations, Shapes
from nearsight.data.table import Table
from nearsight.errors import InputError, listed
from nearsight.numbers import counted

if TYPE_CHECKING:
    from datasets import Dataset


def with_annotations(
    tables: Mapping[str, Table],
    annotations: Annotations,
    labels: Mapping[str, NDArray[np.int64]],
    classes: Sequence[str],
) -> tuple[dict[str, Table], list[str]]:
    """Return the tables of the labelled splits with a column of regions, replacing an existing one, and notes.

    If objects have the names of the set's classes, those of an image's own class are its region; otherwise all of
    them are. Raises `InputError` if no annotation belongs to any image.
    """
    paths = {split: _paths(tables[split].rows) for split in labels}
    together = [path for split in labels for path in paths[split]]
    found, unclear = by_image(annotations.images, together)
    if not any(found):
        raise InputError(
            f"none of {counted(len(annotations.images), 'image')} that the annotations ({annotations.kind}) "
            "speak of is in "
            f"the set; they name {listed([each.image for each in annotations.images])}, the set {listed(together)}"
        )
    notes = list(annotations.notes)
    if unclear:
        notes.append(
            f"regions: several annotations may refer to {len(unclear)} images, such as {unclear[0]}; left out"
        )
    folded = {plain(name).casefold() for name in annotations.names}
    own = sum(plain(name).casefold() in folded for name in classes) * 2 > len(classes)
    drawn = any(shape.outlines or shape.runs for each in annotations.images for shape in each.shapes.objects)
    column = "mask" if annotations.kind == "masks" else OUTLINES_COLUMN if drawn else BOXES_COLUMN
    result, start = {}, 0
    for split, numbers in labels.items():
        said = found[start : start + len(numbers)]
        start += len(numbers)
        if own:
            said = [
                each and replace(each, shapes=_of_class(each.shapes, plain(classes[number])))
                for each, number in zip(said, numbers.tolist(), strict=True)
            ]
        result[split] = replace(tables[split], rows=_with_column(tables[split].rows, column, said))
        count = sum(each is not None for each in said)
        told = f"{split}: {count} of {len(said)} images have regions from annotations ({annotations.kind})"
        if annotations.names:
            all_objects = f"all objects, which are {listed(sorted(annotations.names))}"
            told += f", {'the objects of its own class' if own else all_objects}"
        notes.append(told)
    return result, notes


def with_annotations_beside(
    tables: Mapping[str, Table],
    folder: Path,
    labels: Mapping[str, NDArray[np.int64]],
    classes: Sequence[str],
) -> tuple[Mapping[str, Table], list[str]]:
    """Do as `with_annotations` with the annotations in a folder of images; a note names those left out."""
    images = [path for split in labels for path in _paths(tables[split].rows)]
    try:
        annotations = annotations_beside(folder, images)
        return (tables, []) if annotations is None else with_annotations(tables, annotations, labels, classes)
    except InputError as error:
        return tables, [f"regions that lie with the images are left out: {error}"]


def _paths(rows: "Dataset") -> list[str]:
    import pyarrow.compute as pc

    paths = pc.struct_field(rows.with_format("arrow")[:]["image"], "path").to_pylist()
    return [path or "" for path in paths]


def _of_class(shapes: Shapes, name: str) -> Shapes:
    kept = [each for each in shapes.objects if each.name and plain(each.name).casefold() == name.casefold()]
    return replace(shapes, objects=tuple(kept))


def _with_column(rows: "Dataset", column: str, said: Sequence[Annotated | None]) -> "Dataset":
    from datasets import Value

    rows = rows.remove_columns([name for name in rows.column_names if name in REGION_COLUMNS])
    if column == "mask":
        text = {name: Value("string") for name in ("path", "stamp")}
        cells = [None if each is None or each.mask is None else _stamped(each.mask) for each in said]
        return rows.add_column(column, cells, feature={"bytes": Value("binary"), **text})
    written = [None if each is None else each.shapes.written() for each in said]
    return rows.add_column(column, written, feature=Value("string"))


def _stamped(file: str) -> dict[str, str | None]:
    # Size and time are part of the cache's key, so that a changed file is read again.
    status = Path(file).stat()
    return {"bytes": None, "path": file, "stamp": f"{status.st_size} {status.st_mtime_ns}"}
