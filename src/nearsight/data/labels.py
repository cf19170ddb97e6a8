"""Labels and class names of a set: made consistent between its splits, and checked."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nearsight.data.class_names import agree, lookup, plain
from nearsight.data.split_names import usual_split
from nearsight.data.table import MISSING
from nearsight.errors import InputError, listed

# Class names, the labels of each split as places in them, and notes.
_Numbering = tuple[tuple[str, ...], dict[str, NDArray[np.int64]], list[str]]


class Labelled(Protocol):
    """One split as read: a number or a name for each image, and the class names if they are known."""

    @property
    def labels(self) -> NDArray[np.int64] | list[str | None] | None:
        """The label of each image, -1 or None if it is missing; None means that there are no labels at all."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names, None if they are not named."""

    def __len__(self) -> int:
        """Return the number of images."""

    def name(self, row: int, split: str) -> str:
        """Name the image of a row, for messages."""


def find_labels(
    name: str, tables: Mapping[str, Labelled]
) -> tuple[tuple[str, ...], dict[str, NDArray[np.int64]], list[str]]:
    """Decide on the class names of a set and number the labels of each split, int64 (n,), as places in them.

    Splits that name their classes are matched by name, whatever the order of each. If no split names them, the
    classes are the labels that occur, sorted: words, or numbers, which are named as they are and numbered again
    from 0. Numbers 1 to N for N named classes count from 1. Splits without any label are left out. Notes report
    all of this. Raises `InputError` for a split without images, for labels that are missing or out of range, and
    if there is only one class, in all or to train on.
    """
    named = {split: table.classes for split, table in tables.items() if table.classes is not None}
    numbering = _by_given_names(name, tables, named) if named else _by_occurring(name, tables)
    classes, numbers, notes = numbering
    labels: dict[str, NDArray[np.int64]] = {}
    for split, table in tables.items():
        if not len(table):
            raise InputError(f"the split '{split}' of '{name}' holds no images; fill it or remove it")
        if (numbers[split] == MISSING).all():
            notes.append(f"{split}: left out, as none of its {len(table)} images has a label")
        else:
            _require_range(name, split, table, numbers[split], classes)
            labels[split] = numbers[split]
    require_classes(name, labels, classes)
    return classes, labels, notes + _unseen(labels, classes)


def named_by_number(
    labels: NDArray[np.int64] | list[str | None] | None, classes: Sequence[str]
) -> list[str | None] | None:
    """Return labels as the names of their classes, if they are the numbers by which these are named; or None.

    >>> named_by_number(np.array([3, 1, 3]), ("1", "3"))
    ['3', '1', '3']
    >>> named_by_number(np.array([0, 1]), ("1", "3")) is None, named_by_number(np.array([0, 1]), ("a", "b")) is None
    (True, True)

    Data without class names uses its labels as names, so that labels of more such data name the same classes.
    """
    if not isinstance(labels, np.ndarray) or tuple(classes) == tuple(map(str, range(len(classes)))):
        return None
    names = {number: str(number) for number in np.unique(labels).tolist() if number != MISSING}
    return [names.get(number) for number in labels.tolist()] if set(names.values()) <= set(classes) else None


def _by_given_names(
    name: str, tables: Mapping[str, Labelled], named: Mapping[str, tuple[str, ...]]
) -> _Numbering:
    base = _base(named)
    agreed = agree(named, base, f"'{name}'")
    notes, numbers = list(agreed.notes), {}
    from_one = _count_from_one(tables, named, len(named[base]))
    if from_one:
        notes.append(f"labels go from 1 to {len(named[base])}, and 1 is taken for '{agreed.classes[0]}'")
    for split, table in tables.items():
        if isinstance(table.labels, list):
            numbers[split] = _words(table.labels, agreed.classes, split, notes)
        elif table.labels is None:
            numbers[split] = np.full(len(table), MISSING, dtype=np.int64)
        else:
            if split not in named and (table.labels != MISSING).any():
                notes.append(
                    f"{split}: does not name its classes; its labels are taken for numbers of {base}'s"
                )
            own = table.labels - 1 if from_one else table.labels
            places = np.array(agreed.places.get(split, agreed.places[base]), dtype=np.int64)
            numbers[split] = _placed(own, places, len(agreed.classes))
    return agreed.classes, numbers, notes


