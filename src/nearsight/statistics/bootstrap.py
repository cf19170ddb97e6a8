"""The bootstrap: percentiles 2.5 and 97.5 of a statistic over resamples (Efron, Ann. Stat. 7, 1979)."""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Row = NDArray[np.float64]
Table = NDArray[np.float64]

# Numbers of 8 bytes that are drawn at a time: few enough for a processor's cache.
_BATCH_NUMBERS = 2**15


def resampled_means(
    table: Table, statistic: Callable[[Table], Row], *, samples: int, seed: int = 0
) -> tuple[float, float]:
    """Return the interval of a statistic of the column means of a table, over resampled rows.

    >>> ratio = lambda means: means[:, 0] / means[:, 1]
    >>> resampled_means(np.array([[1.0, 4.0], [3.0, 4.0]]), ratio, samples=1000)
    (0.25, 0.75)

    `table` is float64 (rows, columns); rows are independent. `statistic` maps means of shape (n, columns) to
    (n,); a resample for which it is NaN is left out. As many rows as there are are drawn with replacement. The
    memory is bounded, and the draws do not depend on the bound.
    """
    rows = len(table)
    drawn = [statistic(_counts(places, rows) @ table / rows) for places in _places(rows, samples, seed)]
    return _percentiles(np.concatenate(drawn))


def resampled_rows(
    rows: Row, statistic: Callable[[Row], float], *, samples: int, seed: int = 0
) -> tuple[float, float]:
    """Return the interval of a statistic that is not a function of means, over resampled values.

    >>> resampled_rows(np.array([1.0, 1.0, 5.0]), lambda drawn: float(np.median(drawn)), samples=200)
    (1.0, 5.0)

    `rows` is float64 (n,), and `statistic` is called once for each resample, which is slow.
    """
    drawn = [statistic(rows[place]) for places in _places(len(rows), samples, seed) for place in places]
    return _percentiles(np.array(drawn))


def _places(rows: int, samples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    batch = max(1, _BATCH_NUMBERS // rows)
    for start in range(0, samples, batch):
        yield random.integers(rows, size=(min(batch, samples - start), rows))


def _counts(places: NDArray[np.int64], rows: int) -> Table:
    """How often each resample (row) draws each row (column)."""
    shifted = places + rows * np.arange(len(places))[:, None]
    return np.bincount(shifted.ravel(), minlength=places.size).reshape(places.shape).astype(np.float64)


def _percentiles(drawn: Row) -> tuple[float, float]:
    low, high = np.percentile(drawn[~np.isnan(drawn)], [2.5, 97.5])
    return float(low), float(high)
