"""A shortcut that costs nothing: with it and without it a class is like those that have none."""

from types import SimpleNamespace
from typing import Any

import pytest

from nearsight.diagnosis.verdicts.limits import ClassLimit
from nearsight.repair.cost_of_verdict import costs_nothing, usual_accuracies
from nearsight.statistics import Estimate


def estimate(value: float | None, room: float = 0.08) -> Estimate:
    if value is None:
        return Estimate(None, None, None, 0)
    return Estimate(value, value - room, value + room, 100)


def verdict(having: float, lacking: float | None, kept: float | None, chance: float = 0.0) -> Any:
    """Return a verdict by its accuracies, and by what is kept once it is taken off."""
    made = []
    if kept is not None:
        change = Estimate(kept - 1, None, None, 96, chance=-chance)
        made = [SimpleNamespace(kind="without", after=estimate(kept), change=change)]
    return SimpleNamespace(
        accuracy_with=estimate(having), accuracy_without=estimate(lacking), interventions=made
    )


def found(*accuracies: float | None) -> Any:
    limits = [ClassLimit(number, 50, None, accuracy) for number, accuracy in enumerate(accuracies)]
    return {"verdicts": SimpleNamespace(limits=limits)}


@pytest.mark.parametrize(
    ("one", "nothing"),
    [
        (verdict(0.69, 0.45, 0.7), True),
        # Worse off without it, better off with it, only once it is taken off, and none of these but by the edit.
        (verdict(0.69, 0.2, 0.7), False),
        (verdict(0.95, 0.6, 0.7), False),
        (verdict(0.69, 0.6, 0.3), False),
        (verdict(0.69, 0.6, 0.5, chance=0.3), True),
        # What is not known.
        (verdict(0.69, None, 0.7), False),
        (verdict(0.69, 0.6, None), False),
    ],
)
def test_a_class_is_held_against_what_is_usual_with_it_and_without_it(one: Any, nothing: bool) -> None:
    assert costs_nothing(one, (0.48, 0.66)) is nothing


def test_usual_are_the_quartiles_of_classes_without_a_shortcut() -> None:
    assert usual_accuracies(found(0.0, 0.2, 0.4, 0.6, 0.8, 1.0), {0}) == pytest.approx((0.4, 0.8))
    assert usual_accuracies(found(0.0, 0.5), {0}) == (0.5, 0.5)


def test_where_all_classes_have_one_or_files_do_not_say_nothing_is_usual() -> None:
    assert usual_accuracies(found(0.0, 0.5), {0, 1}) is None
    assert usual_accuracies(found(None, None), {0}) is None
    assert usual_accuracies({}, {0}) is None  # type: ignore[arg-type]