def _base(splits: Mapping[str, object]) -> str:
    return next((split for split in splits if usual_split(split) == "train"), next(iter(splits)))


def _count_from_one(tables: Mapping[str, Labelled], named: Mapping[str, Sequence[str]], count: int) -> bool:
    """Whether the numbers can only count from 1: N occurs and 0 does not, with N names in each list."""
    numbers = [table.labels for table in tables.values() if isinstance(table.labels, np.ndarray)]
    given = np.unique(np.concatenate([*numbers, np.array([MISSING])]))[1:]
    alike = all(len(names) == count for names in named.values())
    return bool(alike and len(given) and given[0] >= 1 and given[-1] == count)


def _placed(numbers: NDArray[np.int64], places: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Translate numbers to places; a number out of range stays out of range, and a missing one missing."""
    inside = (numbers >= 0) & (numbers < len(places))
    outside = np.where(numbers < 0, numbers, np.maximum(numbers, count))
    if not len(places):
        return outside
    return np.where(inside, places[np.where(inside, numbers, 0)], outside)


def _words(
    labels: Sequence[str | None], classes: Sequence[str], split: str, notes: list[str]
) -> NDArray[np.int64]:
    number = lookup((word for word in labels if word is not None), classes)
    respelt = [word for word, place in number.items() if place is not None and classes[place] != word]
    if respelt:
        notes.append(
            f"{split}: labels spelt in another way than their class, and taken for it: "
            f"{listed([repr(word) for word in respelt])}"
        )
    # A name that is not among the classes is out of range, not missing.
    place = {word: len(classes) if found is None else found for word, found in number.items()}
    return np.array([place[word] if word and word.strip() else MISSING for word in labels], dtype=np.int64)


def _by_occurring(name: str, tables: Mapping[str, Labelled]) -> _Numbering:
    words, numbers = _words_and_numbers(name, tables)
    missing = {split: np.full(len(table), MISSING, dtype=np.int64) for split, table in tables.items()}
    if not words:
        classes, placed, notes = _by_number(numbers)
        return classes, missing | placed, notes
    lists = {split: tuple(sorted({plain(word) for word in found})) for split, found in words.items()}
    agreed = agree(lists, _base(lists), f"'{name}'")
    keys = _reading_order(agreed.classes)
    order = sorted(range(len(keys)), key=keys.__getitem__)
    rank = {place: number for number, place in enumerate(order)}
    # Which of the words a split has, and their order, need not be reported.
    notes = [note for note in agreed.notes if "spelt" in note]
    placed = {}
    for split, found in words.items():
        place = {own: rank[at] for own, at in zip(lists[split], agreed.places[split], strict=True)}
        number = {word: place[plain(word)] for word in found}
        labels = tables[split].labels
        assert isinstance(labels, list)
        placed[split] = np.array([number.get(word or "", MISSING) for word in labels], dtype=np.int64)
        respelt = sorted(word for word in found if plain(word) != word)
        if respelt:
            notes.append(
                f"{split}: labels with odd spaces or in another form of Unicode, taken for the plain name: "
                f"{listed([repr(word) for word in respelt])}"
            )
    return tuple(agreed.classes[place] for place in order), missing | placed, notes


def _words_and_numbers(
    name: str, tables: Mapping[str, Labelled]
) -> tuple[dict[str, set[str]], dict[str, NDArray[np.int64]]]:
    """The different words of splits that have any, and the labels of those that have numbers."""
    words: dict[str, set[str]] = {}
    numbers: dict[str, NDArray[np.int64]] = {}
    for split, table in tables.items():
        if isinstance(table.labels, list):
            words[split] = {word for word in table.labels if word and word.strip()}
        elif table.labels is not None and (table.labels != MISSING).any():
            numbers[split] = table.labels
    words = {split: found for split, found in words.items() if found}
    if words and numbers:
        raise InputError(
            f"'{next(iter(words))}' of '{name}' labels its images with names and '{next(iter(numbers))}' with "
            "numbers; name the classes, or give both the same kind of label"
        )
    return words, numbers


def _reading_order(words: Sequence[str]) -> list[tuple[int, str]]:
    """Sort keys: numbers by their value, anything else by the letters."""
    whole = all(word.isascii() and word.isdigit() for word in words)
    return [(int(word) if whole else 0, word) for word in words]


def _by_number(numbers: Mapping[str, NDArray[np.int64]]) -> _Numbering:
    occurring = np.unique(np.concatenate([*numbers.values(), np.array([MISSING], dtype=np.int64)]))
    # -1 is missing; what is lower is refused with the image's name.
    occurring = occurring[occurring >= 0]
    classes = tuple(map(str, occurring.tolist()))
    notes = []
    if len(occurring) and occurring[-1] != len(occurring) - 1:
        gaps = " with gaps" if occurring[-1] - occurring[0] >= len(occurring) else ""
        notes.append(
            f"labels are {len(occurring)} numbers from {occurring[0]} to {occurring[-1]}{gaps}: {listed(classes)}; "
            "a class is named by its number, and there is none for numbers that no image has"
        )
    placed = {}
    for split, own in numbers.items():
        place = np.searchsorted(occurring, own)
        placed[split] = np.where(own < 0, own, place)
    return classes, placed, notes


def _unseen(labels: Mapping[str, NDArray[np.int64]], classes: Sequence[str]) -> list[str]:
    """Report splits whose images belong to classes that train does not have: they can only be wrong."""
    train = next((split for split in labels if usual_split(split) == "train"), None)
    if train is None:
        return []
    trained = np.unique(labels[train])
    notes = []
    for split, numbers in labels.items():
        beyond = ~np.isin(numbers, trained)
        if beyond.any():
            which = [classes[number] for number in np.unique(numbers[beyond])]
            notes.append(
                f"{split}: {int(beyond.sum())} of its {len(numbers)} images are of classes that {train} has no image "
                f"of: {listed(which)}"
            )
    return notes


def _require_range(
    name: str, split: str, table: Labelled, numbers: NDArray[np.int64], classes: tuple[str, ...]
) -> None:
    wrong = np.flatnonzero((numbers < 0) | (numbers >= len(classes)))
    if not len(wrong):
        return
    row = int(wrong[0])
    given = table.labels[row] if table.labels is not None else None
    which = f"{table.name(row, split)} in {name} {split}"
    if numbers[row] == MISSING:
        trouble = f"the label of {which} is missing"
        if classes == ("1",):
            trouble = (
                f"the labels of {name} are -1 and 1, where -1 stands for a missing one: write 0 and 1 instead"
            )
    else:
        trouble = f"the label '{given}' of {which} is not among the {len(classes)} classes"
    raise InputError(
        f"{trouble} ({len(wrong)} such of {len(numbers)}); labels go from 0 to {len(classes) - 1}: "
        "mend or remove these rows"
    )


def require_classes(name: str, labels: Mapping[str, NDArray[np.int64]], classes: tuple[str, ...]) -> None:
    """Raise `InputError` if no split has labels, or there is only one class, in all or to train on."""
    if not labels:
        raise InputError(f"'{name}' has no labels; expected a column 'label' of class numbers or names")
    for split, numbers in labels.items():
        # A test split of one class is sound; to train on one is not.
        if len(classes) < 2 or (usual_split(split) == "train" and (numbers == numbers[0]).all()):
            raise InputError(
                f"all {len(numbers)} images of {name} {split} are of one class, '{classes[numbers[0]]}'; "
                "a classifier needs at least two: add images of another"
            )
