"""Errors by reason: the classes whose errors lie in images without one of its reasons, beyond chance."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import erfc, sqrt

from nearsight.diagnosis.reasons.atlas import Atlas, ClassReasons
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.statistics import false_discovery

# The false discovery rate over the reasons of all classes, how much more of the errors than of the images must be
# without a reason, and how many images there must be with it and without it.
RATE, LEAST, FEWEST = 0.05, 0.1, 10


@dataclass(frozen=True)
class Ranked:
    """A reason with the number of its class, and its rank there, from 1.

    `q` is the false discovery rate, over all reasons of all classes, at which its images are right more often than
    strength of evidence makes them; None if that is not known.
    """

    number: int
    of_class: ClassReasons
    rank: int
    reason: Reason
    q: float | None

    @property
    def explains_errors(self) -> bool:
        """Whether it is proven that the errors of its class lie in the images without it."""
        return self.q is not None and self.q <= RATE and self.reason.explains >= LEAST


def ranked(atlas: Atlas) -> Iterator[Ranked]:
    """Yield the reasons of all classes in order, each with its rank and what is proven of it.

    >>> list(ranked(Atlas(())))
    []

    If a class has a single reason, nothing separates its images, and nothing is tested. Nor is a reason that fewer
    than 10 images have, or lack.
    """
    of_all = [
        Ranked(number, found, rank, reason, _probability(reason) if len(found.reasons) > 1 else None)
        for number, found in enumerate(atlas.classes)
        for rank, reason in enumerate(found.reasons, start=1)
    ]
    rates = iter(false_discovery([one.q for one in of_all if one.q is not None]).tolist())
    for one in of_all:
        yield one if one.q is None else replace(one, q=next(rates))


def errors_by_reason(atlas: Atlas) -> tuple[Ranked, ...]:
    """Return the reasons that explain the errors of their class, one of each class, those that explain most first."""
    best: dict[int, Ranked] = {}
    for one in sorted(ranked(atlas), key=lambda one: -one.reason.explains):
        if one.explains_errors:
            best.setdefault(one.number, one)
    return tuple(best.values())


def _probability(reason: Reason) -> float | None:
    """Return the probability that the difference is so far above its chance, if strength of evidence makes it.

    It is that of a normal distribution, by the lower half of the interval; 1 if this does not lie above 0. None if
    too few images have the reason, or lack it.
    """
    known = reason.accuracy
    if known is None or min(known.accuracy_with.n or 0, known.accuracy_without.n or 0) < FEWEST:
        return None
    value, low, _ = known.difference.numbers
    if low <= 0 or known.difference.chance is None:
        return 1.0
    return 0.5 * erfc(1.96 * (value - known.difference.chance) / (value - low) / sqrt(2))
