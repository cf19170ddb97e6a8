"""Groups: a class's images with a shortcut and without it are trained on equally often."""

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import groups_of
from nearsight.errors import InputError
from nearsight.numbers import agreeing, counted
from nearsight.repair.task import Task
from nearsight.training.material import Material

# Fewer images than this would be repeated until they are known by heart.
LEAST_GROUP = 5


def balance_groups(task: Task, *, worst: bool = False) -> Material:
    """Return training images drawn so that the groups of each class are equally large.

    >>> from nearsight.data import load
    >>> from nearsight.evidence import TiledModel
    >>> from nearsight.repair.shortcut import Shortcut
    >>> images = load("digits")["train"]
    >>> has = (images.labels == 3) & (np.arange(len(images)) % 5 > 0)
    >>> camera = Shortcut(3, 1, "shortcut", "column:camera", "camera a", "table", has, has)
    >>> bound = TiledModel(lambda images: images.mean((2, 3)), classes=images.classes)
    >>> balanced = balance_groups(Task(bound, images, (camera,)), worst=True)
    >>> threes = balanced.groups[balanced.images.labels == 3]
    >>> len(balanced.images) == len(images), abs(int(np.diff(np.unique(threes, return_counts=True)[1])[0])) <= 1
    (True, True)

    A group is a class's images with one value of `task.column`, or, if no column is named, those with and without
    each shortcut. A class keeps its number of images. They are drawn equally from its groups with the seed, with
    replacement only if a group has too few (Idrissi, Arjovsky, Pezeshki and Lopez-Paz, CLeaR 2022: as good as
    more elaborate methods). With `worst`, the loss is that of the worst group (group DRO: Sagawa, Koh, Hashimoto
    and Liang, ICLR 2020).

    Groups below `LEAST_GROUP` images join the largest of their class. Raises `InputError` if a shortcut's class
    then has a single group, because there is nothing to balance, and where `groups_of` does for a column.
    """
    numbers = group_numbers(task)
    index = balanced(task, numbers)
    return Material(task.train.select(index), groups=numbers[index] if worst else None)


def balanced(task: Task, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the training images that are drawn, int64 (n,), as many of each group of a class.

    `numbers` is the group of each training image (`group_numbers`).
    """
    labels = task.train.labels
    random = np.random.default_rng((task.seed, 19))
    drawn = []
    for number in np.unique(labels).tolist():
        mine = np.flatnonzero(labels == number)
        groups = [mine[numbers[mine] == group] for group in np.unique(numbers[mine])]
        # If they cannot be divided equally, the first groups get one more.
        sizes = [len(mine) // len(groups) + (k < len(mine) % len(groups)) for k in range(len(groups))]
        drawn += [draw_alike(group, size, random) for group, size in zip(groups, sizes, strict=True)]
    return np.sort(np.concatenate(drawn))


def group_numbers(task: Task) -> NDArray[np.int64]:
    """Return the group of each training image, int64 (n,), numbered from 0; raises where `balance_groups` does."""
    labels = task.train.labels.astype(np.int64)
    values = _values(task)
    _, numbers = np.unique(np.stack([labels, values]), axis=1, return_inverse=True)
    numbers = numbers.reshape(-1).astype(np.int64)
    joined = 0
    for number in np.unique(labels):
        mine = labels == number
        found, counts = np.unique(numbers[mine], return_counts=True)
        for small in found[counts < LEAST_GROUP]:
            numbers[numbers == small] = found[counts.argmax()]
            joined += 1
    if joined:
        task.progress.say(
            f"{counted(joined, 'group')} of fewer than {LEAST_GROUP} images {agreeing(joined, 'is', 'are')} counted "
            "with the largest group of the class"
        )
    for shortcut in task.shortcuts:
        mine = labels == shortcut.class_number
        if len(np.unique(numbers[mine])) < 2:
            _refuse(task, shortcut.class_number, int(mine.sum()))
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def _refuse(task: Task, class_number: int, count: int) -> None:
    name = task.train.classes[class_number]
    if task.column is not None:
        raise InputError(
            f"the {count:,} training images of '{name}' are one group of the column '{task.column}' (smaller "
            f"groups than {LEAST_GROUP} images count with the largest); balance another column with `column`, or use "
            "`method='swap'`"
        )
    raise InputError(
        f"fewer than {LEAST_GROUP} of the {count:,} training images of '{name}' are without the shortcut, or have "
        "it, so there are no groups to balance; use `method='swap'`, which makes such images"
    )


def _values(task: Task) -> NDArray[np.int64]:
    if task.column is not None:
        return groups_of(task.train, task.column, task.progress).of_image
    if not task.shortcuts:
        raise InputError("groups are made of shortcuts or of a column, and there are none; give `column`")
    having = np.stack([shortcut.in_train for shortcut in task.shortcuts], axis=1)
    return np.unique(having, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def draw_alike(places: NDArray[np.int64], count: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw a number of places, each equally often, except that some are drawn once more.

    >>> np.bincount(draw_alike(np.array([0, 1]), 5, np.random.default_rng(0))).tolist()
    [3, 2]
    """
    whole, rest = divmod(count, len(places))
    return np.concatenate([np.repeat(places, whole), random.permutation(places)[:rest]])
