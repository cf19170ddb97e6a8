"""Errors by reason: told where they are proven to lie without a reason, and not for what strength alone makes."""

from dataclasses import replace

import numpy as np
import pytest

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.errors_by_reason import errors_by_reason, ranked
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.diagnosis.with_and_without import WithAndWithout, difference_as_strong, with_and_without
from nearsight.statistics import Estimate, accuracy_estimate

PLACE = Place(0.2, 0.5, 0.1, 0.3, "top")
SHARE = Estimate(0.5, 0.4, 0.6)


def reason(accuracy: WithAndWithout | None) -> Reason:
    return Reason(SHARE, SHARE, SHARE, PLACE, "flat blue", None, (), 40, accuracy=accuracy, carried=SHARE)


def class_of(*reasons: Reason, name: str = "deer") -> ClassReasons:
    return ClassReasons(name, 100, reasons, ())


def counted(right_with: int, right_without: int, chance: float = 0.0, each: int = 50) -> Reason:
    """A reason of half of the images, with so many of them right."""
    has, right = np.repeat([True, False], each), np.zeros(2 * each, dtype=bool)
    right[:right_with] = right[each : each + right_without] = True
    found = with_and_without(has, right)
    return reason(replace(found, difference=replace(found.difference, chance=chance)))


NOT = counted(30, 30)


def test_the_reason_that_explains_most_is_told_of_each_class_the_class_that_it_explains_most_first() -> None:
    some, most = counted(40, 15), counted(50, 10)
    atlas = Atlas(
        (
            class_of(NOT, NOT, name="bird"),
            class_of(NOT, some, name="cat"),
            class_of(some, most, name="deer"),
        )
    )
    found = errors_by_reason(atlas)
    assert [(one.of_class.name, one.rank) for one in found] == [("deer", 2), ("cat", 2)]
    assert [one.number for one in found] == [2, 1]
    assert found[0].reason.explains == pytest.approx(0.5)
    assert [one.explains_errors for one in ranked(atlas)] == [False, False, False, True, True, True]


@pytest.mark.parametrize(
    "other",
    [
        NOT,
        # Strength of evidence makes as much.
        counted(40, 15, chance=0.5),
        # Images with it are wrong more often.
        counted(15, 40),
        counted(15, 40, chance=-0.9),
        # Too few images, and no errors.
        counted(4, 1, each=4),
        counted(50, 50),
        reason(None),
        # Nearly all are wrong, so the errors lie everywhere.
        counted(16, 1),
    ],
)
def test_what_is_not_proven_is_not_told(other: Reason) -> None:
    assert errors_by_reason(Atlas((class_of(other, NOT),))) == ()


def test_one_of_many_reasons_must_be_more_certain() -> None:
    just = counted(38, 27)
    assert errors_by_reason(Atlas((class_of(just),))) == ()
    assert len(errors_by_reason(Atlas((class_of(just, reason(None)),)))) == 1
    assert errors_by_reason(Atlas((class_of(just, *[NOT] * 4),) * 2 + (class_of(*[NOT] * 5),) * 8)) == ()


def test_a_single_reason_is_not_tested() -> None:
    [only] = ranked(Atlas((class_of(counted(50, 10)),)))
    assert (only.q, only.explains_errors) == (None, False)


def test_what_strength_alone_makes_is_told_of_one_in_twenty_draws_at_most() -> None:
    random, told = np.random.default_rng(0), 0
    for _ in range(200):
        classes = []
        for _ in range(5):
            strength = random.normal(size=100).astype(np.float32)
            right = random.random(100) < 1 / (1 + np.exp(-1 - 2 * strength))
            # Each reason has images of another strength.
            has = random.random(100) < 1 / (1 + np.exp(-random.normal() * strength))
            of_reason = []
            for some in (has, ~has):
                found = with_and_without(some, right)
                chance = difference_as_strong(some, right, strength)
                of_reason.append(reason(replace(found, difference=replace(found.difference, chance=chance))))
            classes.append(class_of(*of_reason))
        told += bool(errors_by_reason(Atlas(tuple(classes))))
    assert accuracy_estimate([1] * told + [0] * (200 - told)).low <= 0.05
