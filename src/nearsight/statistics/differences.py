"""Differences of accuracies: between two groups of images, and of the same images before and after."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.means import accuracy_interval, wilson_interval


def accuracy_difference(first: ArrayLike, second: ArrayLike, *, chance: float | None = 0.0) -> Estimate:
    """Return the accuracy on some images minus that on others, with its 95 % interval.

    >>> found = accuracy_difference([1] * 56 + [0] * 14, [1] * 48 + [0] * 32)
    >>> [round(number, 4) for number in found.numbers], found.n
    ([0.2, 0.0524, 0.3339], 150)

    `first` and `second` are right (1) and wrong (0) answers on different images, (n,) and (m,). The interval is
    Newcombe's from the two Wilson intervals (Statist. Med. 17, 873, 1998, method 10), which has a width even if
    all are right. Without images on either side, nothing is known. Raises `InputError` for anything but 0 and 1.
    """
    a, b = _answers("first", first), _answers("second", second)
    if not len(a) or not len(b):
        return Estimate(None, None, None, 0, reason="there is no image to compare with")
    (p, q), (low_p, high_p), (low_q, high_q) = (
        (float(a.mean()), float(b.mean())),
        wilson_interval(float(a.mean()), len(a)),
        wilson_interval(float(b.mean()), len(b)),
    )
    below = float(np.hypot(p - low_p, high_q - q))
    above = float(np.hypot(high_p - p, q - low_q))
    return Estimate(p - q, max(-1.0, p - q - below), min(1.0, p - q + above), len(a) + len(b), chance)


def difference_of_estimates(first: Estimate, second: Estimate) -> Estimate:
    """Return one estimated share minus another, on different images, with its 95 % interval from theirs.

    >>> found = difference_of_estimates(Estimate(0.8, 0.7, 0.9, n=50), Estimate(0.6, 0.5, 0.7, n=80))
    >>> [round(number, 3) for number in found.numbers], found.n
    ([0.2, 0.059, 0.341], 130)

    The distances of the ends from the values are added as squares (Zou and Donner, Statist. Med. 27, 2008;
    `accuracy_difference` does this with Wilson's ends). If the two share networks of several seeds, which move
    both in the same direction, the interval is too wide rather than too narrow; `gap_estimate` has a better one.
    Raises `ValueError` if either has no value or no interval.
    """
    (p, low_p, high_p), (q, low_q, high_q) = first.numbers, second.numbers
    below, above = float(np.hypot(p - low_p, high_q - q)), float(np.hypot(high_p - p, q - low_q))
    known = first.n is not None and second.n is not None
    counted = (first.n or 0) + (second.n or 0) if known else None
    ends = max(-1.0, p - q - below), min(1.0, p - q + above)
    return Estimate(p - q, *ends, counted, 0.0, first.covers)


def change_estimate(before: ArrayLike, after: ArrayLike, *, chance: float | None = 0.0) -> Estimate:
    """Return how the accuracy on the same images changed, after minus before, with its 95 % interval.

    >>> found = change_estimate([1, 1, 1, 1, 0, 0], [1, 0, 0, 0, 0, 0])
    >>> round(found.value, 2), found.high < 0.1, found.n
    (-0.5, True, 6)

    `before` and `after` are right (1) and wrong (0) answers on the same images in the same order, (n,). The
    interval is Newcombe's for paired proportions (Statist. Med. 17, 2635, 1998, method 10), with the correlation
    of the two from their table. Raises `InputError` for anything but 0 and 1, and for rows of different length.
    """
    a, b = _answers("after", after), _answers("before", before)
    if len(a) != len(b):
        raise InputError(f"before has {len(b)} answers and after {len(a)}; give those of the same images")
    if not len(a):
        return Estimate(None, None, None, 0, reason="there is no image to ask")
    return Estimate(float(a.mean()) - float(b.mean()), *paired_interval(a, b), len(a), chance)


def paired_interval(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean of a minus that of b, over the same images.

    >>> [round(end, 2) for end in paired_interval(np.array([1.0, 0.5, 0.5, 1.0]), np.array([0.5, 0.5, 0.0, 0.5]))]
    [0.14, 0.53]

    `a` and `b` are (images,), from 0 to 1: right and wrong answers, or shares of an image's tiles that are right.
    It is Newcombe's for paired proportions from the two of `accuracy_interval`. For answers, the correlation
    comes from their table; for shares, from their values.
    """
    p, q = float(a.mean()), float(b.mean())
    (low_p, high_p), (low_q, high_q) = accuracy_interval(a), accuracy_interval(b)
    phi = _correlation(a, b)
    below = _hypotenuse(p - low_p, high_q - q, phi)
    above = _hypotenuse(high_p - p, q - low_q, phi)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def more_often(first: ArrayLike, second: ArrayLike) -> float:
    """Return the probability that, by chance alone, the first answers are right at least so much more often.

    >>> round(more_often([1, 1, 1, 1, 1], [0, 0, 0, 0, 1]), 4), more_often([], [1])
    (0.0238, 1.0)

    Fisher's exact test, one-sided; 1 if either has no answers. `first` and `second` are 0 or 1, on different
    images.
    """
    from scipy.stats import hypergeom

    a, b = _answers("first", first), _answers("second", second)
    if not len(a) or not len(b):
        return 1.0
    right = int(a.sum() + b.sum())
    return float(hypergeom.sf(int(a.sum()) - 1, len(a) + len(b), right, len(a)))


def false_discovery(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return for each of several tests the false discovery rate at which it would be the last one believed.

    >>> false_discovery([0.01, 0.02, 0.03, 0.9]).round(3).tolist()
    [0.04, 0.04, 0.04, 0.9]
    >>> false_discovery([]).tolist()
    []

    `probabilities` are those of the tests, from 0 to 1, (n,), and so is the result: Benjamini and Hochberg (J. R.
    Stat. Soc. B 57, 1995), which holds for tests that are independent or positively related.
    """
    from scipy.stats import false_discovery_control

    row = np.asarray(probabilities, dtype=np.float64)
    if not len(row):
        return row
    return np.asarray(false_discovery_control(row, method="bh"), dtype=np.float64)


def _answers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or not np.isin(row, (0, 1)).all():
        raise InputError(f"`{name}` takes right and wrong answers, 1 and 0, in a row; got {row.shape}")
    return row


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation of pairs; for answers Newcombe's, corrected for continuity if it is positive."""
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        return float(np.corrcoef(a, b)[0, 1]) if a.std() > 0 and b.std() > 0 else 0.0
    both, only_a, only_b = float((a * b).sum()), float((a * (1 - b)).sum()), float(((1 - a) * b).sum())
    neither = len(a) - both - only_a - only_b
    whole = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    if not whole:
        return 0.0
    over = both * neither - only_a * only_b
    if over > 0:
        over = max(over - len(a) / 2, 0.0)
    return float(over / np.sqrt(whole))


def _hypotenuse(x: float, y: float, correlation: float) -> float:
    return float(np.sqrt(max(0.0, x * x - 2 * correlation * x * y + y * y)))
