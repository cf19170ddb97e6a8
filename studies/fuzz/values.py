"""Damaged plain values: the content of JSON, TOML and metadata, damaged at one place or at a few."""

import copy
import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

DEEP = 100_000
DIGITS = 5_000


class Raw:
    """Text that is written into JSON as it is, for what no value can express."""

    def __init__(self, text: str) -> None:
        self.text = text


_NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 7, 255, 10**6, 10**9, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 10**18, 10**30,
    -(2**31), -(2**63), 0.0, 0.5, -0.5, 1.5, 1e-300, 1e300, -1e300,
)  # fmt: skip
_TEXTS = (
    "", " ", "x", "full", "none", "0", "-1", "1e9", "nan", "test", "../../etc/passwd", "/dev/zero", "a/b", "\0",
    "\ud800", "two\nlines",
    "\x1b[31m", "<script>", "{{ 7 * 7 }}", "é" * 300, "x" * 100_000, "timm:resnet18", "custom:Net",
    "tilenet", "[/red]",
)  # fmt: skip
_CONTAINERS: tuple[Any, ...] = (
    [], {}, [[]], [None], [0, 1], ["x"], [0.5, "x"], {"x": 1}, {"value": 1, "low": 2, "high": "x"},
    {"tensor": "nowhere"}, [0] * 50_000, {str(number): number for number in range(10_000)},
)  # fmt: skip
_RAW = (
    "NaN", "-Infinity", "1e999", "-1e999", "9" * DIGITS, "-" + "9" * DIGITS, "0." + "3" * DIGITS,
    "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP, '"\\ud800"', '"\\u0000"', '{"a": 1, "a": 2}',
    "[1,]", "nul", "01", "'x'",
)  # fmt: skip


def hostile(draw: Random) -> Any:
    """Return a value that hardly any field expects.

    >>> hostile(Random(3)) == hostile(Random(3))
    True
    """
    kind = draw.randrange(10)
    if kind < 2:
        return draw.choice((None, True, False))
    if kind < 5:
        return draw.choice(_NUMBERS)
    if kind < 7:
        return draw.choice(_TEXTS)
    if kind < 9:
        return copy.deepcopy(draw.choice(_CONTAINERS))
    return Raw(draw.choice(_RAW))


def places(values: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place of a tree of values: the mapping or list that holds it, and its key or number.

    >>> [key for _, key in places({"a": [1, 2]})]
    ['a', 0, 1]
    """
    keys: Any = ()
    if isinstance(values, dict):
        keys = list(values)
    elif isinstance(values, list):
        keys = range(len(values))
    for key in keys:
        yield values, key
        yield from places(values[key])


def damaged_values(values: Any, draw: Random) -> tuple[Any, str]:
    """Return a copy of a tree of values with one to three places damaged, and what was done.

    >>> damaged_values({"tile": 4}, Random(1))[0] != {"tile": 4}
    True
    """
    found = copy.deepcopy(values)
    told = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if draw.random() < 0.02:
            return hostile(draw), "the whole"
        all_places = list(places(found))
        if not all_places:
            return hostile(draw), "the whole"
        # Otherwise large tables would get every damage: each depth has its turn.
        holder, key = draw.choice(all_places) if draw.random() < 0.5 else _walked(found, draw)
        change = draw.choice(_CHANGES)
        told.append(f"{change.__name__.lstrip('_')} at {str(key)[:40]!r}")
        change(holder, key, found, draw)
    return found, ", ".join(told)


def _walked(values: Any, draw: Random) -> tuple[Any, Any]:
    """Walk down from the top, and stop somewhere."""
    holder = values
    while True:
        key = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        below = holder[key]
        if not isinstance(below, dict | list) or not below or draw.random() < 0.3:
            return holder, key
        holder = below


def _replaced(holder: Any, key: Any, _: Any, draw: Random) -> None:
    holder[key] = hostile(draw)


def _of_another_place(holder: Any, key: Any, whole: Any, draw: Random) -> None:
    other, its = draw.choice(list(places(whole)))
    holder[key] = copy.deepcopy(other[its])


def _removed(holder: Any, key: Any, _: Any, draw: Random) -> None:
    del draw
    del holder[key]


def _wrapped(holder: Any, key: Any, _: Any, draw: Random) -> None:
    holder[key] = [holder[key]] if draw.random() < 0.5 else {"value": holder[key]}


def _as_text(holder: Any, key: Any, _: Any, draw: Random) -> None:
    del draw
    holder[key] = str(holder[key])


def _scaled(holder: Any, key: Any, whole: Any, draw: Random) -> None:
    value = holder[key]
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _replaced(holder, key, whole, draw)
    holder[key] = value * draw.choice((-1, 0, 2, 1000, 10**9, 0.5)) + draw.choice((0, 1, -1))
    return None


def _longer_or_shorter(holder: Any, key: Any, whole: Any, draw: Random) -> None:
    value = holder[key]
    if not isinstance(value, list) or not value:
        return _replaced(holder, key, whole, draw)
    longer = [*value, copy.deepcopy(draw.choice(value))]
    holder[key] = draw.choice((value[:-1], value[1:], longer, value[:1], value[::-1], []))
    return None


def _renamed(holder: Any, key: Any, whole: Any, draw: Random) -> None:
    if not isinstance(holder, dict):
        return _replaced(holder, key, whole, draw)
    other = draw.choice((f"{key}x", key[:-1], key.upper(), "schema", "", "\0"))
    holder[other] = holder.pop(key)
    return None


def _added(holder: Any, key: Any, _: Any, draw: Random) -> None:
    del key
    if isinstance(holder, dict):
        holder[draw.choice(("new", "schema", "tile", "classes", ""))] = hostile(draw)
    else:
        holder.append(hostile(draw))


_CHANGES: tuple[Callable[[Any, Any, Any, Random], None], ...] = (
    _replaced, _replaced, _replaced, _replaced, _of_another_place, _removed, _removed, _wrapped, _as_text, _scaled,
    _scaled, _longer_or_shorter, _longer_or_shorter, _renamed, _added,
)  # fmt: skip


def as_json(values: Any) -> str:
    """Return values as JSON, with `Raw` text as it is.

    >>> as_json({"a": Raw("NaN")})
    '{"a": NaN}'
    """
    raw: list[str] = []

    def named(value: Any) -> Any:
        assert isinstance(value, Raw)
        raw.append(value.text)
        return f"\1raw {len(raw) - 1}\1"

    text = json.dumps(values, default=named)
    for number, piece in enumerate(raw):
        text = text.replace(json.dumps(f"\1raw {number}\1"), piece)
    return text
