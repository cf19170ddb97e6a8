"""Splits: finding them by their usual names, and making missing ones from train."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data.groups import clusters, group_names, same_names, units_of
from nearsight.data.hashed_cut import held_out
from nearsight.data.image_set import ImageSet, ImageSets
from nearsight.data.split_names import USUAL, usual_split
from nearsight.data.thumbnails import near_others, near_pairs
from nearsight.errors import InputError, listed
from nearsight.numbers import counted
from nearsight.settings import Reading

TEST_SHARE = 0.2
# Comparing all images with all takes a minute for this many, and four for twice as many.
MOST_COMPARED = 50_000
# As a share of all images. A larger cluster does not consist of copies but of pictures alike in outline, such as
# drawings on a plain background.
LARGEST_CLUSTER, LEAST_CLUSTER = 0.05, 10
# Of test images with training images, which takes some seconds.
MOST_PAIRS = 100_000_000
_NO_PAIRS = np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Arranged:
    """Splits under their usual names, what was done to obtain them, and whether another seed makes others."""

    splits: dict[str, ImageSet]
    notes: tuple[str, ...]
    follow_seed: bool


def arrange_splits(
    found: Mapping[str, ImageSet], *, validation: float, seed: int, reading: Reading | None = None
) -> Arranged:
    """Give splits their usual names, make missing ones from train, and say in notes what was done.

    A set without a test split tests on its validation split; one that has neither gives up about 20 % of its
    images, the same ones whatever the seed. Then a share `validation` of train, chosen by `seed`, becomes `val`
    if there is none. Images are chosen by a hash of their path, or of their content if they have none: adding,
    removing or renaming a file moves no other image, except one of a class that would be on one side only.
    Groups, as given by `reading`, and near-duplicates stay together when test is split off; near-duplicates
    between own splits are reported. Splits with other names stay as they are. Raises `InputError` if train is too
    small to be divided.
    """
    reading = reading or Reading()
    splits, notes = own_splits(found)
    follow_seed = False
    if "train" in splits:
        groups = group_names(splits["train"], reading)
        if "test" not in splits:
            pairs, more = alike(splits["train"])
            try:
                out = _cut(splits["train"], groups, pairs, TEST_SHARE, "test", "test", notes)
                notes += more
            except InputError:
                if not len(pairs):
                    raise
                # If a class is one picture many times over, a test with copies is better than none.
                out = _cut(splits["train"], groups, _NO_PAIRS, TEST_SHARE, "test", "test", notes)
                notes.append(_copies_on_both_sides(pairs, out))
            splits["train"], splits["test"] = _parts(splits["train"], out)
            groups = None if groups is None else groups[~out]
        else:
            notes += _groups_on_both_sides(splits, reading)
            notes += _copies_in_own_test(splits["train"], splits["test"])
        follow_seed = _cut_validation(splits, groups, validation, seed, notes)
    return Arranged(_ordered(splits), tuple(notes), follow_seed)


def _ordered(splits: Mapping[str, ImageSet]) -> dict[str, ImageSet]:
    """Name each split as it is called, the usual ones first."""
    order = [name for name in USUAL if name in splits] + [name for name in splits if name not in USUAL]
    return {name: replace(splits[name], split=name) for name in order}


def own_splits(found: Mapping[str, ImageSet]) -> tuple[dict[str, ImageSet], list[str]]:
    """Give a set's own splits their usual names; without a test split it is tested on its validation split."""
    splits: dict[str, ImageSet] = {}
    for name, images in found.items():
        usual = usual_split(name) or name
        splits[name if usual in splits else usual] = images
    if "train" not in splits or "test" in splits or "val" not in splits:
        return splits, []
    note = f"test: the set's own {splits['val'].split} split, for want of a labelled test split"
    splits["test"] = splits.pop("val")
    return splits, [note]


def cut(sets: ImageSets, validation: float, seed: int) -> ImageSets:
    """Give the splits of a set their usual names, and make missing ones from train, as `arrange_splits` does."""
    arranged = arrange_splits(sets.splits, validation=validation, seed=seed, reading=sets.reading)
    return replace(
        sets,
        splits=arranged.splits,
        notes=(*sets.notes, *arranged.notes),
        splits_follow_seed=sets.splits_follow_seed or arranged.follow_seed,
    )


def cut_validation(sets: ImageSets, validation: float, seed: int) -> ImageSets:
    """Split `val` off from train if a set has none, as `cut` does; its test split is already decided."""
    splits, notes = dict(sets.splits), [*sets.notes]
    groups = group_names(splits["train"], sets.reading) if validation > 0 else None
    follows = _cut_validation(splits, groups, validation, seed, notes)
    return replace(
        sets,
        splits=_ordered(splits),
        notes=tuple(notes),
        splits_follow_seed=sets.splits_follow_seed or follows,
    )


def _cut_validation(
    splits: dict[str, ImageSet],
    groups: NDArray[np.str_] | None,
    validation: float,
    seed: int,
    notes: list[str],
) -> bool:
    """Split `val` off from train in place if it is missing and wanted; return whether it was."""
    if "val" in splits or validation == 0:
        return False
    out = _cut(splits["train"], groups, _NO_PAIRS, validation, f"val {seed}", "val", notes)
    splits["train"], splits["val"] = _parts(splits["train"], out)
    return True


