"""How small a loss accuracy can show, and why if it shows none, beside their definitions."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from nearsight.diagnosis.verdicts.limits import (
    FOUND,
    class_limits,
    limit_in_words,
    mostly_right,
    typical_limit,
)
from nearsight.diagnosis.verdicts.rule import RULE


def limits_of(images: int, accuracy: float) -> Any:
    """The limits of two classes of so many images each, of which this share is right."""
    labels = np.repeat([0, 1], images)
    right = np.arange(2 * images) % images < round(accuracy * images)

    def of_class(number: int, *, choosing: bool) -> Any:
        return np.flatnonzero((labels == number) & (not choosing))

    examined = SimpleNamespace(
        images=SimpleNamespace(classes=("a", "b")), predictions=np.where(right, labels, 5), of_class=of_class
    )
    return class_limits(cast(Any, examined), 200, RULE)


@pytest.mark.parametrize(
    ("images", "accuracy", "limit", "right"),
    [
        (12, 0.5, False, False),
        (12, 1.0, False, False),
        (60, 0.9, False, False),
        (60, 0.5, True, False),
        (60, 1.0, False, True),
        (1000, 0.96, False, True),
        (1000, 0.9, True, False),
    ],
)
def test_many_images_that_are_nearly_all_right_are_not_too_few(
    images: int, accuracy: float, limit: bool, right: bool
) -> None:
    limits = limits_of(images, accuracy)
    assert (typical_limit(limits) is not None) == limit
    assert mostly_right(limits) == right
    said = limit_in_words(typical_limit(limits), images, 8, right=mostly_right(limits))
    assert ("nearly all images are right" in said) == right
    assert ("so few images" in said) == (not limit and not right)


def test_what_is_said_of_planted_ones_is_what_was_measured() -> None:
    """Of 137 plants, as docs/trust.md says: 24 % from 10 to 30 points, 57 % to 60, 84 % beyond."""
    assert [least for least, _ in FOUND] == [0.6, 0.3, 0.0]
    for cost, said in ((0.1, "fewer than half"), (0.3, "more than half"), (0.6, "four of five")):
        assert limit_in_words(cost).endswith(f"of planted ones of that size {said} were found")
