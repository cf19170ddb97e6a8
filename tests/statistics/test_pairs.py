"""Intervals over images and seeds against slow sums, known cases and the truth, and McNemar against binomial sums."""

from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from nearsight.errors import InputError
from nearsight.statistics import (
    accuracy_estimate,
    arm_estimate,
    change_estimate,
    mcnemar,
    paired_difference,
    student_estimate,
)


def arms(seeds: int, images: int, shares: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    hardness = random.normal(1.5, 1.5, images)
    spread = random.normal(0, 0.3, (2, seeds, 1))
    chance = 1 / (1 + np.exp(-hardness - spread - np.array([0.3, 0.0])[:, None, None]))
    a, b = random.binomial(9, chance) / 9 if shares else random.binomial(1, chance)
    return a, b


def test_the_mean_squares_are_those_of_an_analysis_of_variance() -> None:
    """Against sums over a table of two ways, cell by cell, and SciPy's Student."""
    table = arms(3, 40, shares=True)[0]
    seeds, images = table.shape
    mean = table.mean()
    between_seeds = sum(images * (table[s].mean() - mean) ** 2 for s in range(seeds)) / (seeds - 1)
    between_images = sum(seeds * (table[:, i].mean() - mean) ** 2 for i in range(images)) / (images - 1)
    rest = sum(
        (table[s, i] - table[s].mean() - table[:, i].mean() + mean) ** 2
        for s in range(seeds)
        for i in range(images)
    ) / ((seeds - 1) * (images - 1))
    both = between_seeds + between_images
    freedom = both**2 / (max(between_seeds, rest) ** 2 / (seeds - 1) + between_images**2 / (images - 1))
    half = stats.t(max(seeds - 1, freedom)).ppf(0.975) * (both / (seeds * images)) ** 0.5
    found = arm_estimate(table)
    assert found.numbers == pytest.approx((mean, mean - half, mean + half))
    assert found.covers == "images and seeds"


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(2, 5))
def test_seeds_alone_give_at_least_their_own_student_interval(seed: int, seeds: int) -> None:
    """Where images tell nothing, it is a t interval of the seeds' means, which it never undercuts by much."""
    means = np.random.default_rng(seed).uniform(0.4, 0.6, seeds)
    found = arm_estimate(np.repeat(means[:, None], 50, 1))
    half = stats.t(seeds - 1).ppf(0.975) * means.std(ddof=1) / seeds**0.5
    expected = max(0, means.mean() - half), min(1, means.mean() + half)
    assert (found.low, found.high) == pytest.approx(expected)


def test_seeds_on_images_of_their_own_have_students_interval_and_the_width_of_images_where_they_agree() -> (
    None
):
    table = np.array([[1, 1, 1, 0], [1, 0, 1, 1]]).repeat(15, 1).astype(float)
    found = arm_estimate(table, same_images=False)
    half = stats.t(1).ppf(0.975) * (0.75 * 0.25 / 59 / 2) ** 0.5
    assert found.numbers == pytest.approx((0.75, max(0, 0.75 - half), min(1, 0.75 + half)))
    apart = np.stack([np.arange(60) < 20, np.arange(60) < 50, np.arange(60) < 35]).astype(float)
    expected = student_estimate(apart.mean(1), covers="images and seeds").numbers
    found = arm_estimate(apart, same_images=False)
    assert found.numbers == pytest.approx((expected[0], max(0, expected[1]), min(1, expected[2])))
    right = np.ones((3, 60))
    assert arm_estimate(right, same_images=False).low == pytest.approx(accuracy_estimate(right[0]).low)


def test_one_seed_has_the_interval_of_an_accuracy() -> None:
    correct = np.zeros((1, 2500))
    correct[0, :2000] = 1
    found = arm_estimate(correct)
    assert found == replace(accuracy_estimate(correct[0]), covers="images")


