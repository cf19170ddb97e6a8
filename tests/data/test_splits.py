"""Cuts are partitions in proportion; arrangements follow the rules for each combination of names."""

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.image_set import ImageSet, MemoryImages
from nearsight.data.splits import arrange_splits, stratified_cut
from nearsight.errors import InputError


def image_set(split: str, labels: list[int] | np.ndarray) -> ImageSet:
    labels = np.asarray(labels, dtype=np.int64)
    pixels = torch.arange(len(labels)).to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    paths = tuple(f"{split}/{row}" for row in range(len(labels)))
    return ImageSet("toy", split, ("a", "b", "c"), labels, MemoryImages(pixels, paths))


def arranged(*names: str, validation: float = 0.1) -> dict[str, int]:
    found = {name: image_set(name, np.arange(100) % 3) for name in names}
    splits = arrange_splits(found, validation=validation, seed=0).splits
    assert all(images.split == name for name, images in splits.items())
    return {name: len(images) for name, images in splits.items()}


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    share=st.floats(0.01, 0.6),
    seed=st.integers(0, 1000),
)
def test_a_cut_is_a_partition_in_proportion(counts: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    try:
        rest, cut = stratified_cut(labels, share, seed)
    except InputError:
        assert len(labels) - max(len(counts), round(share * len(labels))) < len(counts)
        return
    assert sorted([*rest, *cut]) == list(range(len(labels)))
    assert len(cut) == max(len(counts), round(share * len(labels)))
    expected = np.array(counts) * len(cut) / len(labels)
    assert (np.abs(np.bincount(labels[cut], minlength=len(counts)) - expected) < 1.0 + 1e-9).all()
    again, _ = stratified_cut(labels, share, seed)
    np.testing.assert_array_equal(rest, again)


def test_another_seed_cuts_other_images() -> None:
    labels = np.arange(200) % 4
    assert stratified_cut(labels, 0.2, 0)[1].tolist() != stratified_cut(labels, 0.2, 1)[1].tolist()


def test_a_class_of_one_image_stays_whole() -> None:
    labels = np.array([0] * 10 + [1] + [2] * 10)
    rest, cut = stratified_cut(labels, 0.2, 0)
    assert 10 in rest
    assert Counter(labels[cut].tolist()) == {0: 2, 2: 2}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train"], {"train": 72, "val": 8, "test": 20}),
        (["Training"], {"train": 72, "val": 8, "test": 20}),
        (["train", "test"], {"train": 90, "val": 10, "test": 100}),
        (["test", "train"], {"train": 90, "val": 10, "test": 100}),
        (["train", "validation"], {"train": 90, "val": 10, "test": 100}),
        (["TRAIN", "dev", "eval"], {"train": 100, "val": 100, "test": 100}),
        (["train", "shuffled"], {"train": 72, "val": 8, "test": 20, "shuffled": 100}),
        (["train", "test", "val", "swapped"], {"train": 100, "val": 100, "test": 100, "swapped": 100}),
        (["train", "test", "testing"], {"train": 90, "val": 10, "test": 100, "testing": 100}),
        (["sample"], {"sample": 100}),
        (["valid"], {"val": 100}),
        (["test"], {"test": 100}),
    ],
)
def test_splits_are_named_and_cut_by_the_rules(names: list[str], expected: dict[str, int]) -> None:
    assert list(arranged(*names).items()) == list(expected.items())


def test_no_validation_keeps_train_whole() -> None:
    assert arranged("train", "test", validation=0) == {"train": 100, "test": 100}
    assert arranged("train", "val", validation=0) == {"train": 100, "test": 100}
    assert arranged("train", "val", "test", validation=0) == {"train": 100, "val": 100, "test": 100}


def test_what_was_done_is_noted() -> None:
    found = {name: image_set(name, np.arange(100) % 3) for name in ("train", "valid")}
    assert arrange_splits(found, validation=0.1, seed=7).notes == (
        "test: the set's own valid split, for want of a labelled test split",
        "val: 10 of the 100 images of train, stratified, seed 7",
    )


def test_cut_images_keep_their_labels_and_names() -> None:
    train = image_set("train", np.arange(100) % 3)
    splits = arrange_splits({"train": train}, validation=0.1, seed=0).splits
    for images in splits.values():
        for i, label in enumerate(images.labels):
            row = int(images.path(i).removeprefix("train/"))
            assert (images.image(i)[0, 0, 0].item(), label) == (row, row % 3)


@pytest.mark.parametrize(("labels", "split"), [([0, 1, 2], "test"), ([0, 0, 1, 1], "val")])
def test_too_few_images_to_cut_are_refused(labels: list[int], split: str) -> None:
    with pytest.raises(
        InputError, match=rf"'toy' has no {split} split, and .* add images or a {split} split"
    ):
        arrange_splits({"train": image_set("train", labels)}, validation=0.1, seed=0)
