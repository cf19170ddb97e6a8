"""Accuracy by group of a column: of each group, of each class in each group, and of the worst of these."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import ValueGroups
from nearsight.rows import from_values, to_values
from nearsight.settings.metric_words import BY_GROUP, WORST_GROUP
from nearsight.statistics import Estimate, absent, accuracy_estimate
from nearsight.statistics.writing import interval, points

# A class with fewer images in a group is listed, but is not called the worst: it may be so by chance.
LEAST_IMAGES = 10
# The worst accuracy to expect if groups did not matter is the mean over this many draws, fewer if there are many
# images.
DRAWS, LEAST_DRAWS = 100, 20
DRAWN_IMAGES = 1_000_000


@dataclass(frozen=True)
class GroupRow:
    """The accuracy of the images of one group, of one class or of all (None), with its interval and their number."""

    class_name: str | None
    group: str
    accuracy: Estimate

    @property
    def counts(self) -> bool:
        """Whether it has enough images to be called the worst."""
        return (self.accuracy.n or 0) >= LEAST_IMAGES


@dataclass(frozen=True)
class GroupAccuracies:
    """Accuracy by the groups of a column: `groups` over all classes, `classes` of each class in each group.

    >>> found = ValueGroups("camera", ("a", "b"), np.array([0] * 20 + [1] * 20))
    >>> right = np.array([1.0] * 20 + [1.0, 0.0] * 10)
    >>> by_camera = group_accuracies(right, np.zeros(40, dtype=int), ("cat",), found)
    >>> by_camera.worst.group, by_camera.worst.accuracy.value, round(by_camera.worst.accuracy.chance, 2)
    ('b', 0.5, 0.69)

    `cut` says how numbers or times became groups. `worst` is the lowest accuracy of a class in a group of at
    least `least` images. Its value by chance is the lowest accuracy to expect if the groups of a class's images
    were drawn again, because the lowest of many is low by chance alone. It is None if no class has so many images
    in a group. `small` is how many pairs of a class and a group have fewer images.
    """

    column: str
    cut: str | None
    least: int
    groups: tuple[GroupRow, ...]
    classes: tuple[GroupRow, ...]
    worst: GroupRow | None
    small: int

    @property
    def lowest(self) -> tuple[GroupRow, ...]:
        """The classes in groups with enough images, the least accurate first."""
        counted = [row for row in self.classes if row.counts]
        return tuple(sorted(counted, key=lambda row: (row.accuracy.value or 0.0, -(row.accuracy.n or 0))))

    @property
    def estimate(self) -> Estimate:
        """The accuracy of the worst; if there is none, the reason."""
        if self.worst is None:
            return absent(f"no class has {self.least} images in one group")
        return self.worst.accuracy

    def sentences(self) -> list[str]:
        """Say which class does worst in which group, how groups were made, and which are too small to count.

        >>> camera = ValueGroups("camera", ("a", "b"), np.array([0] * 20 + [1] * 20))
        >>> right = np.array([1.0] * 20 + [1.0, 0.0] * 10)
        >>> group_accuracies(right, np.zeros(40, dtype=int), ("cat",), camera).sentences()
        ['worst: cat, camera b: 50.0 % (29.9 to 70.1) of 20 images; by chance the worst would be at 69.1 %']
        """
        told = []
        if self.worst is None:
            told.append(f"worst: not known, as {self.estimate.reason}")
        else:
            worst = self.worst.accuracy
            chance = (
                "" if worst.chance is None else f"; by chance the worst would be at {points(worst.chance)} %"
            )
            told.append(
                f"worst: {self.worst.class_name}, {self.column} {self.worst.group}: {points(worst.value or 0.0)} %"
                f"{interval(worst)} of {worst.n:,} images{chance}"
            )
        if self.cut is not None:
            told.append(f"{self.column} is cut {self.cut}")
        if self.small:
            pairs = "class in a group has" if self.small == 1 else "classes in a group have"
            told.append(
                f"{self.small:,} {pairs} fewer than {self.least} images, and none of them is called the worst"
            )
        return told


def group_accuracies(
    correct: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    groups: ValueGroups,
    *,
    keep: int | None = None,
    seed: int = 0,
) -> GroupAccuracies:
    """Return the accuracy by group of images that are right (1), wrong (0) or partly right, (n,).

    With `keep`, only this many classes in groups are listed, the least accurate of those with enough images.
    """
    cells = _Cells.of(correct, labels, groups)
    counted = np.flatnonzero(cells.images >= LEAST_IMAGES)
    lowest = counted[np.lexsort((-cells.images[counted], cells.accuracy[counted]))]
    rows = cells.rows(correct, classes, groups, range(len(cells.number)) if keep is None else lowest[:keep])
    worst = None
    if len(lowest):
        (worst,) = cells.rows(correct, classes, groups, lowest[:1])
        chance = _worst_by_chance(correct, labels, groups, seed)
        worst = replace(worst, accuracy=replace(worst.accuracy, chance=chance))
    return GroupAccuracies(
        groups.column,
        groups.cut,
        LEAST_IMAGES,
        tuple(
            replace(row, class_name=None)
            for row in class_groups(correct, np.zeros_like(labels), ("all",), groups)
        ),
        rows,
        worst,
        len(cells.number) - len(counted),
    )


def class_groups(
    correct: NDArray[np.float64], labels: NDArray[np.int64], classes: Sequence[str], groups: ValueGroups
) -> tuple[GroupRow, ...]:
    """Return the accuracy of each class in each group that has images of it."""
    cells = _Cells.of(correct, labels, groups)
    return cells.rows(correct, classes, groups, range(len(cells.number)))


@dataclass(frozen=True, eq=False)
class _Cells:
    """The pairs of a class and a group that have images: their number, how many, their accuracy, and which images."""

    number: NDArray[np.int64]
    images: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    places: tuple[NDArray[np.int64], ...]

    @staticmethod
    def of(correct: NDArray[np.float64], labels: NDArray[np.int64], groups: ValueGroups) -> "_Cells":
        cells = labels * len(groups.names) + groups.of_image
        order = np.argsort(cells, kind="stable")
        number, starts, images = np.unique(cells[order], return_index=True, return_counts=True)
        accuracy = np.bincount(np.repeat(np.arange(len(number)), images), correct[order]) / images
        return _Cells(number, images, accuracy, tuple(np.split(order, starts[1:])))

    def rows(
        self,
        correct: NDArray[np.float64],
        classes: Sequence[str],
        groups: ValueGroups,
        kept: Iterable[int],
    ) -> tuple[GroupRow, ...]:
        """Return the rows of some of the pairs, with their intervals."""
        return tuple(
            GroupRow(
                classes[int(self.number[k]) // len(groups.names)],
                groups.names[int(self.number[k]) % len(groups.names)],
                accuracy_estimate(correct[self.places[k]]),
            )
            for k in kept
        )


def _worst_by_chance(
    correct: NDArray[np.float64], labels: NDArray[np.int64], groups: ValueGroups, seed: int
) -> float:
    """Return the mean of the lowest accuracy if each image has the group of another image of its class."""
    random = np.random.default_rng(seed)
    by_class = np.argsort(labels, kind="stable")
    # Numbered again, because most classes have no image in most of many groups.
    _, cells = np.unique(
        labels[by_class] * len(groups.names) + groups.of_image[by_class], return_inverse=True
    )
    images = np.bincount(cells)
    counted = images >= LEAST_IMAGES
    lowest = []
    for _ in range(max(LEAST_DRAWS, min(DRAWS, DRAWN_IMAGES // len(labels)))):
        # Sorted by class, and at random within each class.
        drawn = np.argsort(labels + random.random(len(labels)))
        lowest.append(float((np.bincount(cells, correct[drawn])[counted] / images[counted]).min()))
    return float(np.mean(lowest))


def group_measures(found: GroupAccuracies) -> dict[str, Any]:
    """Return what the metrics of a protocol contain about its groups, as plain values: the worst, and all of them."""
    return {WORST_GROUP: asdict(found.estimate), BY_GROUP: to_values(found)}


def read_groups(measured: Mapping[str, Any], source: object) -> GroupAccuracies | None:
    """Return the groups in the metrics of a protocol, None if it was not evaluated by group."""
    held = measured.get(BY_GROUP)
    return None if held is None else from_values(GroupAccuracies, held, source)
