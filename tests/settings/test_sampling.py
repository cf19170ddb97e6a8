"""Sampling: within its ranges, and within memory."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.settings import Sampling
from nearsight.settings.sampling import count_blocks


@given(st.integers(1, 10**7))
@settings(deadline=None)
def test_blocks_are_a_power_of_two_and_no_more_than_images(images: int) -> None:
    blocks = count_blocks(images)
    assert blocks in (1, 2, 4, 8, 16, 32)
    assert blocks <= images
    assert blocks == 32 or 2 * blocks > images


@given(st.integers(1, 10**6), st.integers(1, 10**7))
@settings(deadline=None)
def test_no_kind_of_tile_outgrows_memory(dimension: int, images: int) -> None:
    bounded = Sampling().within_memory(dimension, images)
    limit = max(512 * 2**20, 36 * dimension)
    assert bounded.points * dimension <= limit
    assert 2 * bounded.pairs * dimension <= limit
    assert 4 * bounded.test_images * bounded.tiles_per_test_image * dimension <= limit
    assert bounded.training_tiles * dimension <= limit * count_blocks(images)
    assert all(getattr(bounded, spec.name) <= getattr(Sampling(), spec.name) for spec in fields(Sampling))


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="neighbours must be at least 3, got 2"):
        Sampling(neighbours=2)
