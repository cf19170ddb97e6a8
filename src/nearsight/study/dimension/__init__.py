"""The curse of dimensionality, measured before any training: dimensions, coverage, bound, predicted order."""

from nearsight.study.dimension.bound import Bound
from nearsight.study.dimension.coverage import Coverage, CurvePoint
from nearsight.study.dimension.intrinsic import Estimator
from nearsight.study.dimension.known import KnownBias
from nearsight.study.dimension.measure import measure_dimension
from nearsight.study.dimension.measured import Measured
from nearsight.study.dimension.order import Predicted, SideBySide
from nearsight.study.dimension.result import Dimension, Sampled, TileDimension, tile_name
from nearsight.study.dimension.spaces import Space
from nearsight.study.dimension.tile_dimensions import IntrinsicDimension

__all__ = [
    "Bound",
    "Coverage",
    "CurvePoint",
    "Dimension",
    "Estimator",
    "IntrinsicDimension",
    "KnownBias",
    "Measured",
    "Predicted",
    "Sampled",
    "SideBySide",
    "Space",
    "TileDimension",
    "measure_dimension",
    "tile_name",
]
