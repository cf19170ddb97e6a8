"""Shares of a sum, and the sentence of a reason."""

import numpy as np
import pytest

from nearsight.diagnosis.intervals import Estimate
from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons import Reason, ratio_estimate

PLACE = Place(0.2, 0.5, 0.1, 0.3, "top")


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
    assert ratio_estimate([1.0], [2.0]) == Estimate(0.5, None, None, 1, None)
    assert ratio_estimate([], []) == Estimate(None, None, None, 0, None)


def test_the_sentence_says_where_the_evidence_lies_if_that_is_known() -> None:
    share, on_object = Estimate(0.58, 0.51, 0.64, 90, 0.5), Estimate(0.06, 0.04, 0.09, 80, 0.13)
    reason = Reason(share, 0.2, share, PLACE, "flat light blue", on_object, (), 40)
    assert reason.sentence("aeroplane") == (
        "aeroplane: 58 % (51 to 64) of the evidence of its strongest tiles (20 % of all) is one reason: "
        "flat light blue, top, 6 % (4 to 9) of it on the object (13 % of all tiles)"
    )