def alike(images: ImageSet, kept: str = "on one side of the test cut") -> tuple[NDArray[np.int64], list[str]]:
    """Return the pairs of images that show the same picture, int64 (pairs, 2), and what to report about them.

    `kept` says where those that show the same picture will be together.
    """
    copies = np.array(same_names(images.identity.digests), dtype=np.int64).reshape(-1, 2)
    if len(images) > MOST_COMPARED:
        return copies, [
            f"near-duplicates: only equal files were searched for among {len(images):,} images, above "
            f"{MOST_COMPARED:,}"
        ]
    near = near_pairs(images).numpy()
    cluster = clusters(len(images), near)
    sizes = np.bincount(cluster, minlength=1)
    large = sizes > max(LEAST_CLUSTER, LARGEST_CLUSTER * len(images))
    notes = []
    if large.any():
        notes.append(
            f"near-duplicates: {int(sizes[large].sum())} images are too alike in outline to tell copies from others "
            f"(the largest group of them has {int(sizes.max())}), so of these only identical files are kept on "
            "one side of the cut"
        )
        near = near[~large[cluster[near[:, 0]]]]
    pairs = np.concatenate([near, copies])
    if len(pairs):
        number = clusters(len(images), pairs)
        together = np.bincount(number)
        several = together[together > 1]
        first = np.flatnonzero(number == number[np.flatnonzero(together[number] > 1)[0]])
        one, other = (str(images.identity.paths[i] or images.path(int(i))) for i in first[:2])
        notes.append(
            f"near-duplicates: {int(several.sum())} of {len(images)} images, in {len(several)} "
            f"{'cluster' if len(several) == 1 else 'clusters'} (such as {one} and {other}), each kept {kept}"
        )
    return pairs, notes


def _copies_on_both_sides(pairs: NDArray[np.int64], out: NDArray[np.bool_]) -> str:
    number = clusters(len(out), pairs)
    both = np.intersect1d(number[out], number[~out])
    images = int(np.isin(number[out], both).sum())
    return (
        f"near-duplicates: {images} of {int(out.sum())} test images have one in train, as a class is nothing but "
        "near-duplicates: what is measured on these is no test"
    )


def _copies_in_own_test(train: ImageSet, test: ImageSet) -> list[str]:
    """Report which images of a set's own test split show a picture that its training images show."""
    equal = np.isin(test.identity.digests, train.identity.digests) & (test.identity.digests != "")
    near = np.zeros(len(test), dtype=bool)
    notes = []
    if len(train) * len(test) > MOST_PAIRS:
        notes.append(
            f"near-duplicates: between {len(train):,} images of train and {len(test):,} of the set's own test split "
            "only equal files were searched for; a diagnosis compares them all"
        )
    else:
        times = np.bincount(near_others(test, train)[:, 0].numpy(), minlength=len(test))
        # An image that is near to many is alike in outline, as in `alike`.
        near = (times > 0) & (times <= max(LEAST_CLUSTER, LARGEST_CLUSTER * len(train)))
    copies = np.flatnonzero(equal | near)
    if not len(copies):
        return notes
    named = listed((str(test.identity.paths[i] or test.path(int(i))) for i in copies), 3, count=len(copies))
    return [
        *notes,
        f"near-duplicates: {len(copies)} of {len(test)} images of the set's own test split have one in train "
        f"({named}), {int(equal.sum())} of them the same file: what is measured on these is no test",
    ]


def _groups_on_both_sides(splits: Mapping[str, ImageSet], reading: Reading) -> list[str]:
    ours, theirs = group_names(splits["train"], reading), group_names(splits["test"], reading)
    if ours is None or theirs is None:
        return []
    shared = np.setdiff1d(np.intersect1d(ours, theirs), [""])
    if not len(shared):
        return []
    images = int(np.isin(theirs, shared).sum())
    return [
        f"groups: {len(shared)} are in train and in test of the set's own splits, such as '{shared[0]}', with "
        f"{images} of {len(theirs)} test images: what is measured on these is no test"
    ]


def _cut(
    train: ImageSet,
    groups: NDArray[np.str_] | None,
    pairs: NDArray[np.int64],
    share: float,
    salt: str,
    split: str,
    notes: list[str],
) -> NDArray[np.bool_]:
    units = units_of(train.identity, groups, pairs)
    try:
        out, mended = held_out(units.tolist(), train.labels, share, salt, exact=split == "val")
    except InputError as error:
        way_out = f"add images or a {split} split" + (
            ", or keep train whole with `validation=0`" if split == "val" else ""
        )
        raise InputError(f"'{train.name}' has no {split} split, and {error}; {way_out}") from None
    by = "path" if (train.identity.paths != "").any() else "content"
    grouped = "" if groups is None else f", {len(np.unique(units[out]))} groups or images without one"
    seeded = "" if split == "test" else f", seed {salt.split()[-1]}"
    small = counted(mended, "small class", "small classes")
    few = f"; one image of {small} was moved, so that train and {split} both have the class" if mended else ""
    notes.append(
        f"{split}: {int(out.sum())} of the {len(train)} images of train, held out by a hash of their {by}"
        f"{seeded}{grouped}{few}"
    )
    return out


def _parts(train: ImageSet, out: NDArray[np.bool_]) -> tuple[ImageSet, ImageSet]:
    return train.select(np.flatnonzero(~out)), train.select(np.flatnonzero(out))
