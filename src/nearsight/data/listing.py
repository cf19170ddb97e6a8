"""A table of files and labels, given as a set itself: CSV, TSV, lines of text or JSON."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nearsight.data.encoded import is_regular
from nearsight.data.faults import one_line
from nearsight.data.image_rows import image_rows
from nearsight.data.listed_table import file_column, label_column, read_listed, split_column
from nearsight.data.split_names import keyed
from nearsight.data.table import Table, as_table
from nearsight.data.tree import IMAGE_SUFFIXES
from nearsight.errors import InputError, listed

if TYPE_CHECKING:
    import pyarrow as pa

_DIRECTORIES = ("images", "image", "imgs", "img", "train", "test", "data", "photos", "all", "JPEGImages")
_ENDINGS = ("", ".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG", ".bmp", ".tif", ".webp")
_WAY_OUT = "name the columns 'path', 'label' and, where there are splits, 'split'"


def read_listing(file: Path) -> tuple[dict[str, Table], list[str]]:
    """Read a table of files and labels as tables by split, other columns kept, with notes on which are which.

    Files are relative to the table's directory, or to one of a usual name in it. Raises `InputError`, listing the
    columns, if it is not clear which is which, if no file exists, and if one is listed with two labels.
    """
    import pyarrow as pa

    table = read_listed(file)
    path = file_column(table)
    if path is None:
        raise InputError(
            f"{file} has no column of files (columns: {', '.join(table.column_names)}); {_WAY_OUT}"
        )
    others = [name for name in table.column_names if name != path]
    split = split_column(others)
    label = label_column([name for name in others if name != split])
    notes = []
    if label is None and len(others) - (split is not None) == 1:
        label = next(name for name in others if name != split)
    if label is None:
        table, label = _one_hot(table, [name for name in others if name != split])
        if label is not None:
            notes.append("labels are the columns that hold a one")
    if label is None:
        raise InputError(
            f"{file} has no column of labels (columns: {', '.join(table.column_names)}); {_WAY_OUT}"
        )
    for name in filter(None, (path, label, split)):
        if pa.types.is_nested(table[name].type):
            raise InputError(
                f"the column '{name}' of {file} holds {table[name].type}; expected one name or number in each line"
            )
    columns = f"files in '{path}', labels in '{label}'" + (f", splits in '{split}'" if split else "")
    notes.insert(0, f"a table of files and labels: {columns}")
    table, told = _without_repeats(table, path, label, file)
    notes += told
    files, told = _located(table[path].to_pylist(), file, path)
    notes += told
    kept = table.drop_columns([path] + ([split] if split else []))
    if label != "label":
        kept = kept.drop_columns([label]).append_column("label", table[label])
    named = [] if split is None else list(dict.fromkeys(map(str, table[split].to_pylist())))
    if not named:
        return {"train": with_columns(files, kept, str(file))}, notes
    keys, told = keyed(named, named)
    of_row = np.array([str(value) for value in table[split].to_pylist()])
    tables = {}
    for value in named:
        index = np.flatnonzero(of_row == value)
        tables[keys[value]] = with_columns([files[k] for k in index], kept.take(index), f"{file} {value}")
    return tables, told + notes


def with_columns(files: Sequence[str], columns: "pa.Table", where: str) -> Table:
    """Return the table of image files with their other columns, among them labels and regions."""
    from datasets import Dataset, concatenate_datasets

    rows = image_rows(files)
    columns = columns.drop_columns([name for name in columns.column_names if name == "image"])
    if columns.num_columns:
        try:
            beside = Dataset(columns.combine_chunks().replace_schema_metadata(None))
            rows = concatenate_datasets([rows, beside], axis=1)
        # `datasets` raises what its parsing of types leads to.
        except Exception as fault:
            raise InputError(
                f"the columns of {where} cannot be read: {one_line(fault)}; write them as text"
            ) from None
    return as_table(rows, where)


def _one_hot(table: "pa.Table", names: Sequence[str]) -> tuple["pa.Table", str | None]:
    """Columns of ones and zeros, one for each class, with a single one in every row."""
    import pyarrow as pa

    numeric = [
        name
        for name in names
        if pa.types.is_integer(table[name].type) or pa.types.is_floating(table[name].type)
    ]
    if len(numeric) < 2:
        return table, None
    values = np.stack(
        [np.nan_to_num(table[name].to_numpy().astype(float), nan=-1) for name in numeric], axis=1
    )
    binary = [k for k in range(len(numeric)) if np.isin(values[:, k], (0, 1)).all()]
    if len(binary) < 2 or not (values[:, binary].sum(1) == 1).all():
        return table, None
    own = [numeric[binary[k]] for k in values[:, binary].argmax(1)]
    return table.drop_columns([numeric[k] for k in binary]).append_column("label", pa.array(own)), "label"


def _without_repeats(table: "pa.Table", path: str, label: str, file: Path) -> tuple["pa.Table", list[str]]:
    labels: dict[object, object] = {}
    kept = []
    for row, (name, own) in enumerate(zip(table[path].to_pylist(), table[label].to_pylist(), strict=True)):
        if name not in labels:
            labels[name] = own
            kept.append(row)
        elif labels[name] != own:
            raise InputError(
                f"{file} lists {name} with two labels, '{labels[name]}' and '{own}'; give each image one"
            )
    repeats = len(table) - len(kept)
    if not repeats:
        return table, []
    return table.take(kept), [f"{repeats} lines list a file again, and are left out"]


def _located(names: Sequence[object], file: Path, column: str) -> tuple[list[str], list[str]]:
    """Find the files, each beside the table or in a directory of a usual name, with or without an ending."""
    base = file.parent
    folders = [base, base / file.stem, *(base / name for name in _DIRECTORIES)]
    folders = [folder for folder in folders if folder.is_dir()]
    ways = [(folder, ending) for ending in _ENDINGS for folder in folders]
    found: list[str] = []
    there = 0
    used: dict[tuple[Path, str], int] = {}
    for name in names:
        text = str(name).replace("\\", "/").strip()
        endings = {""} if Path(text).suffix.casefold() in IMAGE_SUFFIXES else set(_ENDINGS)
        for way in sorted(ways, key=lambda way: -used.get(way, 0)) if used else ways:
            place = os.path.normpath(way[0] / (text + way[1]))
            if way[1] in endings and is_regular(place):
                used[way] = used.get(way, 0) + 1
                there += 1
                break
        else:
            place = os.path.normpath(base / text)
        found.append(place)
    if not there:
        raise InputError(
            f"none of the {len(names)} files that {file} lists in its column '{column}' is there, such as "
            f"{names[0]}; give paths relative to {base}"
        )
    moved = [f"{folder.relative_to(base)}/" for folder, _ in used if folder != base]
    added = sorted({ending for _, ending in used if ending})
    told = [f"files lie in {listed(list(dict.fromkeys(moved)))}"] if moved else []
    if added:
        told.append(f"files are listed without {', '.join(added)}")
    return found, told
