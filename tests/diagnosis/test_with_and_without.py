"""Accuracy with and without something: by counting, and what strength alone makes of it."""

import numpy as np
import pytest

from nearsight.diagnosis.with_and_without import difference_as_strong, with_and_without


def test_it_counts() -> None:
    random = np.random.default_rng(0)
    has, right = random.random(200) < 0.3, random.random(200) < 0.7
    found = with_and_without(has, right)
    assert found.accuracy_with.value == pytest.approx(right[has].mean())
    assert found.accuracy_without.value == pytest.approx(right[~has].mean())
    assert found.difference.value == pytest.approx(right[has].mean() - right[~has].mean())
    assert found.errors_without.value == pytest.approx((~has & ~right).sum() / (~right).sum())
    assert found.errors_without.chance == pytest.approx((~has).mean())


def test_what_strength_alone_selects_is_the_value_of_chance() -> None:
    random = np.random.default_rng(0)
    strength = random.normal(size=400).astype(np.float32)
    right = strength + random.normal(size=400) > 0
    # Something of strong images, and of nothing else: right more often, and not beyond chance.
    has = strength + 0.5 * random.normal(size=400) > 0.8
    found = with_and_without(has, right, strength)
    assert found.difference.low > 0.1
    assert found.difference.low < found.difference.chance


def test_a_difference_of_strength_is_that_of_images_as_strong_and_any_other_is_beyond_it() -> None:
    random = np.random.default_rng(0)
    strength = random.normal(size=2000).astype(np.float32)
    has = strength + random.normal(size=2000) > 0
    as_strong = strength + random.normal(size=2000) > 0
    made = as_strong[has].mean() - as_strong[~has].mean()
    assert made > 0.3
    assert difference_as_strong(has, as_strong, strength) == pytest.approx(made, abs=0.07)
    by_it = np.where(has, random.random(2000) < 0.9, random.random(2000) < 0.3)
    assert difference_as_strong(has, by_it, strength) < 0.3 < 0.5 < by_it[has].mean() - by_it[~has].mean()
    # Of images that are all as strong, strength makes no difference; one that is strength alone is all of it.
    assert difference_as_strong(has, has, np.zeros(2000, dtype=np.float32)) == pytest.approx(0)
    assert difference_as_strong(strength > 0, strength > 0, strength) == 1


def test_of_no_images_nothing_is_known() -> None:
    nothing = np.zeros(0, dtype=np.bool_)
    found = with_and_without(nothing, nothing)
    assert found.accuracy_with.value is None
    assert found.difference.value is None
    all_have = with_and_without(np.ones(3, dtype=np.bool_), np.ones(3, dtype=np.bool_))
    assert all_have.accuracy_without.value is None
