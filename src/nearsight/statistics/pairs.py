"""Arms compared image by image over seeds: intervals by crossed random effects, and McNemar's exact test."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.differences import paired_interval
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.means import accuracy_interval
from nearsight.statistics.student import student95

IMAGES, IMAGES_AND_SEEDS = "images", "images and seeds"


@dataclass(frozen=True)
class McNemar:
    """How many images only arm a and only arm b gets right, and the two-sided p of that being chance."""

    only_a: int
    only_b: int
    p: float


def paired_difference(correct_a: ArrayLike, correct_b: ArrayLike) -> Estimate:
    """Return the mean accuracy of arm a minus that of arm b, with its paired 95 % interval.

    >>> a, b = np.tile([[1, 1, 1, 1, 0]], (3, 20)), np.tile([[1, 1, 1, 0, 0]], (3, 20))
    >>> difference = paired_difference(a, b)
    >>> [round(number, 2) for number in difference.numbers], difference.n, difference.covers
    ([0.2, 0.12, 0.28], 100, 'images and seeds')

    `correct_a` and `correct_b` are (seeds, images): 0, 1 or a share of right tiles, with the same seeds and
    images in the same order. Positive is better for a. The interval is that of `arm_estimate` for the
    differences. With one seed it covers images alone and is about these two networks: Newcombe's
    (`paired_interval`). Arms that give the same difference for every image and seed have the width of one seed's.
    Raises `InputError` for shapes that differ.
    """
    a, b = _table(correct_a, "correct_a"), _table(correct_b, "correct_b")
    if a.shape != b.shape:
        raise InputError(
            f"correct_a is {a.shape} and correct_b {b.shape}; paired arms share their seeds and images"
        )
    first, second = a[0], b[0]
    alone = Estimate(
        float((first - second).mean()), *paired_interval(first, second), len(first), covers=IMAGES
    )
    return alone if len(a) == 1 else _over_seeds(a - b, alone, least=-1.0)


def arm_estimate(correct: ArrayLike, *, same_images: bool = True) -> Estimate:
    """Return the mean accuracy of one arm with its 95 % interval over images and seeds.

    >>> arm_estimate([[1, 1, 1, 0]]).value
    0.75

    `correct` is (seeds, images): 0, 1 or a share of right tiles. Seeds and images are crossed random effects: the
    mean has the variance (M_seeds + M_images) / (seeds · images), where M are the mean squares between seeds and
    between images. This counts what both share twice, so it is never below the truth, and it keeps what seeds add
    if few of them happen to agree. The interval is Student's, with degrees of freedom by Satterthwaite
    (Biometrics Bulletin 2, 1946) from these two mean squares. The first is at least the mean square of the rest,
    and the degrees of freedom are at least the number of seeds minus one: two seeds say little about other seeds,
    and their interval is wide. How often it contains the truth: `python -m studies coverage`.

    With one seed only images vary, and the interval is that of `accuracy_estimate`: it says nothing about another
    seed. An arm whose networks are right and wrong alike on all images has that width too.

    `same_images=False` says that each seed was judged on images of its own. Then the interval is Student's over the
    seeds' accuracies, whose variance is at least what the choice of images alone gives: seeds that happen to agree
    do not make it narrow.
    """
    table = _table(correct, "correct")
    alone = Estimate(float(table[0].mean()), *accuracy_interval(table[0]), table.shape[1], covers=IMAGES)
    if len(table) == 1:
        return alone
    return _over_seeds(table, alone, least=0.0) if same_images else _over_other_images(table, alone)


def mcnemar(
    correct_a: ArrayLike, correct_b: ArrayLike, *, alternative: Literal["two-sided", "greater"] = "two-sided"
) -> McNemar:
    """Return McNemar's exact test of two classifiers on the same images.

    >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
    McNemar(only_a=5, only_b=0, p=0.0625)
    >>> mcnemar([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0], alternative="greater")
    McNemar(only_a=5, only_b=0, p=0.03125)

    `correct_a` and `correct_b` are (images,), 0 or 1. If the two are equally good, each arm's share of the images
    that one arm alone gets right is binomial at one half (McNemar, Psychometrika 12, 1947); p is 1 if there are
    none. With "greater", p is that of the first alone being right so often or more. Raises `InputError` for shapes
    that differ and values between 0 and 1.
    """
    from scipy.stats import binomtest

    a, b = np.asarray(correct_a), np.asarray(correct_b)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(f"McNemar's test takes two rows of the same images, got {a.shape} and {b.shape}")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise InputError("McNemar's test takes right and wrong, 1 and 0; shares of tiles are neither")
    only_a, only_b = int(np.sum(a > b)), int(np.sum(b > a))
    p = 1.0
    if only_a + only_b:
        p = float(binomtest(only_a, only_a + only_b, alternative=alternative).pvalue)
    return McNemar(only_a, only_b, p)


def _table(values: ArrayLike, name: str) -> NDArray[np.float64]:
    table = np.asarray(values, dtype=np.float64)
    if table.ndim != 2 or not table.size:
        raise InputError(f"{name} has shape {table.shape}; expected (seeds, images), at least one of each")
    return table


def crossed_half_width(
    between_seeds: float, between_images: float, within: float, *, seeds: int, images: int
) -> float:
    """Return how far the 95 % interval of a mean over seeds and images reaches, as in `arm_estimate`.

    >>> round(crossed_half_width(0.5, 0.2, 0.1, seeds=3, images=100), 3)
    0.135

    The mean squares are those between seeds and between images, and that of the rest.
    """
    few, many, both = seeds - 1, max(1, images - 1), between_seeds + between_images
    likely = max(between_seeds, within)
    freedom = max(few, both**2 / (likely**2 / few + between_images**2 / many))
    return float(student95(freedom) * (both / (seeds * images)) ** 0.5)


def crossed_interval(table: NDArray[np.float64]) -> float:
    """Return how far the 95 % interval of a mean over two crossed random effects reaches to either side.

    >>> round(crossed_interval(np.array([[0.0, 1.0, 2.0], [0.5, 1.0, 2.5]])), 2)
    2.3

    `table` is float64 (few, many), for example sets of drawn images and test images. With one row only the
    columns vary. See `arm_estimate`.
    """
    few, many = table.shape
    if few == 1:
        return float(student95(max(1, many - 1)) * table.std(ddof=1) / many**0.5)
    between_rows, between_columns, within = mean_squares(table)
    if not between_rows + between_columns > 0:
        return 0.0
    return crossed_half_width(between_rows, between_columns, within, seeds=few, images=many)


def _over_seeds(table: NDArray[np.float64], alone: Estimate, *, least: float) -> Estimate:
    """Return the mean of (seeds, images) by crossed random effects; `alone` is that of the first seed."""
    seeds, images = table.shape
    mean = float(table.mean())
    between_seeds, between_images, within = mean_squares(table)
    if not (between_seeds + between_images) * seeds * images > 1e-12:
        # The same everywhere, so only what one seed says about the images is left.
        _, low, high = alone.numbers
        return replace(alone, value=mean, low=low, high=high, covers=IMAGES_AND_SEEDS)
    half = crossed_half_width(between_seeds, between_images, within, seeds=seeds, images=images)
    return Estimate(mean, max(least, mean - half), min(1.0, mean + half), images, covers=IMAGES_AND_SEEDS)


def _over_other_images(table: NDArray[np.float64], alone: Estimate) -> Estimate:
    """Return the mean accuracy of (seeds, images) where each seed has images of its own."""
    seeds, images = table.shape
    means = table.mean(1)
    of_images = float(table.var(1).mean()) / max(1, images - 1)
    variance = max(float(means.var(ddof=1)), of_images)
    if not variance * images > 1e-12:
        # All right, or all wrong.
        return replace(alone, covers=IMAGES_AND_SEEDS)
    mean, half = float(means.mean()), student95(seeds - 1) * (variance / seeds) ** 0.5
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half), images, covers=IMAGES_AND_SEEDS)


def mean_squares(table: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return the mean squares between the rows, between the columns and of the rest.

    >>> mean_squares(np.array([[0.0, 1.0], [2.0, 3.0]]))
    (4.0, 1.0, 0.0)

    `table` is float64 (rows, columns), at least two rows.
    """
    seeds, images = table.shape
    mean = float(table.mean())
    of_seeds, of_images = table.mean(1) - mean, table.mean(0) - mean
    rest = table - mean - of_seeds[:, None] - of_images
    few, many = seeds - 1, max(1, images - 1)
    return (
        images * float(of_seeds @ of_seeds) / few,
        seeds * float(of_images @ of_images) / many,
        float((rest * rest).sum()) / (few * many),
    )
