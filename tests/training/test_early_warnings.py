"""Warnings before the first step: a batch larger than the set, and classes of one image."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from nearsight.data import ImageSet
from nearsight.settings import Recipe
from nearsight.training.early_warnings import early_warnings


@pytest.mark.parametrize(("batch", "warns"), [(48, False), (49, True)])
def test_a_batch_larger_than_the_set_is_told_with_its_steps(
    make_images: Callable[..., ImageSet], batch: int, warns: bool
) -> None:
    told = early_warnings(Recipe(batch_size=batch, epochs=20), make_images(48))
    assert bool(told) == warns
    if warns:
        assert told[0].startswith(
            "a batch of 49 is larger than the training set of 48 images, so that 20 epochs are"
        )
        assert "give `batch_size=8` or less" in told[0]


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
