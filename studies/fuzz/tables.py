"""Damaged Parquet tables: columns, types, rows, and what their metadata say."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from nearsight.digest import seal_table
from studies.fuzz.values import as_json, damaged_values, hostile

# This many rows of nothing take a few bytes of a file.
CLAIMED = 30_000_000


def damage_table(path: Path, draw: Random) -> str:
    """Damage a Parquet table in place, and say how."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(path, memory_map=False)
    change = draw.choice(_CHANGES)
    name = draw.choice(table.column_names) if table.num_columns else ""
    try:
        changed = change(table, name, draw)
        parquet.write_table(changed, path)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, KeyError, IndexError):
        # What Arrow itself does not make is made in the metadata.
        parquet.write_table(_said(table, name, draw), path)
    if draw.random() < 0.3:
        seal_table(path)
    return f"table: {change.__name__.lstrip('_')} of {name}"


def _said(table: Any, _: str, draw: Random) -> Any:
    said = dict(table.schema.metadata or {})
    key = draw.choice([*said, b"nearsight"])
    try:
        values, _told = damaged_values(json.loads(said.get(key, b"{}")), draw)
    except ValueError:
        values = hostile(draw)
    said[key] = as_json(values).encode("utf-8", "surrogatepass")
    if draw.random() < 0.1:
        del said[key]
    return table.replace_schema_metadata(said)


def _dropped(table: Any, name: str, _: Random) -> Any:
    return table.drop_columns([name])


def _renamed(table: Any, name: str, draw: Random) -> Any:
    other = draw.choice((f"{name}x", "label", "x.scores", ""))
    return table.rename_columns([other if one == name else one for one in table.column_names])


def _twice(table: Any, name: str, _: Random) -> Any:
    return table.append_column(name, table[name])


def _retyped(table: Any, name: str, draw: Random) -> Any:
    import pyarrow as pa

    rows = len(table)
    made: tuple[Callable[[], Any], ...] = (
        lambda: pa.array([str(value) for value in table[name].to_pylist()]),
        lambda: pa.array([1.5] * rows),
        lambda: pa.array([float("nan")] * rows),
        lambda: pa.array([draw.choice((-1, 2**31, 2**62, 7))] * rows, pa.int64()),
        lambda: pa.array([[1, 2]] * rows),
        lambda: pa.array([{"a": 1}] * rows),
        lambda: pa.array([b"\xff\xfe"] * rows),
        lambda: pa.array([True] * rows),
        lambda: pa.nulls(rows),
        lambda: pa.array([Decimal("1.5")] * rows),
        lambda: pa.array([0] * rows, pa.timestamp("us")),
        lambda: table[name].dictionary_encode(),
        lambda: table[name].cast(pa.int8()),
        lambda: table[name].cast(pa.float16()),
    )
    column = draw.choice(made)()
    return table.set_column(table.column_names.index(name), name, column)


def _cell(table: Any, name: str, draw: Random) -> Any:
    import pyarrow as pa

    values = table[name].to_pylist()
    kind = table[name].type
    for _ in range(draw.choice((1, 1, 5))):
        if values:
            at = draw.randrange(len(values))
            values[at] = draw.choice((None, -1, 2**40, "", "x", b"", [], [1.0] * 99, float("nan"), values[0]))
    return table.set_column(table.column_names.index(name), name, pa.array(values, kind))


def _rows(table: Any, _: str, draw: Random) -> Any:
    import pyarrow as pa

    half = len(table) // 2
    return draw.choice(
        (
            lambda: table.slice(0, 0),
            lambda: table.slice(0, 1),
            lambda: table.slice(half),
            lambda: pa.concat_tables([table, table]),
            lambda: table.take(list(range(len(table)))[::-1]),
        )
    )()


def _claimed(table: Any, name: str, draw: Random) -> Any:
    import pyarrow as pa

    del draw
    return pa.table({one: pa.nulls(CLAIMED) for one in (table.column_names if name else ["x"])})


def _many_columns(table: Any, _: str, draw: Random) -> Any:
    import pyarrow as pa

    del draw
    extra = {f"column {number}": pa.nulls(len(table)) for number in range(2000)}
    return pa.table(
        {**{name: table[name] for name in table.column_names}, **extra}, metadata=table.schema.metadata
    )


_CHANGES: tuple[Callable[[Any, str, Random], Any], ...] = (
    *(_said,) * 8, *(_retyped,) * 8, *(_cell,) * 8, *(_rows,) * 4, *(_dropped,) * 3, _renamed, _twice, _many_columns,
    _claimed,
)  # fmt: skip
