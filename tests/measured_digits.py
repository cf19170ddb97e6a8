"""The dimensions of scikit-learn's digits, measured once for all tests that show them."""

from functools import cache

from nearsight.data import load
from nearsight.dimension import Dimension, measure_dimension
from nearsight.settings import Sampling


@cache
def measured_digits(*tiles: int | None) -> Dimension:
    """Return the dimensions of tiles of some sizes in pixels, None for whole digits, from a few of the digits."""
    few = Sampling(
        training_tiles=400,
        test_images=40,
        tiles_per_test_image=3,
        points=150,
        pairs=40,
        example_images=64,
    )
    return measure_dimension(load("digits"), tiles=tiles, sampling=few)
