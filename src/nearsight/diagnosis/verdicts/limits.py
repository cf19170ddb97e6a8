"""How small a shortcut would have been found in each class, given the number of its images."""

from dataclasses import dataclass

import numpy as np

from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.verdicts.power import smallest_difference
from nearsight.diagnosis.verdicts.rule import Rule
from nearsight.statistics.writing import points


@dataclass(frozen=True)
class ClassLimit:
    """A class, how many of its images test, and the smallest difference that would have been found in it.

    `difference` is None if none would: there are too few images, or nearly all are right as they are. `accuracy`
    is the share of these images that are right; None in older files, and for a class without any.
    """

    class_number: int
    images: int
    difference: float | None
    accuracy: float | None = None


def class_limits(examined: Examined, tests: int, rule: Rule) -> tuple[ClassLimit, ...]:
    """Return the limit of every class, given the number of all tests.

    The significance level is that of the first of this many tests to be believed (Benjamini and Hochberg). So a
    limit is the difference of accuracy that one shortcut alone would have needed; with an intervention, less is
    enough.
    """
    level = rule.rate / max(1, tests)
    known: dict[tuple[int, int], float | None] = {}
    found = []
    for number in range(len(examined.images.classes)):
        mine = examined.of_class(number, choosing=False)
        accuracy = float((examined.predictions[mine] == number).mean()) if len(mine) else 0.0
        # Classes of one size differ only in their accuracy, which hardly moves the limit.
        key = (len(mine), round(10 * accuracy))
        if key not in known:
            known[key] = smallest_difference(len(mine), key[1] / 10, level)
        found.append(ClassLimit(number, len(mine), known[key], accuracy if len(mine) else None))
    return tuple(found)


def typical_limit(limits: tuple[ClassLimit, ...]) -> float | None:
    """Return the median of the classes' limits, None if half of them have none.

    >>> typical_limit((ClassLimit(0, 50, 0.3), ClassLimit(1, 50, 0.4), ClassLimit(2, 3, None)))
    0.4
    """
    values = [np.inf if one.difference is None else one.difference for one in limits if one.images]
    middle = float(np.median(values)) if values else np.inf
    return middle if np.isfinite(middle) else None


def limit_in_words(limit: float | None) -> str:
    """Say how small a shortcut would have been found if none was, by the limit of the median class.

    >>> limit_in_words(0.4)
    "one in a third of a class's images would have been found if it cost 40 points or more (the median class)"
    >>> limit_in_words(None)
    'there are too few images to find one by accuracy alone (the median class)'
    """
    found = (
        "there are too few images to find one by accuracy alone"
        if limit is None
        else f"one in a third of a class's images would have been found if it cost {points(limit, 0)} points or more"
    )
    return f"{found} (the median class)"
