"""The schema number of every kind of file that is read back, so that results outlive the version that wrote them."""

from collections.abc import Mapping
from dataclasses import MISSING, Field
from types import MappingProxyType
from typing import Any

from nearsight.errors import InputError, shortened

SCHEMA = "schema"
# The schema of a file that gives no number: it was written before there were numbers.
FIRST = 1

# The number that this version writes, and the largest that it reads, for each kind of file.
SCHEMAS: Mapping[str, int] = MappingProxyType(
    {
        "recipe": 1,
        "model": 4,
        "split": 1,
        "result": 1,
        "predictions": 2,
        "predicted": 1,
        "block": 1,
        "checkpoint": 1,
        "evidence": 3,
        "heatmaps": 2,
        "folds": 1,
        "on-tiles": 1,
        "study": 3,
        "comparison": 8,
        "dimension": 3,
        "diagnosis": 3,
        "repair": 1,
    }
)


def numbered(kind: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file holds with the number of its schema before it.

    >>> numbered("recipe", {"tile": 16})
    {'schema': 1, 'tile': 16}
    """
    return {SCHEMA: SCHEMAS[kind], **values}


def read_schema(kind: str, values: Any, source: object, *, unnumbered: int = FIRST) -> int:
    """Return the number of the schema in which a file was written; `unnumbered` if it gives none.

    >>> read_schema("recipe", {"tile": 16}, "recipe.toml")
    1
    >>> read_schema("recipe", {"schema": 9}, "recipe.toml")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: recipe.toml was written by a newer Nearsight (recipe schema 9, ...

    Raises `InputError`, naming `source`, for a newer schema and for what is not a number.
    """
    if not isinstance(values, Mapping):
        raise InputError(f"{source} cannot be read: it takes names and values, got {type(values).__name__}")
    found = values.get(SCHEMA, unnumbered)
    if not isinstance(found, int) or isinstance(found, bool) or found < FIRST:
        raise InputError(
            f"{source}: {SCHEMA} takes a whole number from {FIRST} on, got {shortened(str(found))!r}"
        )
    if found > SCHEMAS[kind]:
        raise InputError(
            f"{source} was written by a newer Nearsight ({kind} schema {found}, this one reads up to "
            f"{SCHEMAS[kind]}); upgrade Nearsight to read it"
        )
    return found


def default_at(spec: "Field[Any]", schema: int) -> Any:
    """Return the default that a dataclass's field had in the version that wrote a schema, MISSING for none.

    >>> from dataclasses import dataclass, field, fields
    >>> @dataclass
    ... class Row:
    ...     padding: str = field(default="reflect", metadata={"was": {1: "black", 3: "none"}})
    >>> [default_at(fields(Row)[0], schema) for schema in (1, 2, 3, 4)]
    ['black', 'none', 'none', 'reflect']

    `was` in a field's metadata gives another default than today's, with the last schema in which it applied. For
    a field that was added later, it is what its value would have been.
    """
    was: Mapping[int, Any] = spec.metadata.get("was", {})
    until = min((last for last in was if schema <= last), default=None)
    if until is not None:
        return was[until]
    return spec.default_factory() if spec.default_factory is not MISSING else spec.default
