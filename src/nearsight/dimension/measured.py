"""A measured figure with its interval, or the reason why there is none."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000


@dataclass(frozen=True)
class Measured:
    """A figure with its 95 % interval; where it could not be measured, None three times and the `reason`.

    >>> Measured(0.25, 0.2, 0.3).reason is None, absent("all images are alike").value is None
    (True, True)
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None


def absent(reason: str) -> Measured:
    """Return the figure that could not be measured, with the reason."""
    return Measured(None, None, None, reason)


def resampled(
    table: NDArray[np.float64],
    figure: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    *,
    seed: int = 0,
) -> Measured:
    """Return a figure of the column means of a table, with percentiles 2.5 and 97.5 over resampled rows.

    >>> ratio = resampled(np.array([[1.0, 4.0], [3.0, 4.0]]), lambda means: means[:, 0] / means[:, 1])
    >>> ratio.value, ratio.low, ratio.high
    (0.5, 0.25, 0.75)

    `table` is (images, columns): images are independent, tiles of one image are not. `figure` maps means of
    shape (n, columns) to (n,). The 1,000 resamples draw images with replacement (Efron, Ann. Stat. 7, 1979).
    """
    rows = len(table)
    value = float(figure(table.mean(0, keepdims=True))[0])
    counts = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), size=RESAMPLES)
    low, high = np.percentile(figure(counts @ table / rows), [2.5, 97.5])
    return Measured(value, float(low), float(high))
