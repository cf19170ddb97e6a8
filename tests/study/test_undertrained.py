"""Training that has not levelled off is called so; what is level, or known by heart, is not."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nearsight.study.undertrained import Fall, fall_of, is_undertrained

STEPS = np.arange(1.0, 201)


def noisy(curve: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return STEPS, curve + np.random.default_rng(seed).normal(0, 0.1, len(curve))


def test_noise_about_a_level_curve_is_rarely_a_fall() -> None:
    found = [fall_of([noisy(np.full(200, 1.5), seed)]) for seed in range(400)]
    # 95 % intervals: 10 of 400 are expected above zero, with a standard deviation of 3.1.
    assert sum(is_undertrained(fall, 0.5) for fall in found) <= 22
    outside = sum(fall is not None and not fall.low <= 0 <= fall.high for fall in found)
    assert 7 <= outside <= 37


def test_a_fall_is_seen_through_the_noise() -> None:
    found = [fall_of([noisy(2 - 0.5 * STEPS / 200, seed)]) for seed in range(100)]
    assert all(is_undertrained(fall, 0.5) for fall in found)


def test_many_runs_of_an_arm_tell_more_than_one() -> None:
    curves = [noisy(np.full(200, 1.5), seed) for seed in range(4)]
    one, all_four = fall_of(curves[:1]), fall_of(curves)
    assert one is not None
    assert all_four is not None
    assert all_four.high - all_four.low < 0.7 * (one.high - one.low)


def test_few_rows_tell_nothing() -> None:
    assert fall_of([]) is None
    assert fall_of([(np.array([]), np.array([]))]) is None
    assert fall_of([(STEPS[:8], np.linspace(2, 1, 8))]) is None


@pytest.mark.parametrize("known", [0.9, 1.0, None])
def test_an_arm_that_knows_its_images_is_not_undertrained(known: float | None) -> None:
    assert not is_undertrained(Fall(0.1, 0.09, 0.11), known)
