"""The accuracy that would remain without the shortcuts, beside its definition."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from nearsight.diagnosis.verdicts.remaining import remaining_accuracy


def world(has_all: bool = False) -> tuple[Any, Any]:
    """A class of 40 of which the half with a shortcut is right, and 3 in 10 of the others; another is right."""
    labels = np.repeat([0, 1], 40)
    has = np.arange(80) < (40 if has_all else 20)
    predictions = labels.copy()
    predictions[20:34] = 1
    examined = SimpleNamespace(
        labels=labels,
        predictions=predictions,
        choosing=np.zeros(80, dtype=bool),
        seed=0,
        images=SimpleNamespace(classes=("a", "b")),
    )
    return cast(Any, examined), SimpleNamespace(candidate=SimpleNamespace(class_number=0, has=has))


def test_images_with_a_shortcut_count_as_those_without() -> None:
    examined, shortcut = world()
    found = remaining_accuracy(examined, [shortcut])
    assert found.value == pytest.approx((40 * 0.3 + 40) / 80)
    assert found.low < found.value < found.high
    assert remaining_accuracy(examined, []).value == pytest.approx((20 + 6 + 40) / 80)


def test_where_every_image_of_a_class_has_one_nothing_is_known() -> None:
    examined, shortcut = world(has_all=True)
    found = remaining_accuracy(examined, [shortcut])
    assert found.value is None
    assert "every image" in found.reason
