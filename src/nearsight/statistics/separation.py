"""How well one group is distinguished from another: by a value, and as sets."""

import numpy as np
from numpy.typing import NDArray


def area_under_curve(own: NDArray[np.floating], others: NDArray[np.floating]) -> float:
    """Return how well values distinguish one's own images from others: the area under the ROC curve.

    >>> area_under_curve(np.array([3.0, 2.0]), np.array([1.0, 2.5]))
    0.75

    `own` (n,) and `others` (m,) are values of images. Unknown values (NaN) do not count; 0.5 if a side has none.
    """
    from sklearn.metrics import roc_auc_score

    own, others = own[~np.isnan(own)], others[~np.isnan(others)]
    if not len(own) or not len(others):
        return 0.5
    return float(roc_auc_score(np.repeat([1, 0], [len(own), len(others)]), np.concatenate([own, others])))


def jaccard(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Return which share of what either of two sets has is in both, from 0 to 1; 0 if neither has anything.

    >>> nothing = np.zeros(3, dtype=np.bool_)
    >>> jaccard(np.array([True, True, False]), np.array([True, False, False])), jaccard(nothing, nothing)
    (0.5, 0.0)

    `one` and `other` are bool (n,): which of the same n each has.
    """
    either = int((one | other).sum())
    return int((one & other).sum()) / either if either else 0.0
