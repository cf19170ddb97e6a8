"""The curse of dimensionality, measured before any training: dimensions, coverage, bound, predicted order."""

from nearsight.dimension.bound import Bound
from nearsight.dimension.coverage import Coverage, CurvePoint
from nearsight.dimension.examples import Examples, Worth
from nearsight.dimension.intrinsic import Estimator
from nearsight.dimension.known import KnownBias
from nearsight.dimension.measure import measure_dimension
from nearsight.dimension.order import Predicted, SideBySide
from nearsight.dimension.result import Dimension, Sampled, TileDimension, tile_name
from nearsight.dimension.several_tiles import Place
from nearsight.dimension.spaces import Space
from nearsight.dimension.tile_dimensions import IntrinsicDimension

__all__ = [
    "Bound",
    "Coverage",
    "CurvePoint",
    "Dimension",
    "Estimator",
    "Examples",
    "IntrinsicDimension",
    "KnownBias",
    "Place",
    "Predicted",
    "Sampled",
    "SideBySide",
    "Space",
    "TileDimension",
    "Worth",
    "measure_dimension",
    "tile_name",
]
