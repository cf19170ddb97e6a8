"""The splits of runs that list no images: by the places of images in the set, as they were during training."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data.image_set import ImageSets
from nearsight.data.splits import TEST_SHARE, own_splits
from nearsight.errors import InputError

_TEST_SEED = 0


def cut_by_place(sets: ImageSets, validation: float, seed: int) -> tuple[ImageSets, bool]:
    """Make missing splits from train as versions did whose runs list no images, and say whether test was made.

    >>> from nearsight.data.loading import read_set
    >>> old, cut = cut_by_place(read_set("digits"), 0.1, 0)
    >>> {split: len(images) for split, images in old.items()}, cut
    ({'train': 1294, 'val': 144, 'test': 359}, True)

    The images of each split are only the same ones if the set is unchanged.
    """
    splits, notes = own_splits(sets.splits)
    cut = "train" in splits and "test" not in splits
    if cut:
        rest, out = stratified_cut(splits["train"].labels, TEST_SHARE, _TEST_SEED)
        splits["test"] = replace(splits["train"].select(out), split="test")
        splits["train"] = splits["train"].select(rest)
    follows = "train" in splits and "val" not in splits and validation > 0
    if follows:
        rest, out = stratified_cut(splits["train"].labels, validation, seed)
        splits["val"] = replace(splits["train"].select(out), split="val")
        splits["train"] = splits["train"].select(rest)
    ordered = {name: splits[name] for name in ("train", "val", "test", *splits) if name in splits}
    return replace(sets, splits=ordered, notes=(*sets.notes, *notes), splits_follow_seed=follows), cut


def stratified_cut(
    labels: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide images in two, `share` of them (at least one per class) in the second part, classes in proportion.

    >>> rest, cut = stratified_cut(np.repeat([0, 1], [30, 10]), 0.2, seed=0)
    >>> np.bincount(np.repeat([0, 1], [30, 10])[cut]).tolist()
    [6, 2]

    Classes with a single image stay in the first part whole. Returns indices, int64, ascending, that together are
    all images. Raises `InputError` if every class has a single image or nothing would be left.
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
