"""Verdicts: the three sentences word by word, and that the words follow the interval."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.statistics import Estimate
from nearsight.study import verdict


def interval(estimate: float, low: float, high: float) -> Estimate:
    return Estimate(estimate, low, high, covers="images and seeds")


@pytest.mark.parametrize(
    ("ends", "sentence"),
    [
        ((0.011, 0.006, 0.016), "tile 16 is better than full by 1.1 points (0.6 to 1.6)"),
        ((-0.021, -0.026, -0.0149), "tile 16 is worse than full by 2.1 points (1.5 to 2.6)"),
        ((-0.002, -0.007, 0.003), "tile 16 against full, no difference shown: −0.2 (−0.7 to 0.3)"),
        ((0.0, 0.0, 0.0), "tile 16 against full, no difference shown: 0.0 (0.0 to 0.0)"),
        ((0.004, 0.0003, 0.008), "tile 16 is better than full by 0.40 points (0.03 to 0.80)"),
        ((0.004, -0.0003, 0.008), "tile 16 against full, no difference shown: 0.40 (−0.03 to 0.80)"),
    ],
)
def test_the_sentences(ends: tuple[float, float, float], sentence: str) -> None:
    assert verdict("tile 16", "full", interval(*ends)) == sentence


@given(st.lists(st.integers(-9999, 9999), min_size=3, max_size=3).map(sorted))
def test_the_words_follow_the_interval(ends: list[int]) -> None:
    low, estimate, high = (end / 10_000 for end in ends)
    sentence = verdict("a", "b", interval(estimate, low, high))
    told = [float(text.replace("−", "-")) / 100 for text in re.findall(r"−?\d+\.\d+", sentence)]
    sign = -1 if "worse" in sentence else 1
    estimate_told, *ends_told = (sign * value for value in told)
    assert [estimate_told, *sorted(ends_told)] == pytest.approx([estimate, low, high], abs=0.00051)
    assert ("better" in sentence) == (low > 0)
    assert ("worse" in sentence) == (high < 0)
    assert ("no difference shown" in sentence) == (low <= 0 <= high)
