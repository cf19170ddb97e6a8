"""The parts of a diagnosis in the order of its page: the one place where a part is registered."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from nearsight.diagnosis.columns.part import COLUMNS
from nearsight.diagnosis.errors.part import ERRORS
from nearsight.diagnosis.examined import EXAMINED
from nearsight.diagnosis.faithfulness.part import FAITHFULNESS
from nearsight.diagnosis.gate.part import GATE
from nearsight.diagnosis.labels.part import LABELS
from nearsight.diagnosis.locality.part import LOCALITY
from nearsight.diagnosis.part import Part
from nearsight.diagnosis.protocols.part import PROTOCOLS
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.table import Table
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.errors import InputError, unknown_name

PARTS: tuple[Part[Any, Any], ...] = (
    VERDICTS,
    GATE,
    PROTOCOLS,
    RELIANCE,
    REASONS,
    ERRORS,
    LABELS,
    COLUMNS,
    LOCALITY,
    FAITHFULNESS,
)

# All tables, by name: that of the examined images and those of all parts.
TABLES: Mapping[str, Table[Any]] = MappingProxyType(
    {table.name: table for table in (EXAMINED, *(table for part in PARTS for table in part.tables))}
)


def named(names: Iterable[str] | None) -> tuple[Part[Any, Any], ...]:
    """Return the parts with some names in the order of the page; all parts for None.

    >>> [part.name for part in named(["labels", "errors"])]
    ['errors', 'labels']

    Raises `InputError` for a name that no part has, and for a single name instead of several.
    """
    known = {part.name: part for part in PARTS}
    if names is None:
        return PARTS
    if isinstance(names, str):
        raise InputError(f"`parts` takes a list of names, got {names!r}; known: {', '.join(known)}")
    asked = tuple(names)
    for name in asked:
        if name not in known:
            raise unknown_name("part", name, known)
    return tuple(part for part in PARTS if part.name in asked)


def asked_for(
    names: Iterable[str] | None, *, groups: str | None, faithfulness: int | None, null: bool
) -> tuple[Part[Any, Any], ...]:
    """Return the parts that a diagnosis should keep, in the order of the page.

    >>> [part.name for part in asked_for(["labels", "faithfulness"], groups=None, faithfulness=0, null=False)]
    ['labels']

    Raises `InputError` where `named` does, if nothing is left, and if `groups` or `null` is given and the part
    that uses it is left out.
    """
    asked = tuple(part for part in named(names) if faithfulness != 0 or part is not FAITHFULNESS)
    if not asked:
        raise InputError(
            "nothing is left to diagnose: name a part in `parts`, or check maps with `faithfulness`"
        )
    for option, given, part in (("groups", groups is not None, COLUMNS), ("null", null, RELIANCE)):
        if given and part not in asked:
            raise InputError(
                f"`{option}` is for the part {part.name}, which `parts` leaves out; name that part too, or leave "
                f"`{option}` out"
            )
    return asked


def with_needs(parts: Iterable[Part[Any, Any]]) -> tuple[Part[Any, Any], ...]:
    """Return some parts and all parts that they need, in an order in which each comes after those that it needs.

    >>> [part.name for part in with_needs(named(["errors"]))]
    ['gate', 'errors']
    """
    ordered: dict[str, Part[Any, Any]] = {}

    def add(part: Part[Any, Any]) -> None:
        for needed in named(part.needs):
            add(needed)
        ordered[part.name] = part

    for part in parts:
        add(part)
    return tuple(ordered.values())
