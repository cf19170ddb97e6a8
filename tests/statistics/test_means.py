"""Estimates: means, shares of sums and accuracies, their intervals, and what is left out of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, ttest_1samp

from nearsight.errors import InputError
from nearsight.statistics import (
    Estimate,
    accuracy_estimate,
    accuracy_interval,
    column_estimate,
    mean_estimate,
    ratio_estimate,
    student_estimate,
)

VALUES = np.random.default_rng(5).gamma(2, 0.1, 300)


def test_the_interval_holds_the_true_mean_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    held = 0
    for _ in range(200):
        found = mean_estimate(random.uniform(0, 1, 60), samples=300)
        held += found.low <= 0.5 <= found.high
    assert 178 <= held <= 199


def test_nan_is_left_out_and_not_counted() -> None:
    with_gaps = np.insert(VALUES, [0, 100, 300], np.nan)
    assert mean_estimate(with_gaps, chance=0.25) == mean_estimate(VALUES, chance=0.25)
    assert accuracy_estimate([np.nan, 1, 0, 1]) == accuracy_estimate([1, 0, 1])


@pytest.mark.parametrize("estimate", [mean_estimate, accuracy_estimate])
def test_few_images_give_no_more_than_they_hold(estimate) -> None:
    assert estimate([], chance=0.5) == Estimate(None, None, None, 0)
    assert estimate([np.nan, np.nan], chance=0.5) == Estimate(None, None, None, 0)
    assert estimate([np.nan, 1.0], chance=0.5) == Estimate(1.0, None, None, 1, 0.5)
    two = estimate([1.0, 1.0])
    assert (two.value, two.n) == (1.0, 2)
    assert two.low <= 1.0 == two.high


def test_a_seed_gives_the_same_interval_again_and_another_one_another() -> None:
    assert mean_estimate(VALUES, seed=4) == mean_estimate(VALUES, seed=4)
    assert mean_estimate(VALUES, seed=4) != mean_estimate(VALUES, seed=5)


def test_accuracies_have_the_interval_of_an_evaluation() -> None:
    correct = np.repeat([1.0, 0.0], [90, 10])
    found = accuracy_estimate(correct, chance=0.1)
    assert (found.low, found.high) == accuracy_interval(correct)
    assert accuracy_estimate(np.ones(20)).low < 1


def test_the_bounds_of_memory_do_not_change_the_interval() -> None:
    many = np.random.default_rng(0).random(5000)
    found = mean_estimate(many, samples=1000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * many.std() / 5000**0.5, rel=0.1)


@pytest.mark.parametrize("values", [[[0.5, 0.5]], [1.0, np.inf], 0.5])
def test_values_that_are_not_one_number_an_image_are_refused(values) -> None:
    with pytest.raises(InputError, match="expected one finite number or NaN an image"):
        mean_estimate(values)


def test_the_interval_of_a_share_is_that_of_a_bootstrap_by_hand() -> None:
    random = np.random.default_rng(0)
    wholes = random.exponential(size=60)
    parts = np.where(random.random(60) < 0.3, wholes, 0)
    found = ratio_estimate(parts, wholes, chance=0.5)
    drawn = [random.integers(0, 60, 60) for _ in range(4000)]
    low, high = np.percentile([parts[i].sum() / wholes[i].sum() for i in drawn], [2.5, 97.5])
    assert found.value == pytest.approx(parts.sum() / wholes.sum())
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.015)
    assert (found.n, found.chance) == (60, 0.5)


def test_all_of_a_sum_is_one_with_no_width() -> None:
    found = ratio_estimate([1.0, 5.0, 2.0], [1.0, 5.0, 2.0])
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_one_image_has_no_interval_and_nothing_has_no_share() -> None:
    assert ratio_estimate([1.0], [2.0]) == Estimate(0.5, None, None, 1)
    assert ratio_estimate([], []) == Estimate(None, None, None, 0)


def test_a_resample_without_a_whole_has_no_share_and_is_left_out() -> None:
    found = ratio_estimate([0.0, 0.0, 2.0], [0.0, 0.0, 4.0])
    assert (found.numbers, found.n) == ((0.5, 0.5, 0.5), 3)


@given(st.integers(1, 400), st.data())
@settings(max_examples=60, deadline=None)
def test_the_interval_of_right_and_wrong_is_wilsons(images: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, images))
    correct = np.array([1.0] * right + [0.0] * (images - right))
    expected = binomtest(right, images).proportion_ci(method="wilson")
    assert accuracy_interval(correct) == pytest.approx((expected.low, expected.high), abs=1e-12)


@pytest.mark.parametrize("images", range(2, 100))
def test_all_and_none_right_lie_within_their_interval_to_the_last_bit(images: int) -> None:
    assert accuracy_interval(np.ones(images))[1] == 1
    assert accuracy_interval(np.zeros(images))[0] == 0


def test_tiles_of_one_image_do_not_count_as_independent() -> None:
    """Images whose tiles all agree are worth one answer each, however many tiles they have."""
    agreeing = np.array([1.0] * 70 + [0.0] * 30)
    one_answer = binomtest(70, 100).proportion_ci(method="wilson")
    assert accuracy_interval(agreeing) == pytest.approx((one_answer.low, one_answer.high))
    varied = np.clip(agreeing * 0.4 + 0.42, 0, 1)
    low, high = accuracy_interval(varied)
    assert high - low < (one_answer.high - one_answer.low) / 2


def test_the_interval_of_shares_covers_the_truth_nineteen_times_in_twenty() -> None:
    random = np.random.default_rng(0)
    truth = 0.8 / (0.8 + 0.5)
    hits = 0
    for _ in range(1000):
        of_image = random.beta(0.8, 0.5, 150)
        low, high = accuracy_interval(random.binomial(9, of_image) / 9)
        hits += low <= truth <= high
    # Within four standard errors of 950 in a thousand.
    assert 922 <= hits <= 978


def test_the_interval_is_that_of_normal_theory_where_there_is_one() -> None:
    table = np.random.default_rng(1).normal(3, 2, (4000, 1))
    found = column_estimate(table, lambda means: means[:, 0])
    half = 1.96 * 2 / np.sqrt(4000)
    assert found.value == pytest.approx(table.mean())
    assert found.low == pytest.approx(table.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(table.mean() + half, abs=0.1 * half)


def test_columns_of_a_row_are_drawn_together() -> None:
    column = np.random.default_rng(2).random((50, 1))
    ratio = column_estimate(np.concatenate([column, 2 * column], 1), lambda means: means[:, 0] / means[:, 1])
    assert (ratio.low, ratio.high) == pytest.approx((0.5, 0.5))


def test_a_mean_over_a_few_seeds_has_students_interval() -> None:
    values = VALUES[:3]
    found, oracle = student_estimate(values, covers="seeds"), ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.numbers == pytest.approx((values.mean(), oracle.low, oracle.high))
    assert (found.n, found.covers) == (3, "seeds")


@pytest.mark.parametrize(("values", "value"), [([], None), ([0.25, np.nan], 0.25)])
def test_one_seed_has_no_interval(values: list[float], value: float | None) -> None:
    found = student_estimate(values, covers="seeds")
    assert (found.value, found.low, found.high, found.covers) == (value, None, None, "seeds")
