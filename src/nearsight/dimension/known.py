"""What the estimators of intrinsic dimension give for samples whose dimension is known."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.dimension.intrinsic import Estimator, levina_bickel, two_nn
from nearsight.dimension.search import nearest

Known = Literal["normal", "cube"]

DIMENSIONS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)


@dataclass(frozen=True)
class KnownBias:
    """How good an estimate is, from a sample of known dimension and of the same number of points.

    `bias` is the estimator's result on a sample whose dimension is the estimate, minus that dimension. `matching`
    is the dimension of the sample on which the estimator gives the estimate. Both are None, with a `reason`,
    outside the dimensions that are tried, 1 to 128.
    """

    sample: Known
    bias: float | None
    matching: float | None
    reason: str | None = None


def known_bias(value: float, estimator: Estimator, sample: Known, points: int, neighbours: int) -> KnownBias:
    """Return how good an estimate from this many points and neighbours is, from a sample of known dimension.

    >>> known = known_bias(9.0, "levina-bickel", "cube", points=500, neighbours=10)
    >>> known.bias < 0 and known.matching > 9
    True

    `sample` is a standard normal or a uniform cube of the dimension, drawn with a fixed seed. That tiles lie in a
    space of more dimensions changes no distance and so no estimate. Between the tried dimensions, values are
    interpolated with logarithms of both.
    """
    tried = np.log(DIMENSIONS)
    given = np.log(_estimates(estimator, sample, points, neighbours))
    # Noise between dimensions 1 and 2 or near the end must not make the curve decrease.
    given = np.maximum.accumulate(given)
    bias = matching = None
    if DIMENSIONS[0] <= value <= DIMENSIONS[-1]:
        bias = float(np.exp(np.interp(np.log(value), tried, given)) - value)
    if given[0] <= np.log(value) <= given[-1]:
        matching = float(np.exp(np.interp(np.log(value), given, tried)))
    outside = f"{value:.3g} is outside what is tried, dimensions {DIMENSIONS[0]} to {DIMENSIONS[-1]}"
    return KnownBias(sample, bias, matching, outside if bias is None or matching is None else None)


@cache
def _distances(sample: Known, dimension: int, points: int, neighbours: int) -> NDArray[np.float64]:
    random = np.random.default_rng(dimension)
    shape = (points, dimension)
    drawn = random.standard_normal(shape) if sample == "normal" else random.random(shape)
    # In float32 some of the points on a line would be equal.
    table = torch.from_numpy(drawn)
    # The nearest of all is the point itself.
    return nearest(table, table, neighbours + 1)[0][:, 1:].double().numpy()


@cache
def _estimates(estimator: Estimator, sample: Known, points: int, neighbours: int) -> tuple[float, ...]:
    measure = two_nn if estimator == "two-nn" else levina_bickel
    return tuple(measure(_distances(sample, dimension, points, neighbours)) for dimension in DIMENSIONS)
