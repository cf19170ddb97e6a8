"""Arrangements follow the rules for each combination of names; copies and groups are on one side of a cut."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from nearsight.data.image_set import ImageSet, ImageSets, MemoryImages
from nearsight.data.splits import arrange_splits, cut, cut_validation
from nearsight.errors import InputError
from nearsight.settings import Reading


def image_set(split: str, labels: list[int] | np.ndarray) -> ImageSet:
    labels = np.asarray(labels, dtype=np.int64)
    values = torch.arange(len(labels)) + (0 if split == "train" else 100)
    pixels = values.to(torch.uint8).reshape(-1, 1, 1, 1).expand(-1, 3, 2, 2)
    paths = tuple(f"{split}/{row}" for row in range(len(labels)))
    return ImageSet("toy", split, ("a", "b", "c"), labels, MemoryImages(pixels, paths))


def arranged(*names: str, validation: float = 0.1) -> dict[str, int]:
    found = {name: image_set(name, np.arange(100) % 3) for name in names}
    splits = arrange_splits(found, validation=validation, seed=0).splits
    assert all(images.split == name for name, images in splits.items())
    return {name: len(images) for name, images in splits.items()}


@pytest.mark.parametrize(
    ("names", "whole", "cut"),
    [
        (["train"], [], ["train", "val", "test"]),
        (["Training"], [], ["train", "val", "test"]),
        (["train", "test"], ["test"], ["train", "val"]),
        (["test", "train"], ["test"], ["train", "val"]),
        (["train", "validation"], ["test"], ["train", "val"]),
        (["TRAIN", "dev", "eval"], ["train", "val", "test"], []),
        (["train", "shuffled"], ["shuffled"], ["train", "val", "test"]),
        (["train", "test", "val", "swapped"], ["train", "val", "test", "swapped"], []),
        (["train", "test", "testing"], ["test", "testing"], ["train", "val"]),
        (["sample"], ["sample"], []),
        (["valid"], ["val"], []),
        (["test"], ["test"], []),
    ],
)
def test_splits_are_named_and_cut_by_the_rules(names: list[str], whole: list[str], cut: list[str]) -> None:
    sizes = arranged(*names)
    order = ["train", "val", "test"]
    assert list(sizes) == sorted(sizes, key=lambda name: order.index(name) if name in order else 3)
    assert {name for name, size in sizes.items() if size == 100} == set(whole)
    assert sum(sizes[name] for name in cut) == (100 if cut else 0)
    shares = {"test": (10, 30), "val": (3, 18), "train": (55, 97)}
    assert all(shares[name][0] <= sizes[name] <= shares[name][1] for name in cut)


def test_no_validation_keeps_train_whole() -> None:
    assert arranged("train", "test", validation=0) == {"train": 100, "test": 100}
    assert arranged("train", "val", validation=0) == {"train": 100, "test": 100}
    assert arranged("train", "val", "test", validation=0) == {"train": 100, "val": 100, "test": 100}


def test_what_was_done_is_noted() -> None:
    found = {name: image_set(name, np.arange(100) % 3) for name in ("train", "valid")}
    assert arrange_splits(found, validation=0.1, seed=7).notes == (
        "test: the set's own valid split, for want of a labelled test split",
        "val: 10 of the 100 images of train, held out by a hash of their path, seed 7",
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


def photographs(count: int, copies: int = 0) -> ImageSet:
    """Noise pictures, the first `copies` of which come once more, brighter."""
    pixels = torch.randint(0, 200, (count, 3, 32, 32), generator=torch.Generator().manual_seed(0))
    held = torch.cat([pixels, pixels[:copies] + 40]).to(torch.uint8)
    paths = tuple(f"{row:03}.png" for row in range(len(held)))
    return ImageSet("toy", "train", ("a", "b"), np.arange(len(held)) % 2, MemoryImages(held, paths))


def test_near_duplicates_are_on_one_side_and_counted() -> None:
    images = photographs(60, copies=30)
    found = arrange_splits({"train": images}, validation=0, seed=0)
    side = {
        found.splits[split].path(i): split for split in found.splits for i in range(len(found.splits[split]))
    }
    assert all(side[f"{row:03}.png"] == side[f"{row + 60:03}.png"] for row in range(30))
    assert any(
        "60 of 90 images, in 30 clusters (such as 000.png and 060.png)" in note for note in found.notes
    )


def test_pictures_without_copies_make_no_clusters() -> None:
    assert arrange_splits({"train": photographs(200)}, validation=0, seed=0).notes == (
        "test: 39 of the 200 images of train, held out by a hash of their path",
    )


def test_pictures_alike_in_outline_are_no_copies() -> None:
    rng = torch.Generator().manual_seed(0)
    drawing = torch.randint(0, 200, (1, 3, 32, 32), generator=rng)
    pixels = (drawing + torch.randint(0, 9, (40, 3, 32, 32), generator=rng)).to(torch.uint8)
    paths = tuple(map(str, range(40)))
    images = ImageSet("toy", "train", ("a", "b"), np.arange(40) % 2, MemoryImages(pixels, paths))
    found = arrange_splits({"train": images}, validation=0, seed=0)
    assert {"train", "test"} == set(found.splits)
    assert any("40 images are too alike in outline" in note for note in found.notes)


def test_a_class_of_copies_alone_is_cut_and_told() -> None:
    pixels = torch.zeros(20, 3, 4, 4, dtype=torch.uint8)
    held = MemoryImages(pixels, tuple("abcdefghijklmnopqrst"))
    images = ImageSet("toy", "train", ("a", "b"), np.arange(20) % 2, held)
    found = arrange_splits({"train": images}, validation=0, seed=0)
    (note,) = [note for note in found.notes if note.startswith("near-duplicates")]
    assert f"{len(found.splits['test'])} of {len(found.splits['test'])} test images have one in train" in note


@pytest.mark.parametrize("validation", [0, 0.2])
def test_a_group_is_never_on_both_sides(validation: float) -> None:
    import pyarrow as pa

    images = replace(photographs(120), columns=pa.table({"patient": [f"p{i // 4}" for i in range(120)]}))
    found = arrange_splits(
        {"train": images}, validation=validation, seed=0, reading=Reading(group_column="patient")
    )
    patients = [set(part.columns["patient"].to_pylist()) for part in found.splits.values() if part.columns]
    assert len(patients) == 3 - (validation == 0)
    assert sum(map(len, patients)) == len(set.union(*patients)) == 30


def test_groups_on_both_sides_of_own_splits_are_told() -> None:
    train = photographs(20)
    test = photographs(30).select(np.arange(20, 30))
    names = tuple(f"{row:03}.png" for row in range(10))
    test = replace(test, split="test", images=MemoryImages(test.pixels, names))
    found = arrange_splits(
        {"train": train, "test": test}, validation=0, seed=0, reading=Reading(group_pattern=r"^(\d\d)")
    )
    (note,) = found.notes
    assert "1 are in train and in test of the set's own splits, such as '00', with 10 of 10" in note


def test_one_group_a_class_cannot_be_cut() -> None:
    images = photographs(20)
    with pytest.raises(InputError, match="every class is a single image or group"):
        arrange_splits({"train": images}, validation=0, seed=0, reading=Reading(group_pattern="([05])|.*()"))


def test_copies_of_train_in_a_sets_own_test_split_are_told() -> None:
    train = photographs(60)
    other = photographs(90).select(np.arange(60, 90))
    copies = train.select(np.arange(5))
    pixels = torch.cat([other.pixels, copies.pixels[:2], copies.pixels[2:].flip(3) + 20])
    paths = tuple(f"test/{row}.png" for row in range(len(pixels)))
    test = replace(other, labels=np.arange(len(pixels)) % 2, images=MemoryImages(pixels, paths))
    (note,) = arrange_splits({"train": train, "test": test}, validation=0, seed=0).notes
    assert "5 of 35 images of the set's own test split have one in train (" in note
    assert "2 of them the same file" in note


def test_own_splits_without_copies_are_not_spoken_of() -> None:
    images = photographs(90)
    parts = {"train": images.select(np.arange(60)), "test": images.select(np.arange(60, 90))}
    assert arrange_splits(parts, validation=0, seed=0).notes == ()


def test_what_was_not_compared_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nearsight.data.splits.MOST_PAIRS", 99)
    train, test = photographs(10), replace(photographs(10), split="test")
    notes = arrange_splits({"train": train, "test": test}, validation=0, seed=0).notes
    assert any(
        "between 10 images of train and 10 of the set's own test split only equal files" in note
        for note in notes
    )
    assert any("10 of 10 images of the set's own test split have one in train" in note for note in notes)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_settled_test_split_has_the_same_validation_cut(seed: int) -> None:
    images = photographs(100, copies=20)
    whole = cut(ImageSets("toy", {"train": images}), 0.1, seed)
    settled = cut_validation(cut(ImageSets("toy", {"train": images}), 0, seed), 0.1, seed)
    assert settled.notes == whole.notes
    assert settled.splits_follow_seed == whole.splits_follow_seed
    assert [(name, part.identity.paths.tolist()) for name, part in settled.items()] == [
        (name, part.identity.paths.tolist()) for name, part in whole.items()
    ]
