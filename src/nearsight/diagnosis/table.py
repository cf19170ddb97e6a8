"""A table of a diagnosis: each column is written once, with its name, its type and how it is read from an item."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from nearsight.diagnosis.findings import Findings
from nearsight.statistics import Estimate

if TYPE_CHECKING:
    import pyarrow

Found = TypeVar("Found")

ESTIMATE = "estimate"
# What points at examined images: one, or several.
PLACE, PLACES = "place", "places"
_POINTS = {PLACE: "int64", PLACES: "list<int64>"}
_ESTIMATE = {"value": "float64", "low": "float64", "high": "float64", "n": "int64", "chance": "float64"}


@dataclass(frozen=True)
class Column:
    """A column: its name, Arrow's name of its type, and how it is read from an item; by default, as its attribute.

    >>> Column("share", "float64").kinds(), list(Column("accuracy", ESTIMATE).kinds())[1:4]
    ({'share': 'float64'}, ['accuracy.low', 'accuracy.high', 'accuracy.n'])

    The type may be a list ("list<int64>"). An estimate NAME, or None, fills the columns NAME, NAME.low,
    NAME.high, NAME.n and NAME.chance. What points at examined images, `PLACE` or `PLACES`, is taken as their places
    among these and written as their places in the split. `take` is given the item, and the diagnosis that it belongs
    to.
    """

    name: str
    kind: str
    take: Callable[[Any, Findings], Any] | None = None

    def kinds(self) -> Mapping[str, str]:
        """Return the names of the columns that it fills, with their types."""
        if self.kind != ESTIMATE:
            return {self.name: _POINTS.get(self.kind, self.kind)}
        return {self._part(part): kind for part, kind in _ESTIMATE.items()}

    def values(self, item: Any, about: Findings) -> Mapping[str, Any]:
        """Return what an item has in these columns."""
        value = getattr(item, self.name) if self.take is None else self.take(item, about)
        if self.kind == PLACE:
            return {self.name: about.place(value)}
        if self.kind == PLACES:
            return {self.name: [about.place(index) for index in value]}
        if self.kind != ESTIMATE:
            return {self.name: list(value) if isinstance(value, tuple) else value}
        estimate: Estimate | None = value
        return {self._part(part): None if estimate is None else getattr(estimate, part) for part in _ESTIMATE}

    def _part(self, part: str) -> str:
        return self.name if part == "value" else f"{self.name}.{part}"


def of_class(name: str, number: Callable[[Any], int] | None = None) -> Column:
    """Return a column of class names, from the number that an item has under the column's name or as `number` says.

    >>> of_class("label").kinds()
    {'label': 'string'}
    """
    taken = number or (lambda item: getattr(item, name))
    return Column(name, "string", lambda item, about: about.classes[taken(item)])


@dataclass(frozen=True)
class Table(Generic[Found]):
    """A table: its name, how its items come from what a part found, and its columns."""

    name: str
    items: Callable[[Found], Iterable[Any]]
    columns: tuple[Column, ...]

    @property
    def kinds(self) -> dict[str, str]:
        """The names of all columns with Arrow's names of their types; a table without rows has them too."""
        return {name: kind for column in self.columns for name, kind in column.kinds().items()}

    def rows(self, found: Found, about: Findings) -> Iterator[dict[str, Any]]:
        """Yield one row per item, as plain values by column."""
        for item in self.items(found):
            yield {
                name: value for column in self.columns for name, value in column.values(item, about).items()
            }

    def arrow(self, found: Found | None, about: Findings) -> "pyarrow.Table":
        """Return the table; without rows if the part found nothing."""
        import pyarrow

        schema = pyarrow.schema([(name, _type(kind)) for name, kind in self.kinds.items()])
        rows = [] if found is None else list(self.rows(found, about))
        return pyarrow.Table.from_pylist(rows, schema=schema)


def _type(kind: str) -> Any:
    import pyarrow

    if kind.startswith("list<"):
        return pyarrow.list_(_type(kind.removeprefix("list<").removesuffix(">")))
    return pyarrow.type_for_alias(kind)
