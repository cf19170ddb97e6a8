"""Two arms compared image by image: bootstrap over images and seeds, and McNemar's exact test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.bootstrap import resampled_ways
from nearsight.statistics.estimates import Estimate


@dataclass(frozen=True)
class McNemar:
    """How many images only arm a and only arm b gets right, and the two-sided p of that being chance."""

    only_a: int
    only_b: int
    p: float


def paired_difference(
    correct_a: ArrayLike, correct_b: ArrayLike, *, samples: int = 10_000, seed: int = 0
) -> Estimate:
    """Return the mean accuracy of arm a less that of arm b, with its paired 95 % interval.

    >>> right, wrong = np.ones((2, 50)), np.zeros((2, 50))
    >>> difference = paired_difference(right, wrong)
    >>> difference.numbers, difference.n, difference.covers
    ((1.0, 1.0, 1.0), 50, 'images and seeds')

    `correct_a` and `correct_b` are (seeds, images): 0, 1 or a share of right tiles, the same seeds and
    images in the same order. Positive is better for a. The interval is `arm_estimate`'s, of the
    differences: each resample takes the same images and seeds of both arms. Raises `InputError` for shapes
    that differ.
    """
    a, b = _table(correct_a, "correct_a"), _table(correct_b, "correct_b")
    if a.shape != b.shape:
        raise InputError(
            f"correct_a is {a.shape} and correct_b {b.shape}; paired arms share their seeds and images"
        )
    return _estimate(a - b, samples, seed)


def arm_estimate(correct: ArrayLike, *, samples: int = 10_000, seed: int = 0) -> Estimate:
    """Return the mean accuracy of one arm with its 95 % interval over images and seeds.

    >>> arm_estimate([[1, 1, 1, 0]]).value
    0.75

    `correct` is (seeds, images): 0, 1 or a share of right tiles. Percentiles 2.5 and 97.5 of `samples`
    resamples that draw images and seeds independently with replacement (the pigeonhole bootstrap: Owen,
    Ann. Appl. Stat. 1, 2007).

    With one seed only images are drawn, and the interval says nothing of how another seed would do. Few seeds
    show too little of their own spread: for two equal arms, three seeds and 10,000 images, the interval of the
    difference held the truth 99 times in 100 without a spread between seeds, 94 times with a standard
    deviation of 0.6 points, 84 times with 1.1 (simulated). Where seeds decide, take more of them.
    """
    return _estimate(_table(correct, "correct"), samples, seed)


def mcnemar(correct_a: ArrayLike, correct_b: ArrayLike) -> McNemar:
    """Return McNemar's exact test of two classifiers on the same images.

    >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
    McNemar(only_a=5, only_b=0, p=0.0625)

    `correct_a` and `correct_b` are (images,), 0 or 1. Of the images that one arm alone gets right, each arm's
    share is binomial at one half if the two are equally good (McNemar, Psychometrika 12, 1947); p is 1 where
    there are none. Raises `InputError` for shapes that differ and values between 0 and 1.
    """
    from scipy.stats import binomtest

    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(f"McNemar's test takes two rows of the same images, got {a.shape} and {b.shape}")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise InputError("McNemar's test takes right and wrong, 1 and 0; shares of tiles are neither")
    only_a, only_b = int(np.sum(a > b)), int(np.sum(b > a))
    p = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, p)


def _table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise InputError(f"{name} has shape {table.shape}; expected (seeds, images), at least one of each")
    return table


def _estimate(table: NDArray[np.float64], samples: int, seed: int) -> Estimate:
    low, high = resampled_ways(table, samples=samples, seed=seed)
    seeds, images = table.shape
    covers = "images" if seeds == 1 else "images and seeds"
    return Estimate(float(table.mean()), low, high, images, covers=covers)
