"""Gaps between two sets of images against sums written apart, and against what shared networks leave out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nearsight.errors import InputError
from nearsight.statistics import (
    arm_estimate,
    difference_of_estimates,
    gap_difference,
    gap_estimate,
    paired_difference,
)


def sets(seeds: int = 3) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    first, second = random.uniform(0.3, 0.7, (seeds, 30)), random.uniform(0.2, 0.6, (seeds, 50))
    return first + random.normal(0, 0.1, (1, 30)), second + random.normal(0, 0.1, (1, 50))


def test_the_variance_is_that_of_the_seeds_gaps_and_of_the_images_of_both() -> None:
    """Image by image and seed by seed, with SciPy's Student."""
    first, second = sets()
    gaps = [first[s].mean() - second[s].mean() for s in range(3)]
    between = sum((gap - np.mean(gaps)) ** 2 for gap in gaps) / 2 / 3
    rest, images = 0.0, []
    for table in (first, second):
        count, of_images = table.shape[1], table.mean(0)
        square = 3 * sum((of_images[i] - table.mean()) ** 2 for i in range(count)) / (count - 1)
        left = sum(
            (table[s, i] - table[s].mean() - of_images[i] + table.mean()) ** 2
            for s in range(3)
            for i in range(count)
        )
        rest += left / (2 * (count - 1)) / (3 * count)
        images.append((square / (3 * count), count - 1))
    variance = between + sum(one for one, _ in images)
    freedom = variance**2 / (max(between, rest) ** 2 / 2 + sum(one**2 / free for one, free in images))
    half = stats.t(max(2, freedom)).ppf(0.975) * variance**0.5
    mean = first.mean() - second.mean()
    found = gap_estimate(first, second)
    assert found.numbers == pytest.approx((mean, mean - half, mean + half))
    assert (found.n, found.covers, found.chance) == (80, "images and seeds", 0.0)


@settings(deadline=None)
@given(st.lists(st.floats(-0.2, 0.2), min_size=3, max_size=3))
def test_what_makes_a_network_better_everywhere_does_not_widen_its_gap(better: list[float]) -> None:
    first, second = sets()
    shift = np.array(better)[:, None]
    moved = gap_estimate(first + shift, second + shift)
    assert moved.numbers == pytest.approx(gap_estimate(first, second).numbers)


def test_it_is_no_wider_than_if_the_networks_were_different_ones() -> None:
    first, second = sets()
    shift = np.array([-0.15, 0.0, 0.15])[:, None]
    apart = difference_of_estimates(arm_estimate(first + shift), arm_estimate(second + shift))
    gap = gap_estimate(first + shift, second + shift)
    assert gap.high - gap.low < (apart.high - apart.low) / 2


def test_images_drawn_anew_for_each_seed_count_once() -> None:
    first, second = sets()
    once, twice = gap_estimate(first, second, same_images=False), gap_estimate(first, second)
    assert once.value == twice.value
    assert once.high < twice.high


def test_one_seed_has_the_intervals_of_both_sets() -> None:
    first, second = (np.round(table) for table in sets(1))
    assert gap_estimate(first, second) == difference_of_estimates(arm_estimate(first), arm_estimate(second))


def test_networks_that_are_right_everywhere_leave_a_width() -> None:
    gap = gap_estimate(np.ones((3, 20)), np.ones((3, 40)))
    assert (gap.value, gap.covers) == (0, "images and seeds")
    assert gap.low < -0.05
    assert gap.high > 0.05


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ([1, 0], [[1, 0]], r"`first` has shape \(2,\)"),
        ([[1, 0]], [[]], r"`second` has shape \(1, 0\)"),
        ([[1, 0]], [[1], [0]], "first has 1 seeds and second 2"),
    ],
)
def test_other_shapes_are_refused(first: list[object], second: list[object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        gap_estimate(first, second)  # type: ignore[arg-type]


def test_the_difference_of_two_gaps_is_the_gap_of_the_differences() -> None:
    ours, theirs = sets(), tuple(np.random.default_rng(8).uniform(0, 1, table.shape) for table in sets())
    found = gap_difference(ours, theirs)
    assert found.value == pytest.approx(gap_estimate(*ours).value - gap_estimate(*theirs).value)
    assert found.numbers == gap_estimate(*(a - b for a, b in zip(ours, theirs, strict=True))).numbers


def test_one_seed_s_difference_of_gaps_is_of_two_pairs_of_sets() -> None:
    ours, theirs = ([np.round(table) for table in sets(1)], [1 - np.round(table) for table in sets(1)])
    pairs = [paired_difference(a, b) for a, b in zip(ours, theirs, strict=True)]
    assert gap_difference(tuple(ours), tuple(theirs)) == difference_of_estimates(*pairs)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_difference_of_gaps_holds_the_truth(seeds: int) -> None:
    """Networks of two arms that differ in accuracy, and by a seed, and not in how much they fall."""
    random, held = np.random.default_rng(seeds), 0
    for _ in range(100):
        ease = [random.uniform(0, 1, count) for count in (200, 400)]
        tables = []
        for share in (0.5, 0.6):
            known = share + random.normal(0, 0.03, (seeds, 1))
            tables.append([random.random((seeds, len(own))) < known + 0.3 * (own - 0.5) for own in ease])
        _, low, high = gap_difference((tables[0][0], tables[0][1]), (tables[1][0], tables[1][1])).numbers
        held += low <= 0 <= high
    assert held >= 90
