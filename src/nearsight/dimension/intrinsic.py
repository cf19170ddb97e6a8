"""The intrinsic dimension of tiles: two estimators of different kinds from distances to nearest neighbours."""

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import Estimate, absent
from nearsight.statistics.bootstrap import resampled_rows

Estimator = Literal["two-nn", "levina-bickel"]

_Read = Callable[[NDArray[np.float64]], NDArray[np.float64]]
_Dimension = Callable[[NDArray[np.float64]], float]

# TwoNN leaves out the tenth of points with the largest ratios, as its authors do.
KEPT = 0.9
_RESAMPLES = 200


def two_nn(distances: NDArray[np.float64]) -> float:
    """Return the intrinsic dimension by TwoNN: from the ratio of the second distance to the first.

    >>> points = np.sort(np.random.default_rng(0).random(2000))
    >>> gaps = np.sort(np.stack([points[1:-1] - points[:-2], points[2:] - points[1:-1]], 1), 1)
    >>> round(two_nn(gaps))
    1

    `distances` is (points, 2 or more), nearest first, none of them zero. If points are spread evenly around each
    other, the ratio m has the distribution 1 − m^−d: d is the slope of −log(1 − F(m)) against log m through the
    origin, where F is the empirical distribution, without the tenth of largest ratios (Facco, d'Errico, Rodriguez
    and Laio, Sci. Rep. 7, 2017). Infinite if all first two distances are equal.
    """
    return _fit(_ratios(distances))


def levina_bickel(distances: NDArray[np.float64]) -> float:
    """Return the intrinsic dimension by maximum likelihood over all given neighbours.

    >>> round(levina_bickel(np.array([[1.0, 2.0]])), 3)
    1.443

    `distances` is (points, k), nearest first, none of them zero. The number of neighbours within a distance is
    assumed to be a Poisson process (Levina and Bickel, NIPS 2004): 1/d is the mean of log(T_k / T_j) over j < k.
    It is averaged over points before it is inverted, which is the correction of MacKay and Ghahramani (2005): a
    mean of inverses is dominated by points whose distances happen to be close.
    """
    return _inverse_mean(_spreads(distances))


def estimate(distances: NDArray[np.float64], estimator: Estimator, *, seed: int = 0) -> Estimate:
    """Return an estimator's value with its 95 % interval: percentiles over 200 resamples of the points.

    >>> alike = estimate(np.array([[1.0, 2.0]] * 30), "levina-bickel")
    >>> alike.low == alike.value == alike.high
    True

    The interval says how the estimate would vary with other points, but nothing about its bias, which
    `known_bias` measures. It is a little too short, because points share neighbours: on 1,000 normal points of
    dimension 2, 10 and 30, it contained the mean of 100 estimates 86 to 96 times in 100.
    """
    read, dimension = _STEPS[estimator]
    of_points = read(distances)
    value = dimension(of_points)
    if not np.isfinite(value):
        return absent("all neighbours of a tile are equally far, so their distances show no dimension")
    low, high = resampled_rows(of_points, dimension, samples=_RESAMPLES, seed=seed)
    return Estimate(value, low, high, len(of_points), covers="tiles")


def _ratios(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    ratios: NDArray[np.float64] = np.log(distances[:, 1] / distances[:, 0])
    return ratios


def _fit(ratios: NDArray[np.float64]) -> float:
    kept = max(1, int(KEPT * len(ratios)))
    x, y = np.sort(ratios)[:kept], -np.log1p(-np.arange(1, kept + 1) / (len(ratios) + 1))
    squares = float(x @ x)
    return float(x @ y) / squares if squares else np.inf


def _spreads(distances: NDArray[np.float64]) -> NDArray[np.float64]:
    spreads: NDArray[np.float64] = np.log(distances[:, -1:] / distances[:, :-1]).mean(1)
    return spreads


def _inverse_mean(spreads: NDArray[np.float64]) -> float:
    mean = float(spreads.mean())
    return 1 / mean if mean else np.inf


# For each estimator: what it reads from a point's distances, and the dimension that these readings give.
_STEPS: dict[Estimator, tuple[_Read, _Dimension]] = {
    "two-nn": (_ratios, _fit),
    "levina-bickel": (_spreads, _inverse_mean),
}
