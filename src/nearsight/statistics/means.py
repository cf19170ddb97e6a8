"""Estimates of means, and of what is computed from means, over independent images."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.bootstrap import resampled_means
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.student import student95

Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution


def mean_estimate(
    values: ArrayLike, *, chance: float | None = None, samples: int = 2000, seed: int = 0
) -> Estimate:
    """Return the mean of one number per image, with its 95 % bootstrap interval over images.

    >>> mean_estimate([0.25, 0.75, float("nan")], chance=0.5).value
    0.5
    >>> mean_estimate([]).n
    0

    `values` is (n,); NaN is left out and not counted. The interval consists of percentiles of `samples` resamples
    of the images (`resampled_means`). For shares of right answers, use `accuracy_estimate`: if all images are
    right, every resample is, and this interval has no width. Raises `InputError` for values that are not one row,
    or infinite.
    """
    known = _known(values)
    if len(known) < 2:
        return _without_interval(known, chance)
    low, high = resampled_means(known[:, None], _first, samples=samples, seed=seed)
    return Estimate(float(known.mean()), low, high, len(known), chance)


def student_estimate(values: ArrayLike, *, covers: str, chance: float | None = None) -> Estimate:
    """Return the mean of a few independent numbers, with Student's 95 % interval.

    >>> found = student_estimate([0.5, 0.6, 0.7], covers="seeds")
    >>> [round(number, 3) for number in found.numbers], found.n
    ([0.6, 0.352, 0.848], 3)

    `values` is (n,), one number per seed; NaN is left out and not counted. `covers` names what was drawn again
    for each. A bootstrap of three numbers has too narrow an interval; this one assumes that they are normally
    distributed. Raises where `mean_estimate` does.
    """
    known = _known(values)
    if len(known) < 2:
        return replace(_without_interval(known, chance), covers=covers)

    mean = float(known.mean())
    half = student95(len(known) - 1) * float(known.std(ddof=1)) / len(known) ** 0.5
    return Estimate(mean, mean - half, mean + half, len(known), chance, covers)


def accuracy_estimate(correct: ArrayLike, *, chance: float | None = None) -> Estimate:
    """Return the mean of right (1) and wrong (0) answers, one per image, with the interval for accuracies.

    >>> all_right = accuracy_estimate([1, 1, 1, 1], chance=0.5)
    >>> all_right.value, round(all_right.low, 2), all_right.high
    (1.0, 0.51, 1.0)

    `correct` is (n,); NaN is left out and not counted. The interval is that of `accuracy_interval` (Wilson's), so
    a diagnosis and an evaluation of the same answers agree. Raises where `mean_estimate` does.
    """
    known = _known(correct)
    if len(known) < 2:
        return _without_interval(known, chance)
    return Estimate(float(known.mean()), *accuracy_interval(known), len(known), chance)


def ratio_estimate(parts: ArrayLike, wholes: ArrayLike, *, chance: float | None = None) -> Estimate:
    """Return the share of a sum over images that is a part of it, with its 95 % bootstrap interval.

    >>> ratio_estimate([1.0, 0.0, 3.0], [1.0, 4.0, 3.0]).value
    0.5

    `parts` and `wholes` are (n,), a pair per image; each resample of the images uses both numbers. Without a
    whole (their sum is 0) there is no share, and all numbers are None.
    """
    table = np.stack([np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)], 1)
    if not table[:, 1].sum() > 0:
        return Estimate(None, None, None, 0)
    if len(table) < 2:
        return Estimate(float(table[0, 0] / table[0, 1]), None, None, 1, chance)
    return column_estimate(table, _ratio, chance=chance, samples=2000)


def column_estimate(
    table: NDArray[np.float64],
    statistic: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    chance: float | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Estimate:
    """Return a statistic of the column means of a table, with its 95 % bootstrap interval over rows.

    >>> sums = column_estimate(np.array([[1.0, 4.0], [3.0, 4.0]]), lambda means: means.sum(1))
    >>> sums.numbers
    (6.0, 5.0, 7.0)

    `table` is (images, columns): images are independent, tiles of one image are not. `statistic` maps means of
    shape (n, columns) to (n,).
    """
    value = float(statistic(table.mean(0, keepdims=True))[0])
    low, high = resampled_means(table, statistic, samples=samples, seed=seed)
    return Estimate(value, low, high, len(table), chance)


def accuracy_interval(correct: NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of a mean accuracy over images, as two shares from 0 to 1.

    >>> low, high = accuracy_interval(np.array([1.0] * 90 + [0.0] * 10))
    >>> round(low, 4), round(high, 4)
    (0.8256, 0.9448)

    `correct` is one number from 0 to 1 per image: 0 or 1, or the share of its tiles that are right. For 0 and 1,
    the interval is Wilson's (J. Am. Stat. Assoc. 22, 1927). For shares it is Wilson's at the effective number of
    images n·p(1 − p)/s², where s² is their variance: tiles of one image are not independent, images are, so
    images are counted. It covers the choice of test images, not that of the training seed.
    """
    images, mean, variance = len(correct), float(correct.mean()), float(correct.var())
    return wilson_interval(mean, images * mean * (1 - mean) / variance if variance > 0 else images)


def wilson_interval(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of this many independent answers; the number need not be whole.

    >>> low, high = wilson_interval(1.0, 4)
    >>> round(low, 2), high
    (0.51, 1.0)
    """
    centre = share + Z95**2 / (2 * count)
    spread = Z95 * np.sqrt(share * (1 - share) / count + (Z95 / (2 * count)) ** 2)
    scale = 1 + Z95**2 / count
    # For all and for none, rounding would leave the share itself outside by its last bit.
    low, high = min(share, (centre - spread) / scale), max(share, (centre + spread) / scale)
    return float(max(0.0, low)), float(min(1.0, high))


def influence_estimate(
    value: float,
    influence: NDArray[np.float64],
    *,
    count: float,
    more_variance: float = 0.0,
    chance: float | None = None,
) -> Estimate:
    """Return a statistic from 0 to 1 with its 95 % interval over images, from the influence of each image.

    >>> answers = np.array([1.0] * 90 + [0.0] * 10)
    >>> found = influence_estimate(0.9, answers - 0.9, count=100)
    >>> (found.low, found.high) == accuracy_interval(answers)
    True

    `influence` is (images,): the derivative of the statistic by the image's weight, times the number of images.
    Its mean square over the images, divided by their number, is the variance by the infinitesimal jackknife
    (Efron, The Jackknife, the Bootstrap and Other Resampling Plans, 1982), which a bootstrap approximates by
    drawing. The interval is Wilson's at the number of answers with this variance, as for accuracies; without
    variance, for example if all images are right, it is Wilson's at `count`. `more_variance` is what the images
    of the set cannot show.
    """
    images = len(influence)
    variance = float(influence @ influence) / images**2 + more_variance
    # What rounding leaves of a variance of zero counts as zero.
    known = variance * images > 1e-12 and 0 < value < 1
    low, high = wilson_interval(value, value * (1 - value) / variance if known else count)
    return Estimate(value, low, high, images, chance)


def _first(means: NDArray[np.float64]) -> NDArray[np.float64]:
    return means[:, 0]


def _ratio(means: NDArray[np.float64]) -> NDArray[np.float64]:
    # A resample may draw only images whose whole is zero: it has no ratio.
    parts, wholes = means.T
    ratios: NDArray[np.float64] = np.divide(parts, wholes, out=np.full(len(means), np.nan), where=wholes != 0)
    return ratios


def _known(values: ArrayLike) -> NDArray[np.float64]:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or np.isinf(row).any():
        raise InputError(f"values have shape {row.shape}; expected one finite number or NaN an image, (n,)")
    return row[~np.isnan(row)]


def _without_interval(known: NDArray[np.float64], chance: float | None) -> Estimate:
    if not len(known):
        return Estimate(None, None, None, 0)
    return Estimate(float(known[0]), None, None, 1, chance)
