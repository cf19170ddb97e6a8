"""Whether what some images have goes with their class, and with its accuracy, on images that chose nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.candidates import TILE, Candidate, Examined
from nearsight.diagnosis.with_and_without import WithAndWithout, with_and_without
from nearsight.statistics import Estimate, accuracy_estimate, more_often


@dataclass(frozen=True, eq=False)
class Association:
    """A candidate on the images that test.

    `share` is that of the class's images that have it; its chance is that of the other classes' images.
    `accuracy` is that of the class's images with it and without it. `p_share` is the probability that a candidate
    which does not go with its class looks like this by chance, and `p_difference` that one which does not go with
    accuracy does; 1 if that is not known.
    """

    candidate: Candidate
    share: Estimate
    accuracy: WithAndWithout
    p_share: float
    p_difference: float


def associate(
    examined: Examined, candidate: Candidate, strength: NDArray[np.float32] | None = None
) -> Association:
    """Test a candidate on the images that did not choose, by Fisher's exact test, one-sided.

    `strength` is float32 (n,): how strongly each image speaks for its own class. A candidate that is seen in
    tiles was found in the strongest ones, so the chance of its difference is that of strength alone. If every
    image of a class has a candidate, accuracy without it is unknown.
    """
    testing = examined.testing(candidate)
    mine = np.flatnonzero(testing & (examined.labels == candidate.class_number))
    others = np.flatnonzero(testing & (examined.labels != candidate.class_number))
    has, elsewhere = candidate.has[mine], candidate.has[others]
    right = examined.predictions[mine] == candidate.class_number
    chosen_by = strength if candidate.seen_in == TILE else None
    return Association(
        candidate,
        share=accuracy_estimate(has, chance=float(elsewhere.mean()) if len(others) else None),
        accuracy=with_and_without(has, right, None if chosen_by is None else chosen_by[mine]),
        p_share=more_often(has, elsewhere),
        p_difference=more_often(right[has], right[~has]),
    )
