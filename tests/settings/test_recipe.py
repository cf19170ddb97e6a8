"""Recipes: to TOML and back, from text, and every kind of bad value refused in one line."""

import re
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.settings import (
    RECIPES,
    Recipe,
    recipe_from_toml,
    recipe_from_values,
    recipe_to_toml,
)
from nearsight.settings.recipe import parse_value

finite = {"allow_nan": False, "allow_infinity": False}
recipes = st.builds(
    Recipe,
    name=st.text(min_size=1, max_size=8),
    data=st.text(max_size=8),
    tile=st.none() | st.integers(1, 500),
    tile_schedule=st.sampled_from([None, "4@0.5", "4@.25, 6@0.75", "16@0.5,24@0.8,28@0.99"]),
    tiles_per_image=st.integers(1, 10**6),
    resize_short=st.none() | st.integers(1, 500),
    seed=st.integers(0, 2**62),
    width=st.floats(0.01, 100),
    epochs=st.floats(1e-6, 1e9),
    steps=st.none() | st.integers(1, 10**12),
    batch_size=st.integers(64, 1000),
    accumulate=st.integers(1, 64),
    optimizer=st.sampled_from(["sgd", "adamw", "muon"]),
    learning_rate=st.floats(0, 1e6),
    nesterov=st.booleans(),
    schedule=st.sampled_from(["cosine", "linear", "constant"]),
    flip=st.sampled_from(["none", "random", "alternating"]),
    crop_fill=st.sampled_from(["black", "reflect"]),
    ema=st.none() | st.floats(0, 1),
    clip=st.none() | st.floats(1e-12, 1e12),
    whiten=st.booleans(),
)


@given(recipes)
def test_a_recipe_survives_toml(recipe: Recipe) -> None:
    assert recipe_from_toml(recipe_to_toml(recipe)) == recipe


@settings(max_examples=50)
@given(recipes)
def test_a_recipe_survives_as_text_field_by_field(recipe: Recipe) -> None:
    def text(value: Any) -> str:
        return "none" if value is None else str(value)

    for spec in fields(Recipe):
        value = getattr(recipe, spec.name)
        if value is None or spec.type is not str:
            assert parse_value(spec.name, text(value)) == value


def test_fields_that_toml_leaves_out_are_those_of_standard() -> None:
    assert recipe_from_toml("tile = 16") == replace(RECIPES["standard"], tile=16)
    assert recipe_from_toml("") == RECIPES["standard"]


def test_values_are_laid_over_a_base() -> None:
    assert recipe_from_values({"tile": None, "seed": "3"}, RECIPES["fast"]) == replace(
        RECIPES["fast"], seed=3
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tile", "full", None),
        ("tile", "FULL", None),
        ("tile", "16", 16),
        ("ema", "off", None),
        ("clip", "1", 1.0),
        ("epochs", "1e2", 100.0),
        ("nesterov", "TRUE", True),
        ("optimizer", "adamw", "adamw"),
        ("data", "none", "none"),
        ("tile_schedule", "none", None),
        ("tile_schedule", "16@0.5", "16@0.5"),
        ("tiles_per_image", "4", 4),
        ("crop_fill", "reflect", "reflect"),
    ],
)
def test_text_becomes_a_value(name: str, text: str, value: Any) -> None:
    read = parse_value(name, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ("tiel = 16", "unknown recipe field 'tiel'; did you mean 'tile'?"),
        ("optimizer = 'sdg'", "unknown optimizer 'sdg'; did you mean 'sgd'?"),
        ("tile = 'big'", "tile takes a whole number or 'full', got 'big'"),
        ("clip = 'big'", "clip takes a number or 'none', got 'big'"),
        ("batch_size = 12.5", "batch_size takes a whole number, got '12.5'"),
        ("nesterov = 1", "nesterov takes true or false, got '1'"),
        ("seed = true", "seed takes a whole number, got 'True'"),
        ("model = 18", "model takes text, got 18"),
        ("data = ['cifar10']", r"data takes text, got ['cifar10']"),
        ("tile = 0", "tile must lie between 1 and 1e+06, got 0"),
        ("momentum = 1.5", "momentum must lie between 0 and 1, got 1.5"),
        ("learning_rate = nan", "learning_rate must lie between 0 and 1e+06, got nan"),
        ("accumulate = 999", "accumulate must not exceed batch_size (128), got 999"),
        (
            "tile_schedule = '16'",
            "tile_schedule takes TILE@SHARE separated by commas, such as 16@0.5,24@0.8; got '16'",
        ),
        (
            "tile_schedule = 16",
            "tile_schedule takes TILE@SHARE separated by commas, such as 16@0.5,24@0.8; got '16'",
        ),
        ("tile_schedule = '0@0.5'", "such as 16@0.5,24@0.8; got '0@0.5'"),
        (
            "tile_schedule = '16@1'",
            "the shares of tile_schedule must rise from above 0 to below 1, got '16@1'",
        ),
        ("tile_schedule = '16@0.5,24@0.5'", "must rise from above 0 to below 1, got '16@0.5,24@0.5'"),
        ("tiles_per_image = 0", "tiles_per_image must lie between 1 and 1e+06, got 0"),
        ("tiles_per_image = 'many'", "tiles_per_image takes a whole number, got 'many'"),
        ("crop_fill = 'relfect'", "unknown crop_fill 'relfect'; did you mean 'reflect'?"),
        ("tile = ", "mine.toml cannot be read: it is not valid TOML"),
    ],
)
def test_a_bad_value_is_refused_in_one_line_that_names_the_file(toml: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        recipe_from_toml(toml, source="mine.toml")
    assert str(caught.value).startswith("mine.toml")
    assert "\n" not in str(caught.value)


def test_every_field_has_a_line_of_help() -> None:
    assert all(spec.metadata["help"] for spec in fields(Recipe))


def test_the_tile_of_the_model_is_for_tilenets_alone() -> None:
    assert RECIPES["tilenet-whole"].model_tile == RECIPES["tilenet-pooled"].model_tile == 16
    wanted = "model_tile is for the models 'tilenet' and 'tilenet-pooled', not 'resnet18'"
    with pytest.raises(InputError, match=wanted):
        Recipe(model_tile=16)
