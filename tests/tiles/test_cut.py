"""Cutting tiles against slicing one at a time, and the uniformity of random positions."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from nearsight.errors import InputError
from nearsight.tiles import TileGrid, cut_grid, cut_tiles, random_corners


def numbered(count: int, channels: int, height: int, width: int) -> torch.Tensor:
    """Images in which every value is different."""
    return torch.arange(count * channels * height * width).reshape(count, channels, height, width)


@pytest.mark.parametrize(
    ("height", "width", "tile"),
    [
        (9, 9, 4),
        (8, 8, 3),
        (8, 9, 8),
        (5, 12, 5),
        (12, 7, 2),
        (6, 6, 1),
        (11, 4, 3),
        (9, 12, (4, 7)),
    ],
)
def test_every_position_is_equally_likely(height: int, width: int, tile: int | tuple[int, int]) -> None:
    tile_height, tile_width = (tile, tile) if isinstance(tile, int) else tile
    rows, columns = height - tile_height + 1, width - tile_width + 1
    draws = 400 * rows * columns
    tops, lefts = random_corners(draws, height, width, tile, torch.Generator().manual_seed(5))
    assert 0 <= tops.min() <= tops.max() < rows
    assert 0 <= lefts.min() <= lefts.max() < columns
    observed = np.bincount(tops * columns + lefts, minlength=rows * columns)
    # One chance in a thousand of failing per case if the draw is right; the seed is fixed.
    assert chisquare(observed).pvalue > 1e-3


def test_a_tile_as_large_as_the_image_has_one_corner() -> None:
    tops, lefts = random_corners(20, 8, 8, 8, torch.Generator())
    assert not tops.any()
    assert not lefts.any()


def test_the_generator_alone_decides_the_corners() -> None:
    def draw(seed: int) -> torch.Tensor:
        return torch.stack(random_corners(50, 30, 20, 6, torch.Generator().manual_seed(seed)))

    assert draw(1).equal(draw(1))
    assert not draw(1).equal(draw(2))


@pytest.mark.parametrize("tile", [0, 9, (4, 11), (9, 4)])
def test_random_corners_of_a_tile_that_does_not_fit_are_refused(tile: int | tuple[int, int]) -> None:
    with pytest.raises(InputError, match="does not fit an image of 8×10; square tiles from 1 to 8 do"):
        random_corners(1, 8, 10, tile, torch.Generator())


@pytest.mark.parametrize("tile", [3, (2, 5)])
def test_cut_tiles_reaches_every_position(tile: int | tuple[int, int]) -> None:
    tile_height, tile_width = (tile, tile) if isinstance(tile, int) else tile
    images = numbered(2, 3, 12, 9)
    positions = [
        (i, top, left)
        for i in range(2)
        for top in range(12 - tile_height + 1)
        for left in range(9 - tile_width + 1)
    ]
    index, tops, lefts = torch.tensor(positions).T
    expected = [images[i, :, top : top + tile_height, left : left + tile_width] for i, top, left in positions]
    assert cut_tiles(images, index, tops, lefts, tile).equal(torch.stack(expected))


@settings(deadline=None)
@given(st.data())
def test_cut_tiles_is_slicing_one_tile_at_a_time(data: st.DataObject) -> None:
    count, height, width = (data.draw(st.integers(1, most)) for most in (4, 13, 13))
    tile = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
    drawn = data.draw(
        st.lists(
            st.tuples(
                st.integers(0, count - 1), st.integers(0, height - tile[0]), st.integers(0, width - tile[1])
            ),
            min_size=1,
            max_size=12,
        )
    )
    images = numbered(count, 3, height, width)
    if data.draw(st.booleans()):
        images = images.contiguous(memory_format=torch.channels_last)
    index, tops, lefts = torch.tensor(drawn).T
    expected = [images[i, :, top : top + tile[0], left : left + tile[1]] for i, top, left in drawn]
    assert cut_tiles(images, index, tops, lefts, tile).equal(torch.stack(expected))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_cut_grid_is_slicing_one_tile_at_a_time(data: st.DataObject) -> None:
    height, width = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 12))
    tile = data.draw(st.integers(1, min(height, width)))
    kind = data.draw(st.sampled_from(["aligned", "covering"]))
    grid = TileGrid(height, width, tile, data.draw(st.integers(1, 13)), kind)
    images = numbered(2, 3, height, width)
    tiles = cut_grid(images, grid)
    assert tiles.shape == (2, *grid.shape, 3, tile, tile)
    for row, top in enumerate(grid.tops):
        for column, left in enumerate(grid.lefts):
            assert tiles[:, row, column].equal(images[:, :, top : top + tile, left : left + tile])


def test_an_aligned_grid_is_cut_without_copying() -> None:
    images = numbered(1, 3, 10, 9)
    tiles = cut_grid(images, TileGrid(10, 9, tile=4, stride=2))
    assert tiles.untyped_storage().data_ptr() == images.untyped_storage().data_ptr()


def test_a_grid_for_another_size_is_refused() -> None:
    with pytest.raises(InputError, match="images are 8×9 but the grid is for 9×8"):
        cut_grid(numbered(1, 3, 8, 9), TileGrid(9, 8, tile=4, stride=2))
