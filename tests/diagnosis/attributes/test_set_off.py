"""A group within a class is told from all other images, and what the whole class has is none."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nearsight.diagnosis.attributes import set_off
from nearsight.diagnosis.attributes.set_off import Rows

EACH, GROUP = 60, 24


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow few trees."""
    monkeypatch.setattr(set_off, "TREES", 40)
    monkeypatch.setattr(set_off, "TREES_OF_GROUP", 30)


def rows(shift: float) -> tuple[Rows, NDArray[np.bool_]]:
    """Draw three classes, told by the first number; some of the last class lie apart in two others."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), EACH)
    numbers = random.normal(size=(len(labels), 8)).astype(np.float32)
    numbers[:, 0] += labels
    grouped = np.arange(len(labels)) >= len(labels) - GROUP
    numbers[np.ix_(grouped, [3, 5])] += shift
    return Rows(numbers, labels, 0), grouped


def test_images_that_lie_apart_within_a_class_are_a_group() -> None:
    some, grouped = rows(8)
    group = some.group(2, some.of_classes()[2])
    assert group is not None
    assert group.rule.pure > 0.9
    # Each image is judged by trees that did not grow from it, so one may be taken for another.
    assert (group.rule.has(group.sure) != grouped).sum() <= 1
    assert (group.rule.has(group.value(some.numbers)) != grouped).sum() <= 1


def test_a_class_without_such_images_has_no_clear_group() -> None:
    some, _ = rows(0)
    for number, sure in some.of_classes().items():
        group = some.group(number, sure)
        assert group is None or group.rule.pure < 0.8
