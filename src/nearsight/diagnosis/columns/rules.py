"""Rules by which an image has something in a column: a value, a period of time, one side of a number."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import FILE, NUMBERS, TIMES, ColumnValues
from nearsight.diagnosis.columns.words import (
    FAULTY,
    words_below,
    words_from,
    words_in,
    words_missing,
    words_of,
)

# A value of fewer images cannot characterise a class.
LEAST = 5
# If there are more values, the most frequent ones.
MOST_VALUES = 200
CUTS = 10
_UNITS = (("year", "%Y"), ("month", "%Y-%m"), ("day", "%Y-%m-%d"))


@dataclass(frozen=True, eq=False)
class Rule:
    """Which images have it, bool (n,), and how much of it each has, float32 (n,), NaN if that is not known.

    `graded` says that it is one side of a number or a time; `number` is the value, if it is a single number.
    """

    column: str
    words: str
    has: NDArray[np.bool_]
    value: NDArray[np.float32]
    graded: bool = False
    number: float | None = None


def rules_of(column: ColumnValues, choosing: NDArray[np.bool_]) -> Iterator[Rule]:
    """Yield the rules of a column. Values, periods and bounds are those of the images that choose, bool (n,).

    >>> import pyarrow as pa
    >>> from nearsight.data.value_groups import column_values
    >>> camera = column_values("camera", pa.chunked_array([["a"] * 6 + ["b"] * 5 + ["c"]]))
    >>> [rule.words for rule in rules_of(camera, np.ones(12, dtype=bool))]
    ['camera: a', 'camera: b']

    At least five of the images that choose must have it, but not all of them.
    """
    if column.identifies:
        return
    for rule in _all(column, choosing):
        count = int(rule.has[choosing].sum())
        if LEAST <= count < int(choosing.sum()):
            yield rule


def _all(column: ColumnValues, choosing: NDArray[np.bool_]) -> Iterator[Rule]:
    if column.name == f"{FILE}fault":
        yield _plain(column, FAULTY, column.known)
        return
    if column.kind == NUMBERS:
        yield from _numbers(column, choosing)
        yield from _bounds(column, column.values, choosing)
    elif column.kind == TIMES:
        yield from _times(column, choosing)
        yield from _bounds(column, column.values.astype(np.int64).astype(np.float64), choosing)
    else:
        for value in _frequent(column.values[column.known & choosing]):
            has = column.known & (column.values == value)
            yield _plain(column, words_of(column.name, value), has)
    yield _plain(column, words_missing(column.name), ~column.known)


def _plain(column: ColumnValues, words: str, has: NDArray[np.bool_], number: float | None = None) -> Rule:
    return Rule(column.name, words, has, has.astype(np.float32), number=number)


def _frequent(values: NDArray[Any]) -> list[Any]:
    return [value for value, count in Counter(values.tolist()).most_common(MOST_VALUES) if count >= LEAST]


def _numbers(column: ColumnValues, choosing: NDArray[np.bool_]) -> Iterator[Rule]:
    for value in _frequent(column.values[column.known & choosing]):
        has = column.known & (column.values == value)
        yield _plain(column, words_of(column.name, f"{value:.6g}"), has, number=value)


def _times(column: ColumnValues, choosing: NDArray[np.bool_]) -> Iterator[Rule]:
    times = [time.astype(datetime) for time in column.values]
    for unit, form in _UNITS:
        written = np.array(
            [time.strftime(form) if there else "" for time, there in zip(times, column.known, strict=True)],
            dtype=object,
        )
        for stretch in _frequent(written[column.known & choosing]):
            yield _plain(column, words_in(column.name, stretch, unit), written == stretch)


def _bounds(
    column: ColumnValues, numbers: NDArray[np.float64], choosing: NDArray[np.bool_]
) -> Iterator[Rule]:
    known = np.sort(column.values[column.known & choosing])
    if not len(known):
        return
    cuts = np.unique(known[[len(known) * k // CUTS for k in range(1, CUTS)]])
    most = np.finfo(np.float32).max
    more = np.where(column.known, np.clip(numbers, -most, most), np.nan).astype(np.float32)
    for cut in cuts[cuts > known[0]]:
        bound: Any = float(cut) if column.kind == NUMBERS else cut
        below = column.known & (column.values < cut)
        yield Rule(column.name, words_below(column.name, bound), below, -more, graded=True)
        yield Rule(column.name, words_from(column.name, bound), column.known & ~below, more, graded=True)
