"""Files of one split that number their classes separately, as one table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nearsight.data.class_names import agree
from nearsight.data.faults import one_line
from nearsight.data.table import Table
from nearsight.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa


def joined(tables: Mapping[str, Table], where: str) -> Table:
    """Join the tables of a split's files, by the file's name, in order; classes are matched by name, with notes.

    Raises `InputError` if some name their classes and some do not, or if their columns differ.
    """
    from datasets import concatenate_datasets

    each = list(tables.values())
    classes, labels, notes = _one_numbering(tables, where)
    try:
        rows = concatenate_datasets([table.rows for table in each])
    except ValueError:
        listings = " and ".join(dict.fromkeys(", ".join(table.rows.column_names) for table in each))
        raise InputError(
            f"cannot read {where} as one table: its files hold different columns ({listings})"
        ) from None
    return Table(rows, labels, classes, _columns(each, where), notes)


def _one_numbering(
    tables: Mapping[str, Table], where: str
) -> tuple[tuple[str, ...] | None, NDArray[np.int64] | list[str | None] | None, tuple[str, ...]]:
    kinds = {type(table.labels) for table in tables.values()}
    if len(kinds) > 1:
        raise InputError(
            f"cannot read {where} as one table: its files do not have the same kind of label, or some have none; "
            "give each file class numbers, or each file names"
        )
    named = {file: table.classes for file, table in tables.items() if table.classes is not None}
    if named and len(named) < len(tables):
        unnamed = next(file for file in tables if file not in named)
        raise InputError(
            f"{next(iter(named))} of {where} names its classes and {unnamed} does not, so that its numbers may mean "
            "others; write them with the same features"
        )
    if kinds == {list}:
        words = [word for table in tables.values() for word in (table.labels or ())]
        return next(iter(named.values()), None), words, ()
    if kinds == {type(None)}:
        return next(iter(named.values()), None), None, ()
    numbers = {file: np.asarray(table.labels) for file, table in tables.items()}
    if not named:
        return None, np.concatenate(list(numbers.values())), ()
    agreed = agree(named, next(iter(named)), where)
    placed = []
    for file, own in numbers.items():
        places = np.array(agreed.places[file], dtype=np.int64)
        inside = (own >= 0) & (own < len(places))
        if (own >= len(places)).any():
            raise InputError(
                f"{file} of {where} has the label {own.max()}, and names {len(places)} classes; write it again"
            )
        placed.append(np.where(inside, places[np.where(inside, own, 0)], own))
    return agreed.classes, np.concatenate(placed), agreed.notes


def _columns(tables: list[Table], where: str) -> "pa.Table | None":
    import pyarrow as pa

    if all(table.columns is None for table in tables):
        return None
    rows = "rows without other columns"
    filled = [
        pa.table({rows: pa.nulls(len(table))}) if table.columns is None else table.columns for table in tables
    ]
    try:
        together = pa.concat_tables(filled, promote_options="permissive")
    except pa.ArrowTypeError as fault:
        raise InputError(f"cannot read {where} as one table: {one_line(fault)}") from None
    return together.drop_columns([rows]) if rows in together.column_names else together
