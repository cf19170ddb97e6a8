"""Labels and class names of a set: agreed on between its splits, and checked."""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nearsight.data.splits import usual_split
from nearsight.data.table import MISSING
from nearsight.errors import InputError

_LISTED = 5


class Labelled(Protocol):
    """One split as read: a number or a name for each image, and the class names where they are known."""

    @property
    def labels(self) -> NDArray[np.int64] | list[str | None] | None:
        """The label of each image, -1 or None where it is missing; None stands for no labels at all."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The class names, None where they are not named."""

    def __len__(self) -> int:
        """Return the number of images."""

    def name(self, row: int, split: str) -> str:
        """Name the image of a row, for messages."""


def find_labels(
    name: str, tables: Mapping[str, Labelled]
) -> tuple[tuple[str, ...], dict[str, NDArray[np.int64]], list[str]]:
    """Agree on the class names of a set and number the labels of each split, int64 (n,), places in them.

    Classes that no table names are the sorted labels, where they are words, or the numbers up to the highest.
    Splits without any label are left out, with a note. Raises `InputError` on a split without images, on
    labels that are missing or out of range, and when there is one class only, in all or to train on.
    """
    notes: list[str] = []
    classes = _class_names(name, tables)
    labels: dict[str, NDArray[np.int64]] = {}
    for split, table in tables.items():
        numbers = _numbers(table, classes)
        if not len(numbers):
            raise InputError(f"the split '{split}' of '{name}' holds no images; fill it or remove it")
        if (numbers == MISSING).all():
            notes.append(f"{split}: left out, as none of its {len(numbers)} images has a label")
        else:
            _require_range(name, split, table, numbers, classes)
            labels[split] = numbers
    require_classes(name, labels, classes)
    return classes, labels, notes


def _class_names(name: str, tables: Mapping[str, Labelled]) -> tuple[str, ...]:
    named = {split: table.classes for split, table in tables.items() if table.classes is not None}
    if named:
        (first, classes), *others = named.items()
        for split, those in others:
            if those != classes:
                raise InputError(
                    f"the splits '{first}' and '{split}' of '{name}' name different classes "
                    f"({_listed(classes)} and {_listed(those)}); give them the same list"
                )
        return classes
    words: set[str] = set()
    highest = -1
    for table in tables.values():
        if isinstance(table.labels, list):
            words.update(word for word in table.labels if word is not None)
        elif table.labels is not None and len(table.labels):
            highest = max(highest, int(table.labels.max()))
    return tuple(sorted(words)) or tuple(str(number) for number in range(highest + 1))


def _numbers(table: Labelled, classes: tuple[str, ...]) -> NDArray[np.int64]:
    if table.labels is None:
        return np.full(len(table), MISSING, dtype=np.int64)
    if isinstance(table.labels, list):
        number = {word: k for k, word in enumerate(classes)}
        # A name that is not among the classes is out of range, not missing.
        return np.array(
            [MISSING if word is None else number.get(word, len(classes)) for word in table.labels],
            dtype=np.int64,
        )
    return table.labels


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
    else:
        trouble = f"the label '{given}' of {which} is not among the {len(classes)} classes"
    raise InputError(
        f"{trouble} ({len(wrong)} such of {len(numbers)}); labels go from 0 to {len(classes) - 1}: "
        "mend or remove these rows"
    )


def require_classes(name: str, labels: Mapping[str, NDArray[np.int64]], classes: tuple[str, ...]) -> None:
    """Raise `InputError` when no split has labels, or there is one class only, in all or to train on."""
    if not labels:
        raise InputError(f"'{name}' has no labels; expected a column 'label' of class numbers or names")
    for split, numbers in labels.items():
        # A test split of one class is sound; to train on one is not.
        if len(classes) < 2 or (usual_split(split) == "train" and (numbers == numbers[0]).all()):
            raise InputError(
                f"all {len(numbers)} images of {name} {split} are of one class, '{classes[numbers[0]]}'; "
                "a classifier needs at least two: add images of another"
            )


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:_LISTED]) + (f" and {len(names) - _LISTED} more" if len(names) > _LISTED else "")
