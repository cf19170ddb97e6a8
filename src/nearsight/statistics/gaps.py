"""How much more often networks are right on one set of images than on another, with the same networks on both."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.differences import difference_of_estimates
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.pairs import IMAGES_AND_SEEDS, arm_estimate, mean_squares, paired_difference
from nearsight.statistics.student import student95


def gap_estimate(first: ArrayLike, second: ArrayLike, *, same_images: bool = True) -> Estimate:
    """Return the accuracy of networks on some images minus that on others, with its 95 % interval.

    >>> train, test = np.tile([[1, 1, 1, 1, 0]], (3, 40)), np.tile([[1, 1, 1, 0, 0]], (3, 40))
    >>> gap = gap_estimate(train, test)
    >>> [round(number, 2) for number in gap.numbers], gap.n, gap.covers
    ([0.2, 0.11, 0.29], 400, 'images and seeds')

    `first` and `second` are (seeds, images), the same networks and two disjoint sets of images: 0, 1 or a share
    of right tiles. A good seed is good on both, so the variance over seeds is that of their gaps. For each set,
    the variance of the choice of images is added, M_images / (seeds · images), with M the mean square between
    images. As in `arm_estimate`, what a network adds to one image counts twice, and the degrees of freedom are
    Satterthwaite's, at least the number of seeds minus one. `same_images` says that every seed was judged on the
    same images of `first`; if not, the gaps over seeds already vary with them.

    With one seed, and if all networks are right and wrong alike, only images vary, and the interval is that of
    `difference_of_estimates`. Raises `InputError` for other shapes, and for different seeds.
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    for name, table in (("first", a), ("second", b)):
        if table.ndim != 2 or not table.size:
            raise InputError(
                f"`{name}` has shape {table.shape}; expected (seeds, images), at least one of each"
            )
    if len(a) != len(b):
        raise InputError(f"first has {len(a)} seeds and second {len(b)}; a gap is of the same networks")
    return _over_seeds(a, b, difference_of_estimates(arm_estimate(a[:1]), arm_estimate(b[:1])), same_images)


def gap_difference(
    ours: tuple[ArrayLike, ArrayLike], theirs: tuple[ArrayLike, ArrayLike], *, same_images: bool = True
) -> Estimate:
    """Return by how much the gap of one arm is larger than that of another, with its 95 % interval.

    >>> train, test = np.tile([[1, 1, 1, 1, 0]], (3, 40)), np.tile([[1, 1, 1, 0, 0]], (3, 40))
    >>> [round(number, 2) for number in gap_difference((train, test), (test, test)).numbers]
    [0.2, 0.14, 0.26]

    `ours` and `theirs` are the two tables of each arm, (seeds, images) as for `gap_estimate`: the same seeds, and
    the same images in the same order. The interval is that of `gap_estimate` for the differences, image by image;
    with one seed, that of `difference_of_estimates` for the two `paired_difference`s.
    """
    (a, b), (c, d) = ([np.asarray(table, dtype=np.float64) for table in arm] for arm in (ours, theirs))
    alone = difference_of_estimates(paired_difference(a[:1], c[:1]), paired_difference(b[:1], d[:1]))
    return _over_seeds(a - c, b - d, alone, same_images)


def _over_seeds(
    a: NDArray[np.float64], b: NDArray[np.float64], alone: Estimate, same_images: bool
) -> Estimate:
    """Return the gap of two tables; `alone` is that of the first seed."""
    if len(a) == 1:
        return alone
    seeds, gaps = len(a), a.mean(1) - b.mean(1)
    of_sets = [_variances(table) for table in ([a, b] if same_images else [b])]
    between, images = float(gaps.var(ddof=1)) / seeds, [of_images for of_images, _, _ in of_sets]
    if not between + sum(images) > 1e-15:
        return replace(alone, covers=IMAGES_AND_SEEDS)
    # The variation of the networks by chance alone: seeds that happen to agree leave as many degrees of freedom.
    likely = max(between, sum(rest for _, rest, _ in of_sets))
    spread = likely**2 / (seeds - 1) + sum(of_images**2 / free for of_images, _, free in of_sets)
    freedom = max(seeds - 1, (between + sum(images)) ** 2 / spread)
    half = student95(freedom) * (between + sum(images)) ** 0.5
    mean = float(gaps.mean())
    ends = max(-1.0, mean - half), min(1.0, mean + half)
    return Estimate(mean, *ends, a.shape[1] + b.shape[1], 0.0, IMAGES_AND_SEEDS)


def _variances(table: NDArray[np.float64]) -> tuple[float, float, int]:
    """Return the variances of a set's mean due to its images and due to the rest, and the former's freedom."""
    _, between_images, rest = mean_squares(table)
    return between_images / table.size, rest / table.size, max(1, table.shape[1] - 1)
