"""Groups of images by the value of a column: each value, ranges of numbers, or periods of time."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.cells import cells
from nearsight.data.file_facts import file_facts
from nearsight.data.groups import TAKEN, read_time
from nearsight.data.image_set import ImageSet
from nearsight.errors import InputError, unknown_name
from nearsight.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow as pa

# Facts of files are columns too, named by this and their name.
FILE = "file."
MISSING = "(missing)"
# More different numbers than this are divided into as many ranges as below.
MOST_NUMBERS = 12
RANGES = 5
# More periods of time than this are too fine to compare.
MOST_TIMES = 31

VALUES, NUMBERS, TIMES = "values", "numbers", "times"
_UNITS = (("year", "%Y"), ("month", "%Y-%m"), ("day", "%Y-%m-%d"), ("hour", "%Y-%m-%d %Hh"))


@dataclass(frozen=True, eq=False)
class ColumnValues:
    """A column as it is grouped: `kind` is values (text), numbers (float64, NaN if missing) or times.

    `values` is text as an object array, float64, or datetime64[s], of shape (n,); `known` (n,) says where there
    is one. `whole` says whether numbers are integers.
    """

    name: str
    kind: str
    values: NDArray[Any]
    known: NDArray[np.bool_]
    whole: bool = False

    def select(self, index: NDArray[np.int64]) -> "ColumnValues":
        """Return the column of some images."""
        return replace(self, values=self.values[index], known=self.known[index])

    @property
    def identifies(self) -> bool:
        """Whether each image has its own value, such as a name or a row's number: such a column groups nothing."""
        known = self.values[self.known]
        if len(known) < 2 or self.kind == TIMES or (self.kind == NUMBERS and not self.whole):
            return False
        return len(np.unique(known)) == len(known)


@dataclass(frozen=True, eq=False)
class ValueGroups:
    """The group of each image by one column: `names` of the groups and the number of each image's, int64 (n,).

    >>> import pyarrow as pa
    >>> found = value_groups(column_values("camera", pa.chunked_array([["a", "b", None, "a"]])))
    >>> found.names, found.of_image.tolist(), found.cut
    (('a', 'b', '(missing)'), [0, 1, 2, 0], None)

    `cut` says how numbers or times became groups; None if each value is a group. Images without a value are a
    group of their own, the last.
    """

    column: str
    names: tuple[str, ...]
    of_image: NDArray[np.int64]
    cut: str | None = None

    def select(self, index: NDArray[np.int64]) -> "ValueGroups":
        """Return the groups of some images; all names are kept."""
        return replace(self, of_image=self.of_image[index])


def image_columns(images: ImageSet, progress: Progress = SILENT) -> "pa.Table":
    """Return the columns of a set and, after them, the facts of its files, each named `file.` and its name.

    >>> from nearsight.data import load
    >>> image_columns(load("digits")["test"]).column_names[:3]
    ['file.width', 'file.height', 'file.aspect']

    The time in a file's EXIF, which some sets have as a column, is among the facts.
    """
    import pyarrow as pa

    facts = file_facts(images, progress)
    named = dict(zip((f"{FILE}{name}" for name in facts.column_names), facts.columns, strict=True))
    own = (
        {} if images.columns is None else dict(zip(images.columns.column_names, images.columns, strict=True))
    )
    own.pop(TAKEN, None)
    return pa.table(own | {name: column for name, column in named.items() if name not in own})


def column_of(images: ImageSet, name: str, progress: Progress = SILENT) -> "pa.ChunkedArray":
    """Return one column of a set, or one fact of its files; the files are only read for a fact.

    Raises `InputError`, listing the columns, for one that does not exist.
    """
    if images.columns is not None and name in images.columns.column_names:
        return images.columns[name]
    if name.startswith(FILE):
        facts = file_facts(images, progress)
        if name.removeprefix(FILE) in facts.column_names:
            return facts[name.removeprefix(FILE)]
    own = [] if images.columns is None else images.columns.column_names
    known = [*own, *(f"{FILE}{fact}" for fact in _facts(images))]
    raise unknown_name("column", name, known)


def _facts(images: ImageSet) -> list[str]:
    return list(file_facts(images.select(np.arange(min(1, len(images))))).column_names)


def column_values(name: str, column: "pa.ChunkedArray") -> ColumnValues:
    """Return a column as values, numbers or times; text in which every value is a time becomes times.

    >>> import pyarrow as pa
    >>> found = column_values("taken", pa.chunked_array([["2024-01-31", None]]))
    >>> found.kind, found.known.tolist()
    ('times', [True, False])

    Numbers that are not numbers (NaN), and text without a letter, are missing; so is text that says "(missing)".
    Integers beyond 2**53 are codes: they are values, because as float64 several would be one.
    """
    import pyarrow as pa

    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        try:
            # Without the sign of zero, which says nothing.
            numbers = column.cast(pa.float64()).to_numpy().astype(np.float64) + 0.0
        except pa.ArrowInvalid:
            column = column.cast(pa.string())
        else:
            return ColumnValues(name, NUMBERS, numbers, ~np.isnan(numbers), pa.types.is_integer(kind))
    found = cells(column)
    texts = [_text(value) for value in found]
    known = np.array([text is not None for text in texts], dtype=np.bool_)
    when = _times([value for value, there in zip(found, known, strict=True) if there])
    if when is not None:
        values = np.full(len(known), np.datetime64("NaT", "s"), "datetime64[s]")
        values[known] = when
        return ColumnValues(name, TIMES, values, known)
    return ColumnValues(name, VALUES, np.array([text or "" for text in texts], dtype=object), known)


