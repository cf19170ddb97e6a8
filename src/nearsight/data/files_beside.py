"""Images that a table refers to by path: files beside the table, or elsewhere on disk; nothing is downloaded."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from nearsight.data.encoded import is_regular
from nearsight.data.image_rows import image_rows
from nearsight.data.placed_images import is_placed
from nearsight.data.table import Table


def with_files_beside(table: Table, place: Path) -> tuple[Table, list[str]]:
    """Find the files of a table that holds only paths, and report those that are elsewhere.

    A relative path is below `place`, the directory of the table, or else, if there is no file, below the current
    directory. Files outside `place` are read like any others, with a note. Tables that hold the images themselves
    are left as they are.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from datasets import concatenate_datasets

    if is_placed(table.rows.features["image"]):
        return table, []
    cells = table.rows.select_columns(["image"]).with_format("arrow")[:]["image"]
    if pc.struct_field(cells, "bytes").null_count < len(cells):
        return table, []
    paths = [path or "" for path in pc.struct_field(cells, "path").cast(pa.string()).to_pylist()]
    files = [_below(path, place) for path in paths]
    notes = _told_outside(files, place)
    if files == paths:
        return table, notes
    rows = image_rows(files)
    others = [name for name in table.rows.column_names if name != "image"]
    if others:
        rows = concatenate_datasets([rows, table.rows.select_columns(others)], axis=1)
    return replace(table, rows=rows), notes


def _below(path: str, place: Path) -> str:
    if not path or "://" in path or Path(path).is_absolute():
        return path
    beside = os.path.normpath(place / path)
    return beside if is_regular(beside) else path


def _told_outside(files: Sequence[str], place: Path) -> list[str]:
    inside = Path(os.path.normpath(place.absolute()))
    outside = [
        file
        for file in files
        if file
        and "://" not in file
        and not Path(os.path.normpath(Path(file).absolute())).is_relative_to(inside)
    ]
    if not outside:
        return []
    return [f"{len(outside)} of {len(files)} images are files outside of {place}, such as {outside[0]}"]
