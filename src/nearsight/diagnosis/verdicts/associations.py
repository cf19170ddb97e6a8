"""Whether what some images have goes with their class, and with its accuracy, on images that chose nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.statistics import Estimate, accuracy_difference, accuracy_estimate, more_often


@dataclass(frozen=True, eq=False)
class Association:
    """A candidate on the images that test.

    `share` is of the class's images that have it, by chance that of the other classes' images. `accuracy_with`
    and `accuracy_without` are of the class's images that have it and that have not, `difference` the first less
    the second; by chance what it is for as many of the class's images, drawn by strength of evidence alone.
    `errors_without` is the share of the class's errors that lie in images without it, by chance the share of
    such images. `p_share` is the probability that a candidate which does not go with its class looks like this
    by chance, `p_difference` that one which does not go with accuracy does; 1 where that is not known.
    """

    candidate: Candidate
    share: Estimate
    accuracy_with: Estimate
    accuracy_without: Estimate
    difference: Estimate
    errors_without: Estimate
    p_share: float
    p_difference: float


def associate(
    examined: Examined, candidate: Candidate, strength: NDArray[np.float32] | None = None
) -> Association:
    """Test a candidate on the images that did not choose, by Fisher's exact test, one-sided.

    `strength` is float32 (n,): how strongly each image speaks for its own class, for the chance of the
    difference; without it that is 0. Where every image of a class has a candidate, accuracy without it is
    unknown.
    """
    testing = ~examined.choosing & ~np.isnan(candidate.value)
    mine = np.flatnonzero(testing & (examined.labels == candidate.class_number))
    others = np.flatnonzero(testing & (examined.labels != candidate.class_number))
    has, elsewhere = candidate.has[mine], candidate.has[others]
    right = examined.predictions[mine] == candidate.class_number
    return Association(
        candidate,
        share=accuracy_estimate(has, chance=float(elsewhere.mean()) if len(others) else None),
        accuracy_with=accuracy_estimate(right[has]),
        accuracy_without=accuracy_estimate(right[~has]),
        difference=accuracy_difference(
            right[has], right[~has], chance=_by_strength(strength, mine, right, int(has.sum()))
        ),
        errors_without=accuracy_estimate(~has[~right], chance=float((~has).mean()) if len(has) else None),
        p_share=more_often(has, elsewhere),
        p_difference=more_often(right[has], right[~has]),
    )


def _by_strength(
    strength: NDArray[np.float32] | None, mine: NDArray[np.int64], right: NDArray[np.bool_], count: int
) -> float:
    """Return the difference for as many images as have the candidate, those with the strongest evidence."""
    if strength is None or not 0 < count < len(mine):
        return 0.0
    order = np.argsort(-strength[mine], kind="stable")
    return float(right[order[:count]].mean() - right[order[count:]].mean())
