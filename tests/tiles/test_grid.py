"""The tile grid against loops over every position."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.tiles import TileGrid

SIDES = st.integers(1, 40)


@st.composite
def grids(draw: st.DrawFn, kind: str) -> TileGrid:
    height, width = draw(SIDES), draw(SIDES)
    tile = draw(st.integers(1, min(height, width)))
    return TileGrid(height, width, tile, draw(st.integers(1, 45)), kind)


def covered(grid: TileGrid) -> np.ndarray:
    """Count the tiles over each pixel, one tile at a time."""
    count = np.zeros((grid.height, grid.width), dtype=int)
    for top in grid.tops:
        for left in grid.lefts:
            count[top : top + grid.tile, left : left + grid.tile] += 1
    return count


@settings(deadline=None)
@given(grids("aligned"))
def test_aligned_takes_every_multiple_of_the_stride_that_fits(grid: TileGrid) -> None:
    for length, starts in ((grid.height, grid.tops), (grid.width, grid.lefts)):
        assert starts == tuple(
            start for start in range(length) if start % grid.stride == 0 and start + grid.tile <= length
        )


@settings(deadline=None)
@given(grids("covering"))
def test_covering_adds_only_the_far_edge(grid: TileGrid) -> None:
    aligned = TileGrid(grid.height, grid.width, grid.tile, grid.stride)
    for length, starts, plain in (
        (grid.height, grid.tops, aligned.tops),
        (grid.width, grid.lefts, aligned.lefts),
    ):
        assert set(starts) == {*plain, length - grid.tile}
        assert list(starts) == sorted(set(starts))


@settings(deadline=None)
@given(grids("covering"))
def test_covering_has_every_pixel_in_a_tile_unless_the_stride_jumps_over_some(grid: TileGrid) -> None:
    if grid.stride <= grid.tile:
        assert covered(grid).min() >= 1
    assert covered(grid)[[0, 0, -1, -1], [0, -1, 0, -1]].min() >= 1


@settings(deadline=None)
@given(grids("aligned"))
def test_no_tile_leaves_the_image_and_all_are_counted(grid: TileGrid) -> None:
    assert covered(grid).sum() == len(grid) * grid.tile**2
    assert len(grid) == grid.shape[0] * grid.shape[1] == len(grid.tops) * len(grid.lefts)


def test_a_tile_as_large_as_the_image_has_one_position() -> None:
    assert TileGrid(7, 7, tile=7, stride=3, kind="covering").shape == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, 6, 7, 1), "largest that fits is 6"),
        ((8, 8, 0, 1), "tile 0"),
        ((8, 8, 4, 0), "stride 0"),
        ((8, 8, 4, 1, "alinged"), "'alinged'"),
    ],
)
def test_what_cannot_be_is_refused(arguments: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        TileGrid(*arguments)
