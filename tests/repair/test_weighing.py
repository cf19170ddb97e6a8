"""What a network gets right once a shortcut says nothing: a mean over groups, which vary by themselves."""

from dataclasses import dataclass

import numpy as np
import pytest

from nearsight.repair.weighing import saying_nothing
from nearsight.statistics import Estimate, accuracy_estimate, change_estimate, difference_of_estimates


@dataclass(frozen=True)
class Row:
    before: Estimate
    after: Estimate
    change: Estimate


def row(before: list[int], after: list[int]) -> Row:
    return Row(accuracy_estimate(before), accuracy_estimate(after), change_estimate(before, after))


def test_it_is_the_accuracy_where_half_of_every_class_has_it() -> None:
    random = np.random.default_rng(0)
    groups = [
        (random.integers(0, 2, size).tolist(), random.integers(0, 2, size).tolist())
        for size in (7, 30, 40, 25)
    ]
    own, others = [row(*one) for one in groups[:2]], [row(*one) for one in groups[2:]]
    found = saying_nothing(own, others, 0.2)
    assert found is not None
    weights = np.array([0.1, 0.1, 0.4, 0.4])
    for which, one in enumerate((found.before, found.after)):
        assert one.value == pytest.approx(float(weights @ [np.mean(group[which]) for group in groups]))
    assert found.change.value == pytest.approx((found.after.value or 0) - (found.before.value or 0))


def test_groups_of_different_images_vary_by_themselves_and_the_same_images_together() -> None:
    a, b = row([0] * 10 + [1] * 5, [1] * 12 + [0] * 3), row([1] * 9, [1] * 4 + [0] * 5)
    turned = Row(b.before, b.after, b.change)
    found = saying_nothing([a, turned], [a], 1.0)
    assert found is not None
    negative = Estimate(*(-end for end in (b.change.numbers[0], b.change.numbers[2], b.change.numbers[1])))
    twice = difference_of_estimates(a.change, negative)
    assert found.change.numbers == pytest.approx([end / 2 for end in twice.numbers])
    same = saying_nothing([a], [a, a], 0.0)
    assert same is not None
    assert same.change.numbers == pytest.approx(a.change.numbers)


def test_a_background_has_no_images_of_others_with_it_put_on() -> None:
    fell = row([1, 1, 1, 1], [0, 0, 0, 1])
    found = saying_nothing([fell, fell], [fell], 0.3)
    assert found is not None
    assert found.change.value == pytest.approx(-0.75)


def test_nothing_is_known_where_every_image_of_the_class_has_it() -> None:
    some, none = row([1, 0], [1, 1]), row([], [])
    assert saying_nothing([some, none], [some], 0.5) is None
