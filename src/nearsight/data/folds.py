"""Folds: a set in parts for cross-validation, each of which is tested by a network trained on the others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data.groups import group_names, units_of
from nearsight.data.hashed_cut import share_of
from nearsight.data.image_set import ImageSets
from nearsight.data.split_list import Listing, sort_by_listing
from nearsight.data.splits import alike, cut_validation, own_splits
from nearsight.errors import InputError
from nearsight.numbers import counted, whole

FOLD = "fold-"
# The test split of a set's own, in addition to folds of its train split.
OWN_TEST = "own-test"
_SALT = "folds"


def fold_of(units: Sequence[str], classes: Sequence[str], folds: int) -> NDArray[np.int64]:
    """Return the fold of each image, from 1 on, int64 (n,): every class is in every fold, a unit in only one.

    >>> units, classes = [f"{i}.png" for i in range(100)], ["cat", "dog"] * 50
    >>> number = fold_of(units, classes, 5)
    >>> np.bincount(number)[1:].tolist()
    [20, 20, 20, 20, 20]
    >>> fewer = fold_of(units[1:], classes[1:], 5)
    >>> int((fewer != number[1:]).sum())
    3

    `units` names the unit and `classes` the class of each image. The units of a class, in the order of a hash of
    their names, are divided into as many equal sections as there are folds, so each fold has its share of every
    class. A unit that is added or removed moves at most one unit over each border between two sections, to the
    next fold, and none of another class. Folds by the hash alone would move none, but leave small classes out of
    some folds. A unit with several classes counts for the rarest. Raises `InputError` if a class has fewer units
    than there are folds, and if units with several classes cannot be arranged in this way.
    """
    folds = whole("folds", folds)
    if folds < 2:
        raise InputError(f"folds must be at least 2, got {folds}")
    labels = np.array(classes, dtype=np.str_)
    names, unit = np.unique(np.array(units, dtype=np.str_), return_inverse=True)
    has = {str(name): np.unique(unit[labels == name]) for name in np.unique(labels)}
    _require_units(has, labels, folds)
    place = np.array([share_of(str(name), _SALT) for name in names])
    number = np.zeros(len(names), dtype=np.int64)
    for name in sorted(has, key=lambda name: (len(has[name]), name)):
        mine = has[name][number[has[name]] == 0]
        mine = mine[np.argsort(place[mine])]
        # If sections cannot be equal, other folds are larger for other classes.
        first = int(share_of(f"class {name}", _SALT) * folds)
        number[mine] = (np.arange(len(mine)) * folds // max(len(mine), 1) + first) % folds + 1
    _put_every_class_in_every_fold(number, has, folds)
    found: NDArray[np.int64] = number[unit]
    return found


def _require_units(has: dict[str, NDArray[np.int64]], labels: NDArray[np.str_], folds: int) -> None:
    fewest = min(has, key=lambda name: len(has[name]))
    if len(has[fewest]) >= folds:
        return
    images, units = int((labels == fewest).sum()), len(has[fewest])
    of_them = (
        "" if images == units else f", {units} of them independent (a group, or near-duplicates, count once)"
    )
    way_out = f"give `folds={units}`" if units > 1 else "leave the class out"
    raise InputError(
        f"{counted(folds, 'fold')} need {counted(folds, 'image')} of each class, and '{fewest}' has "
        f"{images}{of_them}; {way_out}, or add "
        "images of it"
    )


def _put_every_class_in_every_fold(
    number: NDArray[np.int64], has: dict[str, NDArray[np.int64]], folds: int
) -> None:
    """Move units with several classes to folds that lack one of them, if the fold that they leave then lacks none."""
    of_unit: list[list[str]] = [[] for _ in number]
    for name, mine in has.items():
        for one in mine.tolist():
            of_unit[one].append(name)
    for name, mine in sorted(has.items(), key=lambda item: len(item[1])):
        for fold in np.setdiff1d(np.arange(1, folds + 1), number[mine]).tolist():
            spare = [
                one
                for one in mine.tolist()
                if all((number[has[other]] == number[one]).sum() > 1 for other in of_unit[one])
            ]
            if not spare:
                raise InputError(
                    f"{counted(folds, 'fold')} cannot be made so that class '{name}' is in each: its groups "
                    "hold other classes "
                    "too, which would be left out elsewhere; give fewer `folds`, or smaller groups"
                )
            number[spare[0]] = fold


@dataclass(frozen=True, eq=False)
class FoldedSet:
    """A set whose train split is in folds: `number`, int64 (n,), is the fold of each image, counted from 1.

    `whole` has that split as `train`, by fold, and the set's own `val` and test split, the latter as `own-test`:
    nothing is trained, chosen or tested on it.
    """

    whole: ImageSets
    number: NDArray[np.int64]

    @property
    def count(self) -> int:
        """The number of folds."""
        return int(self.number.max())

    def sets_of(self, fold: int, validation: float, seed: int) -> ImageSets:
        """Return the splits for one fold: it is `test`, the others are `train`, from which `val` is split off."""
        train = self.whole["train"]
        test = self.number == fold
        others = {name: images for name, images in self.whole.items() if name != "train"}
        splits = {
            "train": train.select(np.flatnonzero(~test)),
            "test": replace(train.select(np.flatnonzero(test)), split="test"),
        }
        note = f"test: fold {fold} of {self.count}, {int(test.sum())} of {counted(len(train), 'image')}"
        sets = replace(self.whole, splits=splits | others, notes=(*self.whole.notes, note))
        return cut_validation(sets, validation, seed)

    def listing(self) -> Listing:
        """List the images with their folds as splits, `fold-1` and so on."""
        train = self.whole["train"]
        parts = {
            f"{FOLD}{fold}": train.select(np.flatnonzero(self.number == fold))
            for fold in range(1, self.count + 1)
        }
        others = {name: images for name, images in self.whole.items() if name != "train"}
        return Listing.of(replace(self.whole, splits=parts | others))


def fold_set(sets: ImageSets, folds: int) -> FoldedSet:
    """Divide the train split of a set into folds that keep groups and near-duplicates together, with notes.

    >>> from nearsight.data.sources import held_sets
    >>> import torch
    >>> pixels = torch.rand(40, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> found = fold_set(held_sets((pixels, ["cat", "dog"] * 20)), 4)
    >>> found.count, {name: len(part) for name, part in found.sets_of(1, 0.1, seed=0).items()}
    (4, {'train': 27, 'val': 3, 'test': 10})

    A set without a test split of its own is folded whole. If there is a test split, only train is folded; the
    test split is not touched. Raises `InputError` if there is no train split, and where `fold_of` does.
    """
    splits, notes = own_splits(sets.splits)
    if "train" not in splits:
        raise InputError(f"'{sets.name}' has no train split to make folds of; it has: {', '.join(splits)}")
    train = splits["train"]
    groups = group_names(train, sets.reading)
    pairs, more = alike(train, kept="in one fold")
    number = fold_of(
        units_of(train.identity, groups, pairs).tolist(),
        [train.classes[label] for label in train.labels.tolist()],
        folds,
    )
    order = np.argsort(number, kind="stable")
    sizes = np.bincount(number)[1:]
    notes = [
        *notes,
        *more,
        f"folds: {len(sizes)} of {sizes.min()} to {sizes.max()} images, by a hash of their names within each class",
    ]
    kept = {"train": replace(train.select(order), split="train")}
    if "val" in splits:
        kept["val"] = splits["val"]
    if "test" in splits:
        kept[OWN_TEST] = replace(splits["test"], split=OWN_TEST)
        notes.append(
            f"{OWN_TEST}: the {len(splits['test'])} images of the set's own test split are not touched"
        )
    whole_set = replace(sets, splits=kept, notes=(*sets.notes, *notes))
    return FoldedSet(whole_set, number[order])


def folded_as_listed(listing: Listing, sets: ImageSets) -> tuple[FoldedSet, tuple[str, ...]]:
    """Divide a set into the folds of a listing that `FoldedSet.listing` made, whatever has become of the set since.

    Returns what to report about how it has changed. Raises where `sort_by_listing` does, and `InputError` if
    nothing of a fold is left.
    """
    found = sort_by_listing(listing, sets)
    names = [name for name in dict.fromkeys(listing.split.tolist()) if name.startswith(FOLD)]
    for name in names:
        if name not in found.sets:
            raise InputError(
                f"all {counted(listing.count(name), 'image')} of {name} are missing; put them back"
            )
    number = np.repeat(np.arange(1, len(names) + 1), [len(found.sets[name]) for name in names])
    # The same rows in the same order, as one selection from the set.
    in_train = replace(listing, split=np.where(np.isin(listing.split, names), "train", listing.split))
    together = sort_by_listing(in_train, sets)
    return FoldedSet(together.sets, number), together.told("train")


def folds_of(listing: Listing) -> int:
    """Return how many folds a listing has, 0 if it is not one of folds."""
    return sum(name.startswith(FOLD) for name in np.unique(listing.split).tolist())


def of_fold(listing: Listing, fold: int) -> Listing:
    """Return the listing of a fold's run from that of all folds: the fold is `test`, and the others are `train`."""
    others = np.array([name.startswith(FOLD) for name in listing.split.tolist()], dtype=np.bool_)
    split = np.where(others, "train", listing.split)
    return replace(listing, split=np.where(listing.split == f"{FOLD}{fold}", "test", split))
