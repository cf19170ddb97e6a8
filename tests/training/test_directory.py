"""Claiming a directory: taken when it is ours to take, byte for byte as it was when it is not."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nearsight.data import load
from nearsight.errors import InputError
from nearsight.settings import RECIPES, recipe_from_toml, recipe_to_toml
from nearsight.training.directory import check_same_range, claim_directory, own_split

PAPER = RECIPES["paper"]
HALF_WRITTEN = ".recipe.nearsight-00ff0123abcd.toml"

Snapshot = Callable[[Path], dict[str, bytes]]


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("resume", [False, True])
def test_a_new_or_empty_directory_gets_the_recipe(tmp_path: Path, exists: bool, resume: bool) -> None:
    directory = tmp_path / "runs" / "one"
    if exists:
        directory.mkdir(parents=True)
    assert claim_directory(directory, PAPER, resume) is None
    assert [path.name for path in directory.iterdir()] == ["recipe.toml"]
    assert recipe_from_toml((directory / "recipe.toml").read_text()) == PAPER


def test_a_run_of_this_very_recipe_is_resumed(tmp_path: Path) -> None:
    claim_directory(tmp_path / "run", PAPER, resume=False)
    assert claim_directory(tmp_path / "run", PAPER, resume=True) is None


def test_a_claim_that_was_killed_half_way_can_be_made_again(tmp_path: Path) -> None:
    for name in (HALF_WRITTEN, ".recipe.0123abcd.toml"):
        (tmp_path / name).write_text("name = 'pa")
    assert claim_directory(tmp_path, PAPER, resume=False) is None


@pytest.mark.parametrize(
    ("files", "resume", "message"),
    [
        ({"cat.png": "a cat"}, False, "is not empty and holds no run; choose another `out`"),
        ({"cat.png": "a cat", HALF_WRITTEN: "x"}, True, "is not empty and holds no run"),
        (
            {"recipe.toml": recipe_to_toml(PAPER)},
            False,
            "already holds an unfinished run of this recipe; give `resume=True`",
        ),
        (
            {"recipe.toml": recipe_to_toml(PAPER), "result.json": "{}"},
            False,
            "already holds a finished run of this recipe",
        ),
        (
            {"recipe.toml": recipe_to_toml(replace(PAPER, seed=3, tile=16)), HALF_WRITTEN: "x"},
            True,
            r"another recipe \(tile 16 there, None asked for; seed 3 there, 0 asked for\)",
        ),
        ({"recipe.toml": "tile = "}, True, "is not valid TOML"),
        ({"recipe.toml": "tiel = 3"}, True, "unknown recipe field 'tiel'"),
        (
            {"recipe.toml": recipe_to_toml(PAPER), "checkpoint/state.safetensors": "junk", HALF_WRITTEN: "x"},
            True,
            "state.safetensors cannot be read",
        ),
    ],
)
def test_a_refused_directory_stays_byte_for_byte(
    files: dict[str, str], resume: bool, message: str, tmp_path: Path, snapshot: Snapshot
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match=message) as caught:
        claim_directory(tmp_path, PAPER, resume)
    assert snapshot(tmp_path) == before
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_not_text_is_refused(tmp_path: Path, snapshot: Snapshot) -> None:
    (tmp_path / "recipe.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"recipe\.toml cannot be read"):
        claim_directory(tmp_path, PAPER, resume=True)
    assert snapshot(tmp_path) == {"recipe.toml": b"\xff\xfe"}


def test_a_file_in_the_place_or_on_the_way_is_refused(tmp_path: Path, snapshot: Snapshot) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InputError, match="file is a file; choose another `out`"):
        claim_directory(tmp_path / "file", PAPER, resume=False)
    with pytest.raises(InputError, match=r"cannot make the directory .*: Not a directory"):
        claim_directory(tmp_path / "file" / "run", PAPER, resume=False)
    assert snapshot(tmp_path) == {"file": b"mine"}


def test_a_run_is_not_continued_with_other_labels_or_another_range(tmp_path: Path) -> None:
    sets = load("digits")
    own_split(tmp_path, sets)
    own_split(tmp_path, sets)
    check_same_range(tmp_path, sets)
    train = sets["train"]
    swapped = {**sets.splits, "train": replace(train, labels=np.roll(train.labels, 1))}
    with pytest.raises(InputError, match="or others: put back what was removed or changed"):
        own_split(tmp_path, replace(sets, splits=swapped))
    darker = replace(sets, reading=replace(sets.reading, value_range=(0, 99)))
    for check in (own_split, check_same_range):
        with pytest.raises(
            InputError, match="begun with `value_range` not given, and 0 to 99 is asked for; give"
        ):
            check(tmp_path, darker)
