"""The bootstrap against a slow one and known cases, and McNemar against binomial sums."""

from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.statistics import arm_estimate, mcnemar, paired_difference


def slow_bootstrap(table: np.ndarray, samples: int, seed: int) -> tuple[float, float]:
    """Resample seeds and images by index, one resample at a time."""
    random = np.random.default_rng(seed)
    seeds, images = table.shape
    means = [
        table[random.integers(seeds, size=seeds)][:, random.integers(images, size=images)].mean()
        for _ in range(samples)
    ]
    return tuple(np.percentile(means, [2.5, 97.5]))


def arms(seeds: int, images: int, shares: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(7)
    hardness = random.normal(1.5, 1.5, images)
    spread = random.normal(0, 0.3, (2, seeds, 1))
    chance = 1 / (1 + np.exp(-hardness - spread - np.array([0.3, 0.0])[:, None, None]))
    a, b = random.binomial(9, chance) / 9 if shares else random.binomial(1, chance)
    return a, b


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("shares", [False, True], ids=["right or wrong", "shares of tiles"])
def test_the_interval_is_that_of_resampling_by_index(seeds: int, shares: bool) -> None:
    a, b = arms(seeds, 300, shares)
    interval = paired_difference(a, b, samples=4000)
    low, high = slow_bootstrap(a - b, 4000, seed=1)
    assert interval.value == pytest.approx(a.mean() - b.mean())
    # Percentiles of 4000 resamples move by about a twentieth of the width between two draws.
    assert interval.low == pytest.approx(low, abs=(high - low) / 12)
    assert interval.high == pytest.approx(high, abs=(high - low) / 12)


def test_one_seed_is_the_bootstrap_of_a_proportion() -> None:
    """Its standard deviation is known: the root of p(1 − p)/n."""
    correct = np.zeros((1, 2500))
    correct[0, :2000] = 1
    interval = arm_estimate(correct, samples=20_000)
    assert (interval.high - interval.low) / 2 == pytest.approx(1.96 * 0.4 / 50, rel=0.04)
    assert interval.covers == "images"


def test_the_variance_is_that_of_images_and_seeds_together() -> None:
    """Where every image is alike the seeds alone decide: two seeds at 0 and 1 give 0, ½ and 1."""
    interval = arm_estimate(np.array([[0.0] * 40, [1.0] * 40]), samples=4000)
    assert (interval.value, interval.low, interval.high) == (0.5, 0.0, 1.0)
    assert interval.covers == "images and seeds"


def test_arms_with_the_same_answers_do_not_differ() -> None:
    a, _ = arms(3, 200)
    interval = paired_difference(a, a)
    assert (interval.value, interval.low, interval.high) == (0, 0, 0)


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
    assert one.low == pytest.approx(-other.high, abs=0.005)


def test_the_order_of_images_and_the_seed_decide_what_they_should() -> None:
    a, b = arms(3, 300)
    order = np.random.default_rng(0).permutation(300)
    assert paired_difference(a, b) == paired_difference(a[:, order], b[:, order])
    assert paired_difference(a, b, seed=1) != paired_difference(a, b)


def test_the_interval_covers_a_true_difference_of_nothing() -> None:
    """Arms of equal skill whose seeds differ by less than the images' chance: at least 95 times in 100."""
    random = np.random.default_rng(11)
    hits = 0
    for _ in range(200):
        hardness = random.normal(2, 1.5, 400)
        chance = 1 / (1 + np.exp(-hardness - random.normal(0, 0.05, (2, 3, 1))))
        a, b = random.random((2, 3, 400)) < chance
        interval = paired_difference(a, b, samples=400)
        hits += interval.low <= 0 <= interval.high
    assert hits >= 190


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


def test_shapes_that_do_not_pair_are_refused() -> None:
    with pytest.raises(InputError, match=r"\(2, 5\) and correct_b \(3, 5\)"):
        paired_difference(np.ones((2, 5)), np.ones((3, 5)))
    with pytest.raises(InputError, match=r"correct has shape \(5,\); expected \(seeds, images\)"):
        arm_estimate(np.ones(5))
    with pytest.raises(InputError, match=r"got \(4,\) and \(5,\)"):
        mcnemar(np.ones(4), np.ones(5))
    with pytest.raises(InputError, match="shares of tiles are neither"):
        mcnemar([0.5, 1.0], [1.0, 0.0])