def _text(value: object) -> str | None:
    if value is None:
        return None
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value).strip()
    return None if text in ("", MISSING) else text


def _times(found: Sequence[object]) -> list[datetime] | None:
    times = []
    for value in found:
        time = _time(value)
        if time is None:
            return None
        times.append(time)
    return times or None


def _time(value: object) -> datetime | None:
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if not isinstance(value, str):
        return None
    text = value.strip()
    # Plain numbers are years, codes or counts, not times.
    if not text or text.isdigit():
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return read_time(text) if text[4:5] == ":" else None


def groups_of(images: ImageSet, name: str, progress: Progress = SILENT) -> ValueGroups:
    """Return the groups that a column, or a fact of the files, makes of a set's images.

    Raises `InputError` for a column that does not exist, that says nothing, or that names each image.
    """
    return checked_groups(column_values(name, column_of(images, name, progress)))


def checked_groups(column: ColumnValues) -> ValueGroups:
    """Return the groups of a requested column; raises `InputError` if it makes none."""
    if not column.known.any():
        raise InputError(f"the column '{column.name}' has no value for any image; give another")
    if column.kind == VALUES and column.identifies:
        raise InputError(
            f"the column '{column.name}' has a different value for every image, such as "
            f"'{column.values[column.known][0]}'; give one whose values several images share"
        )
    return value_groups(column)


def value_groups(column: ColumnValues) -> ValueGroups:
    """Return the groups of a column: its values, five ranges of many numbers, or the coarsest unit of times.

    >>> import pyarrow as pa
    >>> found = value_groups(column_values("age", pa.chunked_array([list(range(100))])))
    >>> found.names, found.cut
    (('0 to 19', '20 to 39', '40 to 59', '60 to 79', '80 to 99'), 'into 5 ranges of about as many images')
    >>> value_groups(column_values("day", pa.chunked_array([["2023-01-05", "2024-01-31"]]))).names
    ('2023', '2024')

    Up to 12 different numbers are values. Ranges have about the same number of images each, fewer if many are
    equal. For times it is years, or months, days or hours if all are within one; if these are more than 31,
    ranges.
    """
    known = column.values[column.known]
    if column.kind == VALUES:
        return _grouped(column, known, None)
    if column.kind == NUMBERS:
        if len(np.unique(known)) <= MOST_NUMBERS:
            return _by_order(column, known, [f"{value:g}" for value in np.unique(known)])
        return _ranges(column, known, lambda value: f"{value:.6g}")
    stretches = [[str(time) for time in _written(known, form)] for _, form in _UNITS]
    for (unit, _), written in zip(_UNITS, stretches, strict=True):
        if 1 < len(set(written)) <= MOST_TIMES:
            return _grouped(column, np.array(written, dtype=object), f"by {unit}")
    if len(set(stretches[-1])) == 1:
        return _grouped(column, np.array(stretches[-1], dtype=object), "by hour")
    return _ranges(column, known, lambda value: str(value).replace("T", " "))


def _written(times: NDArray[Any], form: str) -> list[str]:
    return [time.astype(datetime).strftime(form) for time in times]


def _ranges(column: ColumnValues, known: NDArray[Any], write: Any) -> ValueGroups:
    order = np.sort(known)
    ends = np.unique(order[[len(order) * k // RANGES - 1 for k in range(1, RANGES)]])
    number = np.searchsorted(ends, known, side="left")
    names = []
    for k in np.unique(number):
        low, high = known[number == k].min(), known[number == k].max()
        names.append(write(low) if low == high else f"{write(low)} to {write(high)}")
    number = np.unique(number, return_inverse=True)[1]
    return _placed(column, number, _distinct(names), f"into {len(names)} ranges of about as many images")


def _by_order(column: ColumnValues, known: NDArray[Any], names: Sequence[str]) -> ValueGroups:
    return _placed(column, np.unique(known, return_inverse=True)[1], _distinct(names), None)


def _grouped(column: ColumnValues, known: NDArray[Any], cut: str | None) -> ValueGroups:
    names, number = np.unique(known, return_inverse=True)
    return _placed(column, number, names.tolist(), cut)


def _placed(
    column: ColumnValues, number: NDArray[np.int64], names: Sequence[str], cut: str | None
) -> ValueGroups:
    of_image = np.full(len(column.known), len(names), dtype=np.int64)
    of_image[column.known] = number
    missing = () if column.known.all() else (MISSING,)
    return ValueGroups(column.name, (*names, *missing), of_image, cut)


def _distinct(names: Sequence[str]) -> list[str]:
    """Number names that rounding made equal."""
    return [f"{name} ({k + 1})" if name in names[:k] else name for k, name in enumerate(names)]
