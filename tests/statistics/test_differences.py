"""Differences of accuracies, beside published examples, exact tests and what simulation says."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from nearsight.errors import InputError
from nearsight.statistics import accuracy_difference, change_estimate, false_discovery, more_often


def answers(right: int, of: int) -> list[int]:
    return [1] * right + [0] * (of - right)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    # Newcombe 1998 (Statist. Med. 17, 873), table II, method 10.
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_a_difference_has_the_published_interval(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    found = accuracy_difference(answers(*first), answers(*second))
    assert found.low == pytest.approx(low, abs=6e-5)
    assert found.high == pytest.approx(high, abs=6e-5)


def test_a_change_has_the_published_interval() -> None:
    # Newcombe 1998 (Statist. Med. 17, 2635), method 10: 36 right both times, 12 only after, 2 only before.
    found = change_estimate([1] * 36 + [0] * 12 + [1] * 2, [1] * 48 + [0] * 2)
    assert found.numbers == (
        pytest.approx(0.2),
        pytest.approx(0.0569, abs=6e-5),
        pytest.approx(0.3404, abs=6e-5),
    )


def test_a_change_the_other_way_is_its_mirror_image() -> None:
    before, after = [1, 1, 0, 1, 0, 0, 1], [1, 0, 0, 1, 1, 0, 0]
    there, back = change_estimate(before, after), change_estimate(after, before)
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


def test_paired_intervals_cover() -> None:
    random = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        before = random.random(80) < 0.8
        after = np.where(random.random(80) < 0.3, random.random(80) < 0.5, before)
        truth = (0.7 * 0.8 + 0.3 * 0.5) - 0.8
        found = change_estimate(before, after)
        held += found.low <= truth <= found.high
    assert 0.92 <= held / 400 <= 0.99


def test_more_often_is_fishers_test() -> None:
    for a, n, b, m in ((5, 9, 2, 12), (0, 3, 3, 3), (4, 4, 1, 9)):
        table = [[a, n - a], [b, m - b]]
        expected = fisher_exact(table, alternative="greater").pvalue
        assert more_often(answers(a, n), answers(b, m)) == pytest.approx(expected)


def test_of_many_tests_without_an_effect_few_are_believed() -> None:
    random = np.random.default_rng(0)
    believed = [bool((false_discovery(random.random(50)) <= 0.05).any()) for _ in range(400)]
    assert np.mean(believed) < 0.08


def test_nothing_is_known_of_no_images() -> None:
    assert accuracy_difference([], [1]).value is None
    assert change_estimate([], []).value is None


def test_answers_are_right_or_wrong() -> None:
    with pytest.raises(InputError, match="right and wrong"):
        accuracy_difference([0.5], [1])
    with pytest.raises(InputError, match="same images"):
        change_estimate([1, 0], [1])
