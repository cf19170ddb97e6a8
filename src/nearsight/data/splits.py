"""Splits: finding them by their usual names, and cutting those that are missing from train."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data.image_set import ImageSet
from nearsight.data.split_names import USUAL, usual_split
from nearsight.errors import InputError

TEST_SHARE = 0.2
# Fixed, so that runs of all seeds are tested on the same images and none was trained on one of them.
TEST_SEED = 0


@dataclass(frozen=True)
class Arranged:
    """Splits under their usual names, what was done to have them, and whether another seed cuts them otherwise."""

    splits: dict[str, ImageSet]
    notes: tuple[str, ...]
    follow_seed: bool


def arrange_splits(found: Mapping[str, ImageSet], *, validation: float, seed: int) -> Arranged:
    """Give splits their usual names, cut missing ones from train, and say in notes what was done.

    A set without a test split tests on its validation split; one that has neither gives up 20 % of it for
    testing, the same images whatever the seed. Then a share `validation` of train, drawn by `seed`, becomes
    `val` where there is none. Cuts are stratified by class. Splits of other names stay as they are. Raises
    `InputError` when train is too small to be cut.
    """
    notes: list[str] = []
    follow_seed = False
    splits: dict[str, ImageSet] = {}
    for name, images in found.items():
        usual = usual_split(name) or name
        splits[name if usual in splits else usual] = images
    if "train" in splits:
        if "test" not in splits and "val" in splits:
            notes.append(
                f"test: the set's own {splits['val'].split} split, for want of a labelled test split"
            )
            splits["test"] = splits.pop("val")
        elif "test" not in splits:
            splits["train"], splits["test"] = _cut(splits["train"], TEST_SHARE, TEST_SEED, "test", notes)
        if "val" not in splits and validation > 0:
            splits["train"], splits["val"] = _cut(splits["train"], validation, seed, "val", notes)
            follow_seed = True
    order = [name for name in USUAL if name in splits] + [name for name in splits if name not in USUAL]
    return Arranged({name: replace(splits[name], split=name) for name in order}, tuple(notes), follow_seed)


def stratified_cut(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide images in two, `share` of them (at least one a class) in the second part, classes in proportion.

    >>> rest, cut = stratified_cut(np.repeat([0, 1], [30, 10]), 0.2, seed=0)
    >>> np.bincount(np.repeat([0, 1], [30, 10])[cut]).tolist()
    [6, 2]

    Classes of a single image stay in the first part whole. Returns indices, int64, ascending, that together
    are all images. Raises `InputError` when every class has a single image or nothing would be left.
    """
    from sklearn.model_selection import train_test_split

    sizes = np.bincount(labels)
    single = sizes[labels] == 1
    index = np.flatnonzero(~single)
    classes = int((sizes > 1).sum())
    count = max(classes, round(share * len(index)))
    if classes == 0 or len(index) - count < classes:
        raise InputError(
            f"{share:.0%} of {len(labels)} images cannot be cut so that each class is on both sides"
        )
    rest, cut = train_test_split(index, test_size=count, random_state=seed, stratify=labels[index])
    return np.sort(np.concatenate([rest, np.flatnonzero(single)])), np.sort(cut)


def _cut(train: ImageSet, share: float, seed: int, split: str, notes: list[str]) -> tuple[ImageSet, ImageSet]:
    try:
        rest, cut = stratified_cut(train.labels, share, seed)
    except InputError as error:
        way_out = f"add images or a {split} split" + (
            ", or keep train whole with `validation=0`" if split == "val" else ""
        )
        raise InputError(f"'{train.name}' has no {split} split, and {error}; {way_out}") from None
    notes.append(f"{split}: {len(cut)} of the {len(train)} images of train, stratified, seed {seed}")
    return train.select(rest), train.select(cut)
