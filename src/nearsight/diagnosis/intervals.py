"""Means over images with their 95 % intervals, beside what chance gives."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.errors import InputError
from nearsight.evaluation import accuracy_interval

_BATCH_NUMBERS = 2**21


@dataclass(frozen=True)
class Estimate:
    """A mean over images, its 95 % interval, how many images count, and the value by chance.

    >>> Estimate(value=0.5, low=0.25, high=0.75, n=16, chance=0.125).percent()
    '50 % (25 to 75)'

    None stands for what is not known: everything where no image counts, the interval where one does, and
    `chance` where there is nothing to compare with.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    chance: float | None

    def percent(self) -> str:
        """Write the value and its interval in whole per cent; "unknown" where there is none.

        >>> Estimate(-0.25, None, None, n=1, chance=None).percent()
        '−25 %'
        """
        if self.value is None:
            return "unknown"
        ends = (
            "" if self.low is None or self.high is None else f" ({_whole(self.low)} to {_whole(self.high)})"
        )
        return f"{_whole(self.value)} %{ends}"


def mean_estimate(
    values: ArrayLike, *, chance: float | None = None, samples: int = 2000, seed: int = 0
) -> Estimate:
    """Return the mean of one number an image, with its 95 % bootstrap interval over images.

    >>> mean_estimate([0.25, 0.75, float("nan")], chance=0.5).value
    0.5
    >>> mean_estimate([])
    Estimate(value=None, low=None, high=None, n=0, chance=None)

    `values` is (n,); NaN is left out and not counted. The interval is made of percentiles 2.5 and 97.5 of
    `samples` resamples of the images (`scipy.stats.bootstrap`: `arm_interval` of one seed but for the draw,
    and ten times as fast for values that differ from image to image). For shares of right answers take
    `accuracy_estimate`: where all images are right every resample is, and this interval has no width. Raises
    `InputError` for values that are not one row, or infinite.
    """
    from scipy.stats import bootstrap

    known = _known(values)
    if len(known) < 2:
        return _without_interval(known, chance)
    low, high = bootstrap(
        (known,),
        np.mean,
        n_resamples=samples,
        batch=max(1, _BATCH_NUMBERS // len(known)),
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(float(known.mean()), float(low), float(high), len(known), chance)


def accuracy_estimate(correct: ArrayLike, *, chance: float | None = None) -> Estimate:
    """Return the mean of right (1) and wrong (0) answers, one an image, with the interval that accuracies have.

    >>> all_right = accuracy_estimate([1, 1, 1, 1], chance=0.5)
    >>> all_right.value, all_right.percent()
    (1.0, '100 % (51 to 100)')

    `correct` is (n,); NaN is left out and not counted. The interval is `accuracy_interval`'s (Wilson's), so a
    diagnosis and an evaluation of the same answers agree. Raises what `mean_estimate` raises.
    """
    known = _known(correct)
    if len(known) < 2:
        return _without_interval(known, chance)
    low, high = accuracy_interval(known)
    return Estimate(float(known.mean()), low, high, len(known), chance)


def _known(values: ArrayLike) -> NDArray[np.float64]:
    row = np.asarray(values, dtype=np.float64)
    if row.ndim != 1 or np.isinf(row).any():
        raise InputError(f"values have shape {row.shape}; expected one finite number or NaN an image, (n,)")
    return row[~np.isnan(row)]


def _without_interval(known: NDArray[np.float64], chance: float | None) -> Estimate:
    if not len(known):
        return Estimate(None, None, None, 0, None)
    return Estimate(float(known[0]), None, None, 1, chance)


def _whole(share: float) -> str:
    return f"{100 * share:.0f}".replace("-0", "0").replace("-", "−")
