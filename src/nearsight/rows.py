"""Typed rows (dataclasses) as plain values for a file, and back."""

import math
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from nearsight.errors import InputError, first_line, shortened, unknown_name
from nearsight.numbers import Within
from nearsight.read import is_file, read_sealed_json
from nearsight.schema import FIRST, SCHEMA, default_at, read_schema

Row = TypeVar("Row")

TENSOR = "tensor"
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text", bytes: "bytes"}


def to_values(row: Any, tensors: MutableMapping[str, Any] | None = None, path: str = "") -> Any:
    """Return a row, and all rows in it, as dicts, lists and plain values.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Tile:
    ...     side: int
    >>> to_values((Tile(16), Tile(24)))
    [{'side': 16}, {'side': 24}]

    Tensors are put into `tensors`, by their place in the row, and named in their place.
    """

    # Most are of these types, and there may be millions.
    if row is None or type(row) in (str, int, float, bool):
        return row

    def below(name: object) -> str:
        return f"{path}.{name}" if path else str(name)

    if is_dataclass(row):
        return {
            spec.name: to_values(getattr(row, spec.name), tensors, below(spec.name)) for spec in fields(row)
        }
    if isinstance(row, Mapping):
        return {str(key): to_values(value, tensors, below(key)) for key, value in row.items()}
    if isinstance(row, list | tuple):
        return [to_values(value, tensors, below(number)) for number, value in enumerate(row)]
    if tensors is not None and hasattr(row, "detach"):
        tensors[path] = row
        return {TENSOR: path}
    return row


def read_result(kind: str, path: Path, command: str) -> tuple[int, dict[str, Any]]:
    """Return the schema of a result's JSON file, and the rest of its content.

    `kind` is one of `SCHEMAS`, `command` is what writes such files. Raises `InputError`, naming what to do
    instead, if there is no file and for one that is damaged or of a newer version.
    """
    if not is_file(path):
        raise InputError(
            f"{path.parent} holds no {path.name}; give a directory that `nearsight {command}` wrote"
        )
    values = read_sealed_json(path, f"run `nearsight {command}` again")
    schema = read_schema(kind, values, path)
    return schema, {name: value for name, value in values.items() if name != SCHEMA}


def from_values(
    kind: type[Row],
    values: Any,
    source: object,
    *,
    schema: int = FIRST,
    tensors: Mapping[str, Any] | None = None,
) -> Row:
    """Return the row of a type that `to_values` turned into plain values, from those in a file.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Tile:
    ...     side: int
    ...     place: tuple[float, ...] = ()
    >>> from_values(Tile, {"side": 16, "place": [0.5, 1]}, "tile.json")
    Tile(side=16, place=(0.5, 1.0))

    A field that is absent takes the default of the version that wrote `schema` (`default_at`); null is NaN where
    a number is required. For a `TypedDict`, only the keys that it names are read, and the others stay as they
    are. Raises `InputError`, naming `source` and the place in it, for an unknown field, with the nearest known
    one, for a missing one, for a value of another type or beyond `numbers.Within`, and for whatever the type of a
    row itself refuses.
    """
    found: Row = _read(kind, values, f"{source}: ", schema, tensors or {})
    return found


