"""Numbers: NumPy's count as Python's wherever one is asked for, and other values are refused by name."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import torch

from nearsight import EvidenceMap, Machine, Recipe, Sampling, TileGrid
from nearsight.errors import InputError
from nearsight.settings.recipe import recipe_from_values
from nearsight.study import order_tiles


@pytest.mark.parametrize(
    "settings",
    [
        Recipe(tile=np.int64(16), epochs=np.float32(2), seed=torch.tensor(3), warmup=np.float64(0.5)),
        Sampling(points=np.int32(50)),
        Machine(workers=np.uint8(2), checkpoint_seconds=np.float64(5)),
        TileGrid(np.int64(8), np.int64(9), tile=np.int64(4), stride=np.int16(2)),
    ],
)
def test_settings_hold_pythons_numbers(settings: Any) -> None:
    kinds = {type(value) for value in asdict(settings).values()}
    # A tuple is of names.
    assert kinds <= {int, float, str, bool, tuple, type(None)}
    assert type(settings)(**asdict(settings)) == settings
    json.dumps(asdict(settings))


def test_fields_of_a_recipe_take_numpys_numbers() -> None:
    values = {"tile": np.int64(8), "learning_rate": np.float64(0.1), "nesterov": np.bool_(False)}
    recipe = recipe_from_values(values)
    assert (recipe.tile, recipe.learning_rate, recipe.nesterov) == (8, 0.1, False)


def test_classes_and_tiles_are_numbers_of_any_type() -> None:
    evidence = EvidenceMap(torch.zeros(2, 1, 1), TileGrid(4, 4, tile=4, stride=1), ("cat", "dog"))
    assert evidence.class_number(np.int64(1)) == evidence.class_number(torch.tensor(1)) == 1
    assert order_tiles([np.int64(16), None, 16]) == (16, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe(tile=2.5), "`tile` takes a whole number, got 2.5"),
        (lambda: Recipe(epochs="many"), "`epochs` takes a number, got 'many'"),
        (lambda: Machine(workers="2"), "`workers` takes a whole number, got '2'"),
        (lambda: TileGrid(8, 8, tile=4.0, stride=1), "`tile` takes a whole number, got 4.0"),
    ],
)
def test_other_values_are_refused_by_name(make: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
