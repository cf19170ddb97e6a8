"""Intervals of what is measured in folds, whose training sets share most of their images."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.statistics.estimates import Estimate
from nearsight.statistics.student import student95


def widened_by_folds(
    known: Estimate, values: ArrayLike, fold: ArrayLike, *, ratio: float, least: float = -1.0
) -> Estimate:
    """Return an estimate over images, widened for other training sets, by the corrected resampled t.

    >>> from nearsight.statistics import accuracy_estimate
    >>> right = np.array([1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 0])
    >>> alone = accuracy_estimate(right)
    >>> both = widened_by_folds(alone, right[None], np.arange(16) // 4, ratio=1 / 3, least=0)
    >>> [round(end, 2) for end in (alone.low, alone.high, both.low, both.high)]
    [0.51, 0.9, 0.25, 1.0]
    >>> both.covers
    'images and training sets'

    `known` is the estimate of the mean of `values` (seeds, images) with an interval over images, and over seeds
    if there are several; `fold` (images,) says in which fold each was tested, and `ratio` is how many images a
    fold has for each that its network was trained on. `least` is the smallest possible value: 0 for accuracies,
    −1 for their differences.

    The mean of J folds at R seeds has the variance (1/(J·R) + ratio)·S², where S² is the variance of the J·R
    means. The training sets overlap, so S²/(J·R) is too small (Nadeau and Bengio, Machine Learning 52, 2003; for
    repeated cross-validation Bouckaert and Frank, PAKDD 2004). The interval is Student's with J − 1 degrees of
    freedom. Bouckaert and Frank use J·R − 1, but they make new folds for each repetition, while here all seeds
    share theirs. It is never narrower than that of `known`, which it contains. No interval from one
    cross-validation is right for every learner (Bengio and Grandvalet, J. Mach. Learn. Res. 5, 2004); `python -m
    studies folds` tests this one. Raises `InputError` for fewer than two folds.
    """
    means = _means_of_folds(np.asarray(values, dtype=np.float64), np.asarray(fold))
    value, low, high = known.numbers
    variance = (1 / means.size + ratio) * float(means.var(ddof=1))
    half = student95(means.shape[1] - 1) * variance**0.5
    covers = "images and training sets" if len(means) == 1 else "images, training sets and seeds"
    return replace(
        known, low=max(least, min(low, value - half)), high=min(1.0, max(high, value + half)), covers=covers
    )


def _means_of_folds(table: NDArray[np.float64], fold: NDArray[np.int64]) -> NDArray[np.float64]:
    if table.ndim != 2 or fold.shape != table.shape[1:]:
        raise InputError(
            f"values are {table.shape} and folds {fold.shape}; expected (seeds, images), (images,)"
        )
    names = np.unique(fold)
    if len(names) < 2:
        raise InputError("an interval over training sets takes two folds or more, got one")
    return np.stack([table[:, fold == name].mean(1) for name in names], 1)
