"""A repair's gain weighed against its cost: how often the network is right once the shortcut says nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nearsight.statistics import Estimate


class Changed(Protocol):
    """How many of some images are right before and after, and how that changed."""

    @property
    def before(self) -> Estimate:
        """The share before."""

    @property
    def after(self) -> Estimate:
        """The share after."""

    @property
    def change(self) -> Estimate:
        """The change, paired by image."""


@dataclass(frozen=True)
class SayingNothing:
    """How often images are right before and after, and how that changed, if half of every class's have a shortcut."""

    before: Estimate
    after: Estimate
    change: Estimate


def saying_nothing(
    own: Sequence[Changed], others: Sequence[Changed], of_class: float
) -> SayingNothing | None:
    """Return how often images would be right if half of every class's had a shortcut, so that it said nothing.

    >>> class Row:
    ...     def __init__(self, change):
    ...         self.before, self.after, self.change = Estimate(0.5, 0.4, 0.6), Estimate(0.5, 0.4, 0.6), change
    >>> fell, rose = Row(Estimate(-0.4, -0.5, -0.3)), Row(Estimate(0.2, 0.1, 0.3))
    >>> [round(end, 2) for end in saying_nothing([fell, rose], [rose, rose], 0.2).change.numbers]
    [0.14, 0.06, 0.22]

    `own` are the images of its class with it and without it, `others` those of other classes as they are and with it
    put on, or only the first for a background, which every image has. `of_class` is the share of the class among all
    images. An interval adds the distances of the ends as squares, as `difference_of_estimates` does; those of
    `others` are of the same images, so that their distances are added as they stand. None if a share is unknown, such
    as that without the shortcut where every image of the class has it.
    """
    told = [one for row in (*own, *others) for one in (row.before, row.after, row.change)]
    if any(None in (one.value, one.low, one.high) for one in told):
        return None
    before, after, change = (
        _mean([one[which] for one in own_], [one[which] for one in others_], of_class)
        for own_, others_ in [
            ([(row.before, row.after, row.change) for row in some] for some in (own, others))
        ]
        for which in range(3)
    )
    return SayingNothing(before, after, change)


def _mean(own: Sequence[Estimate], others: Sequence[Estimate], of_class: float) -> Estimate:
    apart = [of_class / len(own) * np.array(one.numbers) for one in own]
    together = (1 - of_class) * np.mean([one.numbers for one in others], axis=0)
    parts = np.array([*apart, together])
    value, (below, above) = parts[:, 0].sum(), np.sqrt(((parts[:, 1:] - parts[:, :1]) ** 2).sum(0))
    return Estimate(float(value), float(value - below), float(value + above))
