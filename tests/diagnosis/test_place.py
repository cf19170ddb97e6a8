"""Places against positions whose name is plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.place import typical_place
from nearsight.tiles import TileGrid

GRID = TileGrid(40, 40, tile=8, stride=4)
MIRRORED = {"left": "right", "right": "left"}


def named(corners: list[tuple[int, int]], grid: TileGrid = GRID) -> str:
    return typical_place(corners, [grid] * len(corners)).name


@pytest.mark.parametrize(
    ("corners", "name"),
    [
        ([(0, 0)], "top left corner"),
        ([(32, 32)] * 3 + [(28, 32)], "bottom right corner"),
        ([(8, 8)], "top left"),
        ([(0, left) for left in GRID.lefts], "top"),
        ([(top, 32) for top in GRID.tops], "right"),
        ([(16, left) for left in GRID.lefts], "middle rows"),
        ([(top, 16) for top in GRID.tops], "middle columns"),
        ([(16, 16)], "centre"),
        ([(32, 16)], "bottom middle"),
        ([(16, 0)], "middle left"),
        ([(top, left) for top in GRID.tops for left in GRID.lefts], "anywhere"),
    ],
)
def test_positions_have_their_names(corners: list[tuple[int, int]], name: str) -> None:
    assert named(corners) == name


def test_tiles_at_random_are_anywhere() -> None:
    random = np.random.default_rng(0)
    names = {
        named([(int(random.choice(GRID.tops)), int(random.choice(GRID.lefts))) for _ in range(40)])
        for _ in range(20)
    }
    assert names == {"anywhere"}


@given(st.lists(st.tuples(st.sampled_from(GRID.tops), st.sampled_from(GRID.lefts)), min_size=1, max_size=20))
def test_a_mirrored_image_has_the_mirrored_place(corners: list[tuple[int, int]]) -> None:
    place = typical_place(corners, [GRID] * len(corners))
    mirrored = typical_place([(top, 32 - left) for top, left in corners], [GRID] * len(corners))
    assert mirrored.name.split() == [MIRRORED.get(word, word) for word in place.name.split()]
    assert mirrored.column == pytest.approx(1 - place.column)
    assert mirrored.spread_column == pytest.approx(place.spread_column)


def test_places_are_shares_of_each_images_own_size() -> None:
    wide, high = TileGrid(8, 32, tile=8, stride=8), TileGrid(64, 16, tile=8, stride=8)
    place = typical_place([(0, 24), (56, 8)], [wide, high])
    assert (place.row, place.column) == pytest.approx(((0.5 + 60 / 64) / 2, (28 / 32 + 12 / 16) / 2))
    # Only the high image has a choice of rows, and there the tile is in the last.
    assert place.name == "bottom right corner"


def test_a_grid_of_one_tile_leaves_no_choice() -> None:
    assert named([(0, 0)], TileGrid(8, 8, tile=8, stride=8)) == "anywhere"
