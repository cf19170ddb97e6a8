"""A comparison by the groups of a column: each arm's accuracy in each, its worst, and the differences of these."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import ValueGroups
from nearsight.evaluation import GroupAccuracies
from nearsight.evaluation.group_accuracies import GroupRow, group_accuracies
from nearsight.statistics import Estimate, arm_estimate, paired_difference
from nearsight.statistics.writing import interval, points

# If a group has more classes, the worst are kept, so that the file does not grow with them.
MOST_KEPT = 1000


@dataclass(frozen=True)
class ArmGroups:
    """An arm's accuracies by group under its headline protocol, the mean over seeds; intervals cover images.

    The interval of the worst group covers images and seeds, if there are several seeds.
    """

    arm: str
    protocol: str
    accuracies: GroupAccuracies


@dataclass(frozen=True)
class WorstDifference:
    """The accuracy of one arm minus that of another on the images of the group that is worst for both."""

    arm: str
    reference: str
    class_name: str
    group: str
    interval: Estimate


@dataclass(frozen=True)
class ComparedGroups:
    """All arms by the groups of one column; `differences` are of the pairs of arms that share their worst group."""

    column: str
    arms: tuple[ArmGroups, ...]
    differences: tuple[WorstDifference, ...]

    def sentences(self) -> list[str]:
        """Say which class does worst in which group for each arm, and where two arms differ in it."""
        told = [f"{row.arm.replace('-', ' ')}, {row.accuracies.sentences()[0]}" for row in self.arms]
        for row in self.differences:
            value = row.interval.value or 0.0
            told.append(
                f"in {row.class_name}, {self.column} {row.group}, the worst of both, "
                f"{row.arm.replace('-', ' ')} less {row.reference.replace('-', ' ')} is {points(value)} points"
                f"{interval(row.interval)}"
            )
        return told + self.arms[0].accuracies.sentences()[1:]


def compare_groups(
    right: Mapping[str, NDArray[np.float64]],
    protocols: Mapping[str, str],
    pairs: Iterable[tuple[str, str]],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    groups: ValueGroups,
) -> ComparedGroups:
    """Compare arms by group; `right` is how right each image is, (seeds, images), by the name of the arm.

    >>> camera = ValueGroups("camera", ("a", "b"), np.repeat([0, 1], 20))
    >>> good, bad = np.ones((2, 40)), np.ones((2, 40))
    >>> good[:, 35:], bad[:, 25:] = 0, 0
    >>> found = compare_groups(
    ...     {"full": bad, "tile": good},
    ...     {"full": "full-pass", "tile": "vote"},
    ...     [("tile", "full")],
    ...     np.zeros(40, dtype=int),
    ...     ("cat",),
    ...     camera,
    ... )
    >>> found.differences[0].group, found.differences[0].interval.value
    ('b', 0.5)

    Arms have the same images and seeds in the same order.
    """
    arms = {name: _of_arm(name, protocols[name], right[name], labels, classes, groups) for name in right}
    differences = []
    for arm, reference in pairs:
        ours, theirs = arms[arm].accuracies.worst, arms[reference].accuracies.worst
        if ours is None or theirs is None or _cell(ours) != _cell(theirs):
            continue
        mine = _images_of(_cell(ours), labels, classes, groups)
        differences.append(
            WorstDifference(
                arm,
                reference,
                str(ours.class_name),
                ours.group,
                paired_difference(right[arm][:, mine], right[reference][:, mine]),
            )
        )
    return ComparedGroups(groups.column, tuple(arms.values()), tuple(differences))


def _of_arm(
    name: str,
    protocol: str,
    right: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    groups: ValueGroups,
) -> ArmGroups:
    found = group_accuracies(right.mean(0), labels, classes, groups)
    if found.worst is not None:
        mine = _images_of(_cell(found.worst), labels, classes, groups)
        accuracy = replace(arm_estimate(right[:, mine]), chance=found.worst.accuracy.chance)
        found = replace(found, worst=replace(found.worst, accuracy=accuracy))
    if len(found.classes) > MOST_KEPT:
        found = replace(found, classes=found.lowest[:MOST_KEPT])
    return ArmGroups(name, protocol, found)


def _cell(row: GroupRow) -> tuple[str | None, str]:
    return row.class_name, row.group


def _images_of(
    cell: tuple[str | None, str], labels: NDArray[np.int64], classes: Sequence[str], groups: ValueGroups
) -> NDArray[np.bool_]:
    name, group = cell
    mine: NDArray[np.bool_] = (np.array(classes)[labels] == name) & (
        groups.of_image == groups.names.index(group)
    )
    return mine