def _read(kind: Any, value: Any, place: str, schema: int, tensors: Mapping[str, Any]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return _read_either(inner, value, place, schema, tensors)
    if origin in (Required, NotRequired):
        return _read(inner[0], value, place, schema, tensors)
    if origin is Annotated:
        found = _read(inner[0], value, place, schema, tensors)
        for bounds in inner[1:]:
            if isinstance(bounds, Within) and not bounds.low <= found <= bounds.high:
                raise _wrong(place, f"{_WORDS[inner[0]]} {bounds}", value)
        return found
    if origin is Literal:
        if isinstance(value, Mapping | list) or value not in inner:
            raise _unknown(place, "value", value, map(str, inner))
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple) or (inner[-1] is not ... and len(value) != len(inner)):
            raise _wrong(place, "a list" if inner[-1] is ... else f"a list of {len(inner)}", value)
        kinds = [inner[0]] * len(value) if inner[-1] is ... else inner
        return tuple(
            _read(one, each, f"{place}{number}.", schema, tensors)
            for number, (one, each) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is not None and issubclass(origin, list):
        if not isinstance(value, list | tuple):
            raise _wrong(place, "a list", value)
        return [_read(inner[0], each, f"{place}{k}.", schema, tensors) for k, each in enumerate(value)]
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(place, "a table", value)
        return {key: _read(inner[1], each, f"{place}{key}.", schema, tensors) for key, each in value.items()}
    # By its name, because rows are also read without PyTorch.
    if getattr(kind, "__name__", "") == "Tensor":
        return _read_tensor(value, place, tensors)
    if is_typeddict(kind):
        return _read_known(kind, value, place, schema, tensors)
    if is_dataclass(kind):
        return _read_row(kind, value, place, schema, tensors)
    if kind is float:
        return _number(value, place)
    if kind in _WORDS or kind is Path:
        kept = str if kind is Path else kind
        if not isinstance(value, kept | Path if kind is Path else kept) or (
            kind is int and isinstance(value, bool)
        ):
            raise _wrong(place, _WORDS[kept], value)
        return kind(value)
    return value


def _read_either(
    options: tuple[Any, ...], value: Any, place: str, schema: int, tensors: Mapping[str, Any]
) -> Any:
    """Return a value of one of several types; if it is of none, the first type's error is raised."""
    if value is None and NoneType in options:
        return None
    kinds = [kind for kind in options if kind is not NoneType]
    for kind in kinds[1:]:
        try:
            return _read(kind, value, place, schema, tensors)
        except InputError:
            continue
    return _read(kinds[0], value, place, schema, tensors)


def _read_tensor(value: Any, place: str, tensors: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping) or value.keys() != {TENSOR} or not isinstance(value[TENSOR], str):
        raise _wrong(place, "the name of a tensor", value)
    if value[TENSOR] not in tensors:
        raise InputError(f"{place.removesuffix('.')} is in another file, which does not hold it")
    return tensors[value[TENSOR]]


def _read_known(kind: Any, value: Any, place: str, schema: int, tensors: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(place, "a table", value)
    missing = sorted(kind.__required_keys__ - value.keys())
    if missing:
        raise InputError(f"{place}{missing[0]} is missing, and no version wrote the file without it")
    kinds = _kinds(kind)
    return {
        name: _read(kinds[name], each, f"{place}{name}.", schema, tensors) if name in kinds else each
        for name, each in value.items()
    }


def _read_row(kind: Any, value: Any, place: str, schema: int, tensors: Mapping[str, Any]) -> Any:
    if not isinstance(value, Mapping):
        raise _wrong(place, f"the fields of {kind.__name__}", value)
    specs, kinds = {spec.name: spec for spec in fields(kind)}, _kinds(kind)
    read: dict[str, Any] = {}
    for name, each in value.items():
        if name not in specs:
            raise _unknown(place, "field", name, specs)
        read[name] = _read(kinds[name], each, f"{place}{name}.", schema, tensors)
    for name, spec in specs.items():
        if name not in read:
            read[name] = default_at(spec, schema)
            if read[name] is MISSING:
                raise InputError(f"{place}{name} is missing, and no version wrote the file without it")
    try:
        return kind(**read)
    except (InputError, ValueError, TypeError, OverflowError) as error:
        said = first_line(error)
        raise InputError(f"{place.removesuffix('.').removesuffix(': ')}: {said}") from error


@cache
def _kinds(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


def _number(value: Any, place: str) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(place, "a number", value)
    try:
        return float(value)
    except OverflowError:
        raise _wrong(place, "a number", value) from None


def _unknown(place: str, what: str, name: Any, known: Iterable[str]) -> InputError:
    separator = "" if place.endswith(" ") else ": "
    return InputError(f"{place.removesuffix('.')}{separator}{unknown_name(what, str(name), known)}")


def _wrong(place: str, wanted: str, value: Any) -> InputError:
    # What is long is not written out completely only to be cut.
    shown = f"{value:.3g}" if isinstance(value, int) and abs(value) > 10**15 else repr(_few(value))
    return InputError(f"{place.removesuffix('.')} takes {wanted}, got {shortened(shown)}")


def _few(value: Any) -> Any:
    if isinstance(value, str | list):
        return value[:61]
    return dict(list(value.items())[:8]) if isinstance(value, Mapping) else value