def test_one_seed_of_two_arms_has_newcombes_interval() -> None:
    a, b = arms(1, 300)
    found, known = paired_difference(a, b), change_estimate(b[0], a[0])
    assert found.numbers == pytest.approx(known.numbers)
    assert found.covers == "images"


@pytest.mark.parametrize("seeds", [1, 3])
def test_perfect_and_equal_arms_have_a_width(seeds: int) -> None:
    right, wrong = np.ones((seeds, 200)), np.zeros((seeds, 200))
    assert arm_estimate(right).low == pytest.approx(accuracy_estimate(right[0]).low)
    assert paired_difference(right, wrong).low < 0.99
    equal = paired_difference(right, right)
    assert equal.low < 0 < equal.high
    mixed = (np.arange(200) % 3 > 0).astype(float)[None].repeat(seeds, 0)
    same = paired_difference(mixed, mixed)
    assert same.low < 0 < same.high


def test_pairing_narrows_the_interval_of_arms_that_err_on_the_same_images() -> None:
    a = (np.arange(400)[None] % 4 > 0).astype(float)
    b = a.copy()
    b[0, ::20] = 0
    b[0, 10::40] = 1
    paired = paired_difference(a, b)
    unpaired = paired_difference(a, b[:, np.random.default_rng(0).permutation(400)])
    assert paired.value == unpaired.value
    assert paired.high - paired.low < 0.5 * (unpaired.high - unpaired.low)


def test_swapping_the_arms_turns_the_difference_round() -> None:
    a, b = arms(3, 300)
    one, other = paired_difference(a, b), paired_difference(b, a)
    assert one.value == -other.value
    assert one.low == pytest.approx(-other.high)


def test_the_order_of_images_decides_nothing() -> None:
    a, b = arms(3, 300)
    order = np.random.default_rng(0).permutation(300)
    assert paired_difference(a, b).numbers == pytest.approx(
        paired_difference(a[:, order], b[:, order]).numbers
    )


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_interval_holds_a_true_difference_of_nothing_however_much_seeds_differ(
    seeds: int, spread: float
) -> None:
    """A logistic model, not the study's probit: at least 9 times in 10, less chance of 200 draws."""
    random = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        hardness = random.normal(2, 1.5, 400)
        chance = 1 / (1 + np.exp(-hardness - random.normal(0, spread, (2, seeds, 1))))
        a, b = random.random((2, seeds, 400)) < chance
        found = paired_difference(a, b)
        hits += found.low <= 0 <= found.high
    assert hits >= 174


@settings(deadline=None)
@given(st.integers(0, 25), st.integers(0, 25), st.integers(0, 9))
def test_mcnemar_is_twice_the_binomial_tail(only_a: int, only_b: int, both: int) -> None:
    a = [1] * only_a + [0] * only_b + [1] * both + [0]
    b = [0] * only_a + [1] * only_b + [1] * both + [0]
    discordant = only_a + only_b
    tail = sum(comb(discordant, k) for k in range(min(only_a, only_b) + 1)) / 2**discordant
    result = mcnemar(a, b)
    assert (result.only_a, result.only_b) == (only_a, only_b)
    assert result.p == pytest.approx(min(1.0, 2 * tail))
    above = sum(comb(discordant, k) for k in range(only_a, discordant + 1)) / 2**discordant
    assert mcnemar(a, b, alternative="greater").p == pytest.approx(above)


def test_shapes_that_do_not_pair_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 5\) and correct_b \(3, 5\)"):
        paired_difference(np.ones((2, 5)), np.ones((3, 5)))
    with pytest.raises(InputError, match=r"correct has shape \(5,\); expected \(seeds, images\)"):
        arm_estimate(np.ones(5))
    with pytest.raises(InputError, match=r"got \(4,\) and \(5,\)"):
        mcnemar(np.ones(4), np.ones(5))
    with pytest.raises(InputError, match="shares of tiles are neither"):
        mcnemar([0.5, 1.0], [1.0, 0.0])
