"""How much more often networks agree with something than with each other, redone by leaving out each."""

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from nearsight.statistics import agreement_beside_seeds

Classes = NDArray[np.int64]


def beside(alike: Classes, answers: Classes) -> NDArray[np.float64]:
    """The difference on each image, by counting pairs."""
    pairs = [one == other for one, other in combinations(answers, 2)]
    return np.asarray(alike.mean(0) - np.mean(pairs, axis=0), dtype=np.float64)


def test_the_variance_over_seeds_is_the_jackknife_s() -> None:
    random = np.random.default_rng(3)
    answers, alike = random.integers(3, size=(4, 50)), random.integers(2, size=(4, 50))
    found = agreement_beside_seeds(alike, answers)
    whole = beside(alike, answers)
    left = [beside(np.delete(alike, seed, 0), np.delete(answers, seed, 0)).mean() for seed in range(4)]
    seeds, images = 3 * np.var(left), whole.var(ddof=1) / 50
    freedom = max(3, (seeds + images) ** 2 / (seeds**2 / 3 + images**2 / 49))
    half = stats.t.ppf(0.975, freedom) * (seeds + images) ** 0.5
    assert found.numbers == pytest.approx((whole.mean(), whole.mean() - half, whole.mean() + half))
    assert (found.n, found.covers) == (50, "images and seeds")


def test_the_interval_holds_the_truth() -> None:
    """Networks that predict their image's class or another by chance, each more or less often."""
    random = np.random.default_rng(5)
    held = 0
    for _ in range(200):
        labels = random.integers(10, size=300)
        own = random.normal(0.7, 0.05, (3, 1)).clip(0, 1)
        answers, tiles = (
            np.where(random.random((3, 300)) < own, labels, random.integers(10, size=(3, 300)))
            for _ in range(2)
        )
        # A network agrees with another answer of its own a little more often than with another network.
        truth = 0.05**2 * 0.9
        _, low, high = agreement_beside_seeds(tiles == answers, answers).numbers
        held += low <= truth <= high
    assert held >= 180


def test_two_seeds_are_too_few() -> None:
    assert agreement_beside_seeds(np.ones((2, 3)), np.zeros((2, 3), int)).value is None
