"""Thresholds that part some of a class's images from the others."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.attributes.rules import rule_apart, rule_of


@given(seed=st.integers(0, 10_000), share=st.floats(0.2, 0.8), much=st.booleans())
def test_a_mixture_is_parted_where_it_was_mixed(seed: int, share: float, much: bool) -> None:
    generator = np.random.default_rng(seed)
    values = generator.normal(0, 1, 1000).astype(np.float32)
    inside = np.arange(1000) < 200
    mixed = np.arange(1000) < round(200 * share)
    values[mixed] += 12 if much else -12
    rule = rule_of(values, inside, much=much)
    assert rule is not None
    # The mixture ends where chance puts the last of a thousand normal deviates.
    assert (rule.has(values) != mixed).sum() <= 20
    assert rule.probability < 1e-6


def test_pure_chance_is_rarely_believed() -> None:
    generator = np.random.default_rng(0)
    inside = np.arange(600) < 60
    rules = [rule_of(generator.normal(size=600).astype(np.float32), inside) for _ in range(200)]
    believed = [rule for rule in rules if rule and rule.probability < 0.05]
    assert len(believed) <= 0.05 * 200


def test_order_alone_counts() -> None:
    generator = np.random.default_rng(0)
    values = generator.uniform(1, 2, 300).astype(np.float32)
    values[:30] += 1
    inside = np.arange(300) < 100
    one, other = rule_of(values, inside), rule_of(np.exp(values), inside)
    assert one is not None
    assert other is not None
    assert np.array_equal(one.has(values), other.has(np.exp(values)))


def test_four_images_make_no_rule() -> None:
    values = np.r_[np.ones(4), np.zeros(96)].astype(np.float32)
    assert rule_of(values, values > 0) is None


def test_unknown_values_are_left_out() -> None:
    values = np.r_[np.ones(10), np.zeros(90)].astype(np.float32)
    inside = values > 0
    gaps = np.r_[values, np.full(20, np.nan, dtype=np.float32)]
    rule = rule_of(gaps, np.r_[inside, np.arange(20) < 10])
    assert rule == rule_of(values, inside)
    assert rule is not None
    assert not rule.has(gaps)[100:].any()


def test_a_group_apart_is_found_in_a_class_that_differs_anyway_and_a_tail_is_none() -> None:
    inside = np.arange(600) < 100
    tails, groups, old = 0, 0, 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        tail = np.concatenate([random.normal(1, 1, 100), random.normal(0, 1, 500)]).astype(np.float32)
        tails += rule_apart(tail, inside) is not None
        group = tail.copy()
        group[:20] = random.normal(8, 1, 20)
        found, before = rule_apart(group, inside), rule_of(group, inside)
        groups += found is not None and bool(
            np.array_equal(found.has(group)[:100], inside[:100] & (np.arange(100) < 20))
        )
        old += before is not None and before.times_as_frequent(inside) >= 10
    assert tails <= 2
    assert groups >= 30
    assert old < groups
