"""Warnings before the first step: a batch larger than the set, and classes of one image."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearsight.data import ImageSet, load
from nearsight.errors import InputError
from nearsight.settings import Recipe
from nearsight.training.early_warnings import early_warnings, require_readable


def test_a_batch_larger_than_the_set_is_told_with_its_steps(make_images: Callable[..., ImageSet]) -> None:
    assert early_warnings(Recipe(batch_size=48, epochs=200), make_images(48)) == ()
    (told,) = early_warnings(Recipe(batch_size=49, epochs=20), make_images(48))
    assert told.startswith(
        "a batch of 49 is larger than the training set of 48 images, so that 20 epochs are"
    )
    assert "give `batch_size=8` or less" in told


@pytest.mark.parametrize(
    ("recipe", "warns"),
    [
        (Recipe(batch_size=48, epochs=20), True),
        (Recipe(batch_size=48, epochs=100), False),  # 100 steps
        (Recipe(batch_size=4, epochs=1), False),  # few epochs were asked for, and the batch fits
        (Recipe(batch_size=48, steps=20), False),  # so many steps were asked for
    ],
)
def test_a_batch_that_leaves_few_steps_is_told(
    make_images: Callable[..., ImageSet], recipe: Recipe, warns: bool
) -> None:
    told = early_warnings(recipe, make_images(48))
    assert [
        line.startswith("20 epochs of 48 images in batches of 48 are only 20 steps") for line in told
    ] == ([True] if warns else [])


def test_classes_of_one_image_are_named(make_images: Callable[..., ImageSet]) -> None:
    images = make_images(12, classes=9)
    (told,) = early_warnings(Recipe(batch_size=2), images)
    assert told.startswith(
        "6 of 9 classes have a single training image (class 3, class 4, class 5, class 6, class 7 and"
    )
    assert "and 1 more)" in told
    # A class without an image is not one of a single image.
    few = replace(images, labels=np.zeros(12, dtype=np.int64))
    assert early_warnings(Recipe(batch_size=2), few) == ()


def test_a_damaged_image_that_is_judged_later_is_named_before_training(tmp_path: Path) -> None:
    for split, count in (("train", 4), ("test", 3)):
        for number, name in enumerate(["cat", "dog"] * count):
            folder = tmp_path / split / name
            folder.mkdir(parents=True, exist_ok=True)
            # Of two sizes, so that they are not held in memory.
            Image.effect_noise((60 + number % 2, 60), 80).convert("RGB").save(folder / f"{number}.jpg")
    damaged = tmp_path / "test" / "dog" / "5.jpg"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    sets = load(tmp_path, validation=0)
    require_readable(sets["train"])
    with pytest.raises(InputError, match=r"5\.jpg: image file is truncated"):
        require_readable(sets["test"])
