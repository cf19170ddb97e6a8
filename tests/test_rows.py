"""Typed rows come back from plain values as they were."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.rows import from_values, to_values
from nearsight.write import plain


@dataclass(frozen=True)
class Tile:
    side: int
    share: float
    kind: Literal["own", "other"] = "own"


@dataclass(frozen=True)
class Shelf:
    name: str
    tiles: tuple[Tile, ...]
    size: tuple[int, int]
    by_name: Mapping[str, Tile]
    first: Tile | None
    number: int | None
    place: Path
    anything: Any
    padding: str = field(default="reflect", metadata={"was": {1: "black"}})


SHELF = Shelf(
    "a",
    (Tile(1, 0.1), Tile(2, 1.0, "other")),
    (3, 4),
    {"x": Tile(5, 1e-300)},
    None,
    None,
    Path("b"),
    {"c": [1]},
)


def test_rows_come_back_through_json() -> None:
    values = json.loads(json.dumps(plain(to_values(SHELF))))
    assert from_values(Shelf, values, "file") == SHELF


def test_a_number_that_json_does_not_have_is_not_a_number() -> None:
    found = from_values(Tile, json.loads(json.dumps(plain(to_values(Tile(1, math.nan))))), "file")
    assert math.isnan(found.share)


def test_tensors_are_kept_apart_by_their_place() -> None:
    @dataclass
    class Map:
        logits: Tensor

    tensors: dict[str, Any] = {}
    values = to_values({"maps": (Map(torch.ones(2)),)}, tensors)
    assert values == {"maps": [{"logits": {"tensor": "maps.0.logits"}}]}
    assert from_values(Map, values["maps"][0], "file", tensors=tensors).logits is tensors["maps.0.logits"]
    with pytest.raises(InputError, match=r"^file: logits is in another file, which does not hold it"):
        from_values(Map, values["maps"][0], "file")


def test_an_absent_field_has_the_default_of_its_schema() -> None:
    values = to_values(SHELF)
    del values["padding"]
    assert from_values(Shelf, values, "file", schema=1).padding == "black"
    assert from_values(Shelf, values, "file", schema=2).padding == "reflect"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sides": 1}, "file: unknown field 'sides'; did you mean 'side'? known: kind, share, side"),
        ({"side": 1.5}, "file: side takes a whole number, got 1.5"),
        ({"side": True}, "file: side takes a whole number, got True"),
        ({"share": "x"}, "file: share takes a number, got 'x'"),
        ({"kind": "owm"}, "file: kind: unknown value 'owm'; did you mean 'own'? known: other, own"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        from_values(Tile, {"side": 1, "share": 0.5, **change}, "file")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tiles": [{"side": 1}]}, "file: tiles.0.share is missing"),
        ({"tiles": [{"side": 1, "shar": 2}]}, "file: tiles.0: unknown field 'shar'; did you mean 'share'?"),
        ({"tiles": 3}, "file: tiles takes a list, got 3"),
        ({"size": [1, 2, 3]}, r"file: size takes a list of 2, got \[1, 2, 3\]"),
        ({"by_name": [1]}, r"file: by_name takes a table, got \[1\]"),
        ({"first": 7}, "file: first takes the fields of Tile, got 7"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(change: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=f"^{said}"):
        from_values(Shelf, to_values(SHELF) | change, "file")
