"""The files `metadata.csv`, `.jsonl` or `.parquet` among the images of a Hugging Face image folder."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nearsight.data.faults import one_line
from nearsight.data.listed_table import label_column, read_listed, usual_column
from nearsight.data.listing import with_columns
from nearsight.data.table import Table
from nearsight.data.tree import Folder
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = ("metadata.csv", "metadata.jsonl", "metadata.parquet")


@dataclass(frozen=True)
class Metadata:
    """What such files say about images: `columns`, the row of each image by its path; `label` names the labels."""

    columns: "pa.Table"
    row: dict[str, int]
    label: str | None
    files: tuple[Path, ...]


def find_metadata(root: Folder) -> Metadata | None:
    """Read all such files in a folder, None if there are none; raises `InputError` for one without file names."""
    import pyarrow as pa

    files = [folder.path / name for folder in root.walk() for name in folder.others if name in NAMES]
    tables, paths = [], []
    for file in files:
        table = _read(file)
        column = usual_column(table.column_names, ("filename", "imagefilename", "imagefile"))
        if column is None:
            raise InputError(
                f"{file} has no column file_name (columns: {', '.join(table.column_names)}); each row of it names "
                "the image that it speaks of"
            )
        paths += [os.path.normpath(file.parent / str(name)) for name in table[column].to_pylist()]
        tables.append(table.drop_columns([column]))
    if not tables:
        return None
    try:
        columns = pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as fault:
        raise InputError(
            f"the files of metadata in {root.path} have columns of one name and of other types: {one_line(fault)}; "
            "write them alike"
        ) from None
    row = {path: number for number, path in enumerate(paths)}
    return Metadata(columns, row, label_column(columns.column_names), tuple(files))


def apply_metadata(
    metadata: Metadata, split: str, files: Sequence[str], table: Table
) -> tuple[Table, list[str]]:
    """Add to the table of a split's files the other columns, and labels in place of the directories'.

    Images that the files do not mention are left out if the labels are in the files; notes report both.
    """
    import pyarrow as pa

    rows = [metadata.row.get(os.path.normpath(file)) for file in files]
    known = [k for k, row in enumerate(rows) if row is not None]
    names = ", ".join(dict.fromkeys(file.name for file in metadata.files))
    notes = []
    silent = len(files) - len(known)
    if silent:
        left = ", and are left out" if metadata.label is not None and known else ""
        notes.append(f"{split}: {silent} of {counted(len(files), 'image')} are not in {names}{left}")
    if not known:
        return table, notes
    if metadata.label is not None:
        files = [files[k] for k in known]
        rows = [rows[k] for k in known]
    columns = metadata.columns.take(pa.array(rows, pa.int64()))
    if metadata.label is not None:
        if metadata.label != "label":
            label = columns[metadata.label]
            columns = columns.drop_columns([metadata.label]).append_column("label", label)
        found = with_columns(files, columns, f"{names} {split}")
        over = " instead of the directories" if table.classes is not None else ""
        notes.append(f"{split}: labels from the column '{metadata.label}' of {names}{over}")
        return found, notes
    found = with_columns(files, columns, f"{names} {split}")
    return replace(found, labels=table.labels, classes=table.classes), notes


def told_missing(metadata: Metadata, files: Sequence[str]) -> list[str]:
    """Report images that are mentioned but do not exist."""
    there = {os.path.normpath(file) for file in files}
    missing = [path for path in metadata.row if path not in there]
    if not missing:
        return []
    return [
        (
            f"{counted(len(missing), 'image')} that metadata speaks of {agreeing(len(missing), 'is', 'are')} "
            f"not there, such as {missing[0]}"
        )
    ]


def _read(file: Path) -> Any:
    if file.suffix != ".parquet":
        return read_listed(file)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(file)
    except (pa.ArrowException, OSError) as fault:
        raise InputError(
            f"{file} is not a whole Parquet file: {one_line(fault)}; write or download it again"
        ) from None
