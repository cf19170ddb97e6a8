"""Which edit, and how strong, makes some pictures resemble others in the measured attributes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.measuring import measure_all, measure_one
from nearsight.diagnosis.candidates import Edit

Values = NDArray[np.float32]
# An edit must go at least this share of the way to the wanted value.
LEAST_OF_THE_WAY = 0.5
# With so few strengths, all are tried: an attribute need not grow with them.
FEW = 8
# Of the strengths that arrive, this many of the nearest are compared in all attributes.
COMPARED = 3
# The share of the edited pictures that must resemble the wanted ones.
MOST_ARRIVE = 0.5


@dataclass(frozen=True, eq=False)
class Aim:
    """What edited pictures must resemble: `wanted`, first in the attribute at `column`, then in all attributes.

    `wanted` and `spread` are float32 (attributes,): the medians to reach, and how far pictures differ in each
    attribute. `reached` takes values of the first attribute, (n,), and says which are like the wanted ones.
    """

    column: int
    wanted: Values
    spread: Values
    reached: Callable[[Values], NDArray[np.bool_]]


def fitted(ways: Sequence[Way], pictures: Sequence[Tensor], aim: Aim) -> Edit | None:
    """Return the edit that brings `pictures` nearest to an aim; None if none brings half of them there.

    `pictures` are uint8 (3, H, W). The strength of each way is found by bisection on the median of the aimed
    attribute. Among the ways that reach it, the one that brings all attributes nearest, relative to their spread,
    is used.
    """
    if not pictures:
        return None
    name = NAMES[aim.column]
    before = float(np.nanmedian(measure_one(pictures, name)))
    tried = [found for way in ways if (found := _nearest(way, pictures, aim, before)) is not None]
    return min(tried, key=lambda found: found[0])[1] if tried else None


def _nearest(way: Way, pictures: Sequence[Tensor], aim: Aim, before: float) -> tuple[float, Edit] | None:
    """Return how far from the aim a way ends at best, and its edit there; None if it does not arrive."""
    wanted, name = float(aim.wanted[aim.column]), NAMES[aim.column]
    measured: dict[int, Values] = {}

    def gone(place: int) -> float:
        if place not in measured:
            edit = way.edit(way.strengths[place])
            measured[place] = measure_one((edit(picture) for picture in pictures), name)
        now = float(np.nanmedian(measured[place]))
        return (now - before) / (wanted - before) if wanted != before else 1.0

    if len(way.strengths) <= FEW:
        for place in range(len(way.strengths)):
            gone(place)
    else:
        low, high = 0, len(way.strengths) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if gone(middle) >= 1 else (middle + 1, high)
        gone(low)
    there = [
        place
        for place, values in measured.items()
        if gone(place) >= LEAST_OF_THE_WAY and aim.reached(values).mean() >= MOST_ARRIVE
    ]
    if not there:
        return None
    nearest = sorted(there, key=lambda place: abs(gone(place) - 1))[:COMPARED]
    edits = [way.edit(way.strengths[place]) for place in nearest]
    return min(
        ((_distance(measure_all(map(edit, pictures)), aim), edit) for edit in edits),
        key=lambda found: found[0],
    )


def _distance(values: Values, aim: Aim) -> float:
    """Return how far edited pictures are from the wanted ones; the aimed attribute counts as much as all others."""
    away = np.minimum(np.abs(np.nanmedian(values, 0) - aim.wanted) / aim.spread, 4)
    return float(np.nanmean(away) + away[aim.column])
