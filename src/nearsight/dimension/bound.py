"""The a-priori bound: what the tile's dimension and the number of tiles alone say about the error."""

from dataclasses import dataclass
from math import e, log10, sqrt

import numpy as np
from numpy.typing import NDArray

from nearsight.dimension.coverage import LEAST_SIZES, LearningCurve, line_slope
from nearsight.statistics import Estimate, absent, column_estimate

COVERING = 2 + 1 / e


@dataclass(frozen=True)
class Bound:
    """error ≤ a + L · r: what is known about each term for the nearest-neighbour classifier of single tiles.

    `radius` is the worst-case r, `diameter` that of the cube of all tiles, both for pixels from 0 to 1.
    10^`log10_tiles_to_halve` tiles reduce r to half the diameter, and 10^`log10_images_factor` times the images
    halve it. `smoothness` (L) and `limit` (a) are estimates from the learning curve, and `error` is a + L · r
    with them. `vacuous` says that the bound excludes nothing, and `reason` why or why not.
    """

    tiles: int
    radius: float
    diameter: float
    log10_tiles_to_halve: float
    log10_images_factor: float
    smoothness: Estimate
    limit: Estimate
    error: float | None
    chance_error: float
    vacuous: bool
    reason: str


def worst_radius(dimension: int, tiles: int) -> float:
    """Return the bound on the mean distance of a new point to the nearest of this many independent ones.

    >>> round(worst_radius(dimension=1, tiles=10_000), 4)
    0.0237

    For any distribution on the cube [0, 1]^D it is √D (2 + 1/e) m^(−1/(D+1)): boxes of side 2 m^(−1/(D+1)), and
    the chance to fall in one that none of the m points is in (Shalev-Shwartz and Ben-David, Understanding Machine
    Learning, 2014, lemma 19.2 and the proof of theorem 19.3). `dimension` is D, `tiles` is m.
    """
    return float(sqrt(dimension) * COVERING * tiles ** (-1 / (dimension + 1)))


def measure_bound(dimension: int, tiles: int, curve: LearningCurve, chance: float) -> Bound:
    """Return the bound for tiles of a dimension, with its constants estimated from the curve of raw pixels.

    The error of the nearest-neighbour rule is at most a + L · r, for class probabilities that change by at most L
    per unit of distance. r is the mean distance to the nearest tile (lemma 19.1 of Shalev-Shwartz and Ben-David,
    2014, whose proof holds for C classes). a is the error with an unlimited number of tiles, at most R (2 − R C /
    (C − 1)) for the best possible error R of C classes (Cover and Hart, IEEE Trans. Inf. Theory 13, 1967).
    `tiles` counts all tiles of the training images as if they were independent, which favours the bound. `chance`
    is how often a random label is right.
    """
    radius, diameter = worst_radius(dimension, tiles), sqrt(dimension)
    smoothness, limit = _constants(curve)
    error = None
    if smoothness.value is not None and limit.value is not None:
        error = limit.value + smoothness.value * radius
    chance_error = 1 - chance
    if radius >= diameter:
        vacuous, reason = (
            True,
            (
                "vacuous: the distance that the bound allows to the nearest tile is no less than the diameter of the "
                "cube that holds all tiles, so it says no more than a single training tile would"
            ),
        )
    elif error is None:
        vacuous, reason = (
            False,
            "open: it excludes something only if L is small enough, and L has no estimate",
        )
    elif error >= chance_error:
        vacuous, reason = (
            True,
            "vacuous: with the L that the learning curve shows it allows the error of chance",
        )
    else:
        vacuous, reason = (
            False,
            ("not vacuous if the L of the learning curve holds everywhere, which no data can show"),
        )
    return Bound(
        tiles=tiles,
        radius=radius,
        diameter=diameter,
        log10_tiles_to_halve=(dimension + 1) * log10(2 * COVERING),
        log10_images_factor=(dimension + 1) * log10(2),
        smoothness=smoothness,
        limit=limit,
        error=error,
        chance_error=chance_error,
        vacuous=vacuous,
        reason=reason,
    )


def _constants(curve: LearningCurve) -> tuple[Estimate, Estimate]:
    """Return L and a: slope and intercept of the line of error against distance as training images grow."""
    sizes = len(curve.images)
    if sizes < LEAST_SIZES:
        none = absent(f"{curve.images[-1]:.0f} training images are too few for a curve")
        return none, none
    if not np.ptp(curve.distances.mean(0)) > 0:
        none = absent("the distance to the nearest tile does not change with more images")
        return none, none

    def slope(means: NDArray[np.float64]) -> NDArray[np.float64]:
        return line_slope(means[:, :sizes], means[:, sizes:])

    def intercept(means: NDArray[np.float64]) -> NDArray[np.float64]:
        distance, error = means[:, :sizes].mean(1), means[:, sizes:].mean(1)
        crossing: NDArray[np.float64] = error - slope(means) * distance
        return crossing

    table = np.concatenate([curve.distances, 1 - curve.right], 1)
    smoothness, limit = column_estimate(table, slope), column_estimate(table, intercept)
    if smoothness.low is not None and smoothness.low <= 0:
        return absent("no rise of the error with distance is shown; left symbolic"), limit
    if limit.value is not None and not 0 <= limit.value <= 1:
        return smoothness, absent("the line reaches no error from 0 to 1 at distance zero; left symbolic")
    return smoothness, limit
