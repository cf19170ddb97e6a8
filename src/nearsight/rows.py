"""Typed rows (dataclasses) as plain values for a file, and back."""

import json
import math
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from nearsight.digest import unsealed_json
from nearsight.errors import InputError, unknown_name
from nearsight.schema import FIRST, SCHEMA, default_at, read_schema

Row = TypeVar("Row")

TENSOR = "tensor"
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def to_values(row: Any, tensors: MutableMapping[str, Any] | None = None, path: str = "") -> Any:
    """Return a row, and all rows in it, as dicts, lists and plain values.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Tile:
    ...     side: int
    >>> to_values((Tile(16), Tile(24)))
    [{'side': 16}, {'side': 24}]

    Tensors are put into `tensors`, by their place in the row, and named in their stead.
    """

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


def read_json(kind: str, path: Path, command: str) -> tuple[int, dict[str, Any]]:
    """Return the schema of a result's JSON file, and what else it holds.

    `kind` is one of `SCHEMAS`, `command` what writes such files. Raises `InputError`, naming the way out, where there
    is no file and for one that is damaged or of a newer version.
    """
    try:
        values = json.loads(unsealed_json(path.read_bytes(), path, f"run `nearsight {command}` again"))
    except FileNotFoundError:
        raise InputError(
            f"{path.parent} holds no {path.name}; give a directory that `nearsight {command}` wrote"
        ) from None
    except InputError:
        raise
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read as a {kind}: {error}; run `nearsight {command}` again"
        ) from error
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
    """Return the row of a type that `to_values` turned into plain values, as a file gives them back.

    >>> from dataclasses import dataclass
    >>> @dataclass
    ... class Tile:
    ...     side: int
    ...     place: tuple[float, ...] = ()
    >>> from_values(Tile, {"side": 16, "place": [0.5, 1]}, "tile.json")
    Tile(side=16, place=(0.5, 1.0))

    A field that is absent takes the default of the version that wrote `schema` (`default_at`); null is NaN where a
    number must stand. Raises `InputError`, naming `source` and the place in it, for a field that is not known, with
    the nearest that is, for one that is missing, and for a value of another type.
    """
    found: Row = _read(kind, values, f"{source}: ", schema, tensors or {})
    return found


def _read(kind: Any, value: Any, place: str, schema: int, tensors: Mapping[str, Any]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in inner:
            return None
        (kind,) = (option for option in inner if option is not NoneType)
        return _read(kind, value, place, schema, tensors)
    if origin is Literal:
        if value not in inner:
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
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise _wrong(place, "a table", value)
        return {key: _read(inner[1], each, f"{place}{key}.", schema, tensors) for key, each in value.items()}
    if isinstance(value, Mapping) and value.keys() == {TENSOR}:
        if value[TENSOR] not in tensors:
            raise InputError(f"{place.removesuffix('.')} is in another file, which does not hold it")
        return tensors[value[TENSOR]]
    if is_dataclass(kind):
        return _read_row(kind, value, place, schema, tensors)
    if kind is float:
        return _number(value, place)
    if kind in _WORDS:
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise _wrong(place, _WORDS[kind], value)
        return value
    return Path(value) if kind is Path else value


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
    return kind(**read)


@cache
def _kinds(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _number(value: Any, place: str) -> float:
    if value is None:
        return math.nan
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(place, "a number", value)
    return float(value)


def _unknown(place: str, what: str, name: Any, known: Iterable[str]) -> InputError:
    separator = "" if place.endswith(" ") else ": "
    return InputError(f"{place.removesuffix('.')}{separator}{unknown_name(what, str(name), known)}")


def _wrong(place: str, wanted: str, value: Any) -> InputError:
    shown = repr(value)
    return InputError(
        f"{place.removesuffix('.')} takes {wanted}, got {shown[:60]}{'…' if len(shown) > 60 else ''}"
    )
