"""Figures with intervals: percentiles of resampled means, which hold the truth as often as they say."""

import numpy as np
import pytest

from nearsight.dimension.measured import absent, resampled


def test_the_interval_is_that_of_normal_theory_where_there_is_one() -> None:
    table = np.random.default_rng(1).normal(3, 2, (4000, 1))
    found = resampled(table, lambda means: means[:, 0])
    half = 1.96 * 2 / np.sqrt(4000)
    assert found.value == pytest.approx(table.mean())
    assert found.low == pytest.approx(table.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(table.mean() + half, abs=0.1 * half)


def test_columns_of_a_row_are_drawn_together() -> None:
    column = np.random.default_rng(2).random((50, 1))
    ratio = resampled(np.concatenate([column, 2 * column], 1), lambda means: means[:, 0] / means[:, 1])
    assert (ratio.low, ratio.high) == pytest.approx((0.5, 0.5))


def test_what_is_absent_has_a_reason_and_no_number() -> None:
    found = absent("too few")
    assert (found.value, found.low, found.high, found.reason) == (None, None, None, "too few")
