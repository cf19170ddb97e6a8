"""The named recipes, and how one is found: by name, in a file, as an object."""

from pathlib import Path

import pytest

from nearsight.errors import InputError
from nearsight.settings import RECIPES, find_recipe, make_recipe, recipe_to_toml


@pytest.mark.parametrize("name", RECIPES)
def test_the_named_recipes_survive_toml_and_a_file(name: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(recipe_to_toml(RECIPES[name]))
    assert find_recipe(str(file)) == find_recipe(name) == RECIPES[name]
    assert RECIPES[name].name == name


def test_the_paper_recipe_augments_with_nothing_but_the_tile() -> None:
    paper = RECIPES["paper"]
    assert (paper.flip, paper.crop_padding, paper.optimizer) == ("none", 0, "sgd")
    standard = RECIPES["standard"]
    assert (standard.flip, standard.crop_padding) == ("random", 4)


def test_airbench94_is_as_published() -> None:
    published = {
        "epochs": 8,
        "batch_size": 2000,
        "optimizer": "muon",
        "learning_rate": 0.24,
        "bias_learning_rate": 0.053,
        "head_learning_rate": 0.67,
        "momentum": 0.6,
        "nesterov": True,
        "weight_decay": 2e-6 * 2000,
        "schedule": "linear",
        "warmup": 0.0,
        "tile": None,
        "tile_schedule": None,
        "tiles_per_image": 1,
        "flip": "alternating",
        "crop_padding": 2,
        "crop_fill": "reflect",
        "label_smoothing": 0.2,
        "whiten": True,
        "ema": None,
        "clip": None,
    }
    ours = RECIPES["airbench94"]
    assert {name: getattr(ours, name) for name in published} == published


def test_recipes_that_are_not_there_or_not_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown recipe 'papre'; did you mean 'paper'\?"):
        find_recipe("papre")
    with pytest.raises(InputError, match=r"no recipe file at .*absent\.toml"):
        find_recipe(str(tmp_path / "absent.toml"))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"binary\.toml cannot be read"):
        find_recipe(str(binary))


def test_a_recipe_is_a_name_a_file_or_an_object(tmp_path: Path) -> None:
    wanted = make_recipe("digits", "fast", {"tile": 6, "clip": "1"})
    assert (wanted.name, wanted.data, wanted.tile, wanted.clip) == ("fast", "digits", 6, 1.0)
    (tmp_path / "mine.toml").write_text(recipe_to_toml(wanted))
    assert make_recipe("digits", str(tmp_path / "mine.toml"), {}) == wanted
    assert make_recipe("digits", wanted, {}) == wanted
    with pytest.raises(InputError, match="unknown recipe field 'tiel'; did you mean 'tile'"):
        make_recipe("digits", "fast", {"tiel": 6})
