"""The area under the ROC curve and the overlap of sets, by their definitions."""

import numpy as np
import pytest

from nearsight.statistics import area_under_curve, jaccard


def test_the_area_is_how_often_ones_own_have_more() -> None:
    random = np.random.default_rng(0)
    own, others = random.integers(0, 6, 30).astype(np.float32), random.integers(0, 5, 40).astype(np.float32)
    more = (own[:, None] > others).mean() + (own[:, None] == others).mean() / 2
    assert area_under_curve(own, others) == pytest.approx(more)
    assert area_under_curve(-own, -others) == pytest.approx(1 - more)


def test_values_that_are_not_known_do_not_count() -> None:
    own, others = np.array([2.0, np.nan]), np.array([1.0, np.nan, 3.0])
    assert area_under_curve(own, others) == 0.5
    assert area_under_curve(np.array([np.nan]), others) == 0.5


def test_the_overlap_is_of_what_either_has() -> None:
    one, other = np.arange(10) < 6, np.arange(10) >= 4
    assert jaccard(one, other) == pytest.approx(2 / 10)
    assert jaccard(one, one) == 1
