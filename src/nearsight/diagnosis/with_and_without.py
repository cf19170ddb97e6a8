"""Accuracy on a class's images that have something, and on those that do not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import Estimate, accuracy_difference, accuracy_estimate


@dataclass(frozen=True)
class WithAndWithout:
    """Accuracy on images of one class, some of which have something.

    `accuracy_with` is that of the images that have it, `accuracy_without` that of the others, and `difference` is
    the first minus the second; its chance is the difference that strength of evidence alone makes. `errors_without`
    is the share of the errors that are in images without it; its chance is the share of such images. Without images,
    nothing is known.
    """

    accuracy_with: Estimate
    accuracy_without: Estimate
    difference: Estimate
    errors_without: Estimate


def with_and_without(
    has: NDArray[np.bool_], right: NDArray[np.bool_], strength: NDArray[np.float32] | None = None
) -> WithAndWithout:
    """Return the accuracy of a class's images with something and without it.

    >>> has, right = np.array([1, 1, 0, 0], dtype=bool), np.array([1, 1, 1, 0], dtype=bool)
    >>> found = with_and_without(has, right, np.array([4.0, 3.0, 2.0, 1.0], dtype=np.float32))
    >>> found.difference.value, found.difference.chance, found.errors_without.value
    (0.5, 0.5, 1.0)

    `has` and `right` are bool (n,). `strength` is float32 (n,): how strongly each image speaks for the class.
    Images that speak strongly are easier, so what was found in the strongest tiles must be compared with them:
    the chance of the difference is that of as many images as have it, those with the largest strength. Without
    `strength` it is 0.
    """
    return WithAndWithout(
        accuracy_estimate(right[has]),
        accuracy_estimate(right[~has]),
        accuracy_difference(right[has], right[~has], chance=_by_strength(strength, right, int(has.sum()))),
        accuracy_estimate(~has[~right], chance=float((~has).mean()) if len(has) else None),
    )


def _by_strength(strength: NDArray[np.float32] | None, right: NDArray[np.bool_], count: int) -> float:
    if strength is None or not 0 < count < len(right):
        return 0.0
    order = np.argsort(-strength, kind="stable")
    return float(right[order[:count]].mean() - right[order[count:]].mean())


def difference_as_strong(
    has: NDArray[np.bool_], right: NDArray[np.bool_], strength: NDArray[np.float32]
) -> float:
    """Return the difference of accuracy that two sides would have if only strength of evidence decided.

    >>> has = np.array([True, True, False, False])
    >>> difference_as_strong(has, has, np.array([2.0, 1.0, 4.0, 3.0]))
    0.0
    >>> difference_as_strong(has, has, np.array([4.0, 3.0, 2.0, 1.0]))
    1.0

    All are (n,), and both sides have an image. Each image counts as often right as images of its `strength` are, by
    the isotonic regression of `right` on it.
    """
    from scipy.optimize import isotonic_regression

    _, place, counts = np.unique(strength, return_inverse=True, return_counts=True)
    of_strength = np.bincount(place, weights=right) / counts
    foretold = isotonic_regression(of_strength, weights=counts).x[place]
    return float(foretold[has].mean() - foretold[~has].mean())
