"""Warnings before the first step: a batch larger than the set, and classes of one image."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nearsight.data import ImageSet
from nearsight.settings import Recipe
from nearsight.training.early_warnings import early_warnings


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
