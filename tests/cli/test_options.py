"""Options: those of a recipe follow its fields, and say what each recipe takes."""

from dataclasses import fields, replace

import pytest

from nearsight.cli.main import COMMANDS
from nearsight.cli.options import OneLineParser, add_recipe_options, parse_memory, parse_tiles, recipe_of
from nearsight.errors import InputError
from nearsight.settings import RECIPES, Recipe


@pytest.fixture
def parser() -> OneLineParser:
    parser = OneLineParser(prog="nearsight try", allow_abbrev=False)
    parser.add_argument("data")
    add_recipe_options(parser)
    return parser


def arguments_for(recipe: Recipe) -> list[str]:
    arguments = []
    for spec in fields(Recipe):
        value, option = getattr(recipe, spec.name), spec.name.replace("_", "-")
        if spec.name in ("name", "data"):
            continue
        if isinstance(value, bool):
            arguments.append(f"--{option}" if value else f"--no-{option}")
        else:
            arguments += [f"--{option}", "none" if value is None else str(value)]
    return arguments


@pytest.mark.parametrize(
    "recipe",
    [*RECIPES.values(), replace(RECIPES["fast"], tile=16, steps=7, ema=0.99, clip=1.0, resize_short=64)],
    ids=lambda recipe: f"{recipe.name}-{recipe.tile_name}",
)
def test_every_field_can_be_given(recipe: Recipe, parser: OneLineParser) -> None:
    asked = recipe_of(parser.parse_all(["digits", *arguments_for(recipe)]))
    assert asked == replace(recipe, name="standard", data="digits")


def test_what_is_not_given_is_left_to_the_recipe(parser: OneLineParser) -> None:
    standard = replace(RECIPES["standard"], data="digits")
    assert recipe_of(parser.parse_all(["digits"])) == standard
    changed = recipe_of(
        parser.parse_all(["digits", "--recipe", "tilenet", "--no-nesterov", "--tile", "full"])
    )
    assert changed == replace(RECIPES["tilenet"], data="digits", nesterov=False, tile=None)


def test_the_help_gives_the_value_of_each_recipe(parser: OneLineParser) -> None:
    # Lines are broken within names too.
    told = " ".join(parser.format_help().split()).replace("- ", "-")
    rates = "paper, standard: 0.1; finetune: 0.001; airbench94, tilenet-pooled: 0.24"
    assert f"({rates}; others: 0.12)" in told
    assert "(paper: no; others: yes)" in told
    assert "whole images (tilenet: 16; others: full)" in told
    assert "(default: 0.1)" in told


@pytest.mark.parametrize(
    ("name", "typed", "last"),
    [
        ("diagnose", "--stride 8 runs/a", "runs/a --stride 8"),
        ("diagnose", "--null --out=d --skip-blank --seed 1 a new", "a new --null --out=d --skip-blank --seed 1"),
        ("heatmap", "--skip-blank 4 runs/a --class owl", "runs/a --skip-blank 4 --class owl"),
        ("heatmap", "--out= -- runs/a owl.jpg", "runs/a owl.jpg --out="),
        ("heatmap", "--class owl -- runs/a -owl.jpg", "--class owl -- runs/a -owl.jpg"),
        ("dimension", "--tiles 4,full --seed=1 cifar10", "cifar10 --tiles 4,full --seed=1"),
        ("compare", "photos --tiles 16", "photos --tiles 16"),
        ("train", "--no-nesterov --width 0.5 photos", "photos --no-nesterov --width 0.5"),
        ("data", "", ""),
    ],
)  # fmt: skip
def test_options_can_be_moved_behind_what_has_no_name(name: str, typed: str, last: str) -> None:
    parser = OneLineParser(prog=f"nearsight {name}", allow_abbrev=False)
    COMMANDS[name].declare(parser)
    moved = parser.options_last(typed.split())
    assert moved == last.split()
    assert parser.parse_all(moved) == parser.parse_all(typed.split())


@pytest.mark.parametrize("text", ["", "0", "-1G", "1.5G", "many", "1T"])
def test_a_size_of_memory_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--memory takes a size such as 512M or 2G"):
        parse_memory(text)


def test_tiles_are_read_as_typed() -> None:
    assert parse_tiles("16, 24,full") == (16, 24, None)
    with pytest.raises(InputError, match="tile takes a whole number or 'full', got 'sixteen'"):
        parse_tiles("16,sixteen")


def test_two_dashes_are_no_value(parser: OneLineParser) -> None:
    with pytest.raises(InputError, match="--model takes a value, got '--'; see 'nearsight try --help'"):
        parser.parse_all(["digits", "--model=--"])
