"""Arms by group: the worst of each, and differences only where the worst is the same."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nearsight.data.value_groups import ValueGroups
from nearsight.statistics import arm_estimate, paired_difference
from nearsight.study.compared_groups import ComparedGroups, compare_groups

LABELS = np.repeat([0, 1], 60)
GROUPS = ValueGroups("site", ("north", "south"), np.tile(np.repeat([0, 1], 30), 2))
PROTOCOLS = {"full": "full-pass", "tile-8": "mean-logit"}


def right(seed: int, hard: int, share: float) -> NDArray[np.float64]:
    """Two seeds of answers, right in nine of ten images, and in the 30 from `hard` on less often."""
    random = np.random.default_rng(seed)
    probability = np.full(120, 0.95)
    probability[hard : hard + 30] = share
    return (random.random((2, 120)) < probability).astype(float)


def compared(full: NDArray[np.float64], tile: NDArray[np.float64]) -> ComparedGroups:
    arms = {"full": full, "tile-8": tile}
    return compare_groups(arms, PROTOCOLS, [("tile-8", "full")], LABELS, ("cat", "dog"), GROUPS)


def test_the_worst_group_of_two_arms_is_compared_image_by_image() -> None:
    full, tile = right(0, 90, 0.3), right(1, 90, 0.6)
    found = compared(full, tile)
    (difference,) = found.differences
    assert (difference.class_name, difference.group) == ("dog", "south")
    assert difference.interval == paired_difference(tile[:, 90:], full[:, 90:])
    worst = found.arms[0].accuracies.worst
    assert worst is not None
    assert worst.accuracy.numbers == arm_estimate(full[:, 90:]).numbers
    assert worst.accuracy.covers == "images and seeds"
    assert worst.accuracy.chance is not None
    told = found.sentences()
    assert told[0].startswith("full, worst: dog, site south:")
    assert "in dog, site south, the worst of both, tile 8 less full is" in told[2]


def test_arms_that_do_worst_elsewhere_have_no_difference() -> None:
    found = compared(right(0, 90, 0.3), right(1, 0, 0.3))
    assert found.differences == ()
    assert [row.accuracies.worst and row.accuracies.worst.group for row in found.arms] == ["south", "north"]


def test_accuracies_are_means_over_seeds() -> None:
    full = right(0, 90, 0.3)
    found = compared(full, full)
    for row in found.arms[0].accuracies.classes:
        mine = (np.array(["cat", "dog"])[LABELS] == row.class_name) & (
            np.array(GROUPS.names)[GROUPS.of_image] == row.group
        )
        assert row.accuracy.value == pytest.approx(full[:, mine].mean())
