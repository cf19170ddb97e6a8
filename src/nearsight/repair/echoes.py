"""A verdict that is what another one of its class looks like: nearly all images that have it have that one, too."""

import numpy as np

from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.statistics import more_often

# An echo's images have the other one in this share at least, and more often than the rest of the class, at this
# probability. A warm cast makes light patches yellow: 16 of 18 cats with yellow marks had the cast (62 of 109 in
# all).
SHARED, SURELY = 0.8, 0.05


def echoes(one: Verdict, other: Verdict, images: int) -> bool:
    """Return whether a verdict may be no more than what a stronger one of the same class, of more images, looks like.

    `images` is how many images of the class were diagnosed. Of something that nearly always comes with something
    else, nobody can tell whether the network would use it alone.
    """
    having, mine = set(other.ruled), set(one.ruled)
    if one.class_number != other.class_number or len(mine) >= len(having) or not mine:
        return False
    shared = len(mine & having)
    rest = np.arange(images - len(mine)) < len(having) - shared
    return (
        shared >= SHARED * len(mine)
        and more_often(np.arange(len(mine)) < shared, rest) <= SURELY
        and _strength(one) < _strength(other)
    )


def _strength(verdict: Verdict) -> float:
    """Return how far the strongest intervention moves images beyond chance."""
    return max((one.effect for one in verdict.interventions), default=0.0)
