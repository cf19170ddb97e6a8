"""Estimates: means, their intervals, and what is left out of them."""

import numpy as np
import pytest

from nearsight.diagnosis.intervals import Estimate, accuracy_estimate, mean_estimate
from nearsight.errors import InputError
from nearsight.evaluation import accuracy_interval, arm_interval

VALUES = np.random.default_rng(5).gamma(2, 0.1, 300)


def test_the_interval_is_that_of_the_other_bootstrap() -> None:
    found, other = mean_estimate(VALUES, samples=8000), arm_interval(VALUES[None], samples=8000)
    assert (found.value, found.n) == (pytest.approx(other.estimate), 300)
    assert [found.low, found.high] == pytest.approx(
        [other.low, other.high], abs=(other.high - other.low) / 20
    )


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
    assert estimate([], chance=0.5) == Estimate(None, None, None, 0, None)
    assert estimate([np.nan, np.nan], chance=0.5) == Estimate(None, None, None, 0, None)
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


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.584, 0.506, 0.641, 80, None), "58 % (51 to 64)"),
        (Estimate(-0.004, -0.126, 0.5, 80, None), "0 % (−13 to 50)"),
        (Estimate(1.0, None, None, 1, None), "100 %"),
        (Estimate(None, None, None, 0, None), "unknown"),
    ],
)
def test_figures_are_written_in_whole_per_cent(estimate: Estimate, text: str) -> None:
    assert estimate.percent() == text


@pytest.mark.parametrize("values", [[[0.5, 0.5]], [1.0, np.inf], 0.5])
def test_values_that_are_not_one_number_an_image_are_refused(values) -> None:
    with pytest.raises(InputError, match="expected one finite number or NaN an image"):
        mean_estimate(values)
