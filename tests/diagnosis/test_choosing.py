"""The images that choose and those that test."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.choosing import IN_ALL, choosing_half, training_images


def split(name: str, counts: Sequence[int]) -> ImageSet:
    labels = np.repeat(np.arange(len(counts)), counts)
    pixels = torch.zeros(len(labels), 3, 4, 4, dtype=torch.uint8)
    names = tuple(f"{name}/{i}.png" for i in range(len(labels)))
    return ImageSet("photos", name, tuple("abcdefghij"[: len(counts)]), labels, MemoryImages(pixels, names))


def test_half_of_each_class_chooses_and_the_draw_follows_the_seed() -> None:
    labels = np.random.default_rng(0).integers(4, size=203)
    chosen = choosing_half(labels, 0)
    for number in range(4):
        assert chosen[labels == number].sum() == (labels == number).sum() // 2
    assert (choosing_half(labels, 0) == chosen).all()
    assert (choosing_half(labels, 1) != chosen).any()


def test_training_images_choose_for_a_small_split_and_as_many_of_a_class_as_suffice() -> None:
    test = split("test", (10, 12, 11))
    others = {"train": split("train", (40, 150, 30)), "val": split("val", (4, 4, 4)), "more": test}
    found = training_images(test, others)
    assert found is not None
    assert np.bincount(found.labels).tolist() == [44, 120, 34]
    assert all(found.images.path(i).startswith(("train/", "val/")) for i in range(len(found)))
    many = training_images(split("test", [20] * 10), {"train": split("train", [90] * 10)})
    assert many is not None
    assert np.bincount(many.labels).tolist() == [IN_ALL // 10] * 10


@pytest.mark.parametrize(
    ("tested", "train"),
    [
        (split("test", (100, 100, 100)), (400, 400, 400)),
        (split("test", (40, 40, 40)), (10, 10, 10)),
        (split("train", (20, 20, 20)), (20, 20, 20)),
        (split("val", (20, 20, 20)), (20, 20, 20)),
    ],
    ids=["large", "less than half of it", "trained on", "validation"],
)
def test_a_split_chooses_by_halves_where_it_is_large_or_training_images_are_few_or_the_same(
    tested: ImageSet, train: Sequence[int]
) -> None:
    assert training_images(tested, {"train": split("train", train)}) is None
    assert training_images(tested, {}) is None
