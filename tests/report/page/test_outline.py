"""The outline is the border of the set: each side of a cell that only one of its two cells belongs to."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.report.page import outline
from nearsight.report.page.outline import outline_path
from nearsight.tiles import TileGrid

GRID = TileGrid(10, 14, tile=2, stride=2)


def unit_sides(path: str) -> list[tuple[float, float, float, float]]:
    """Cut the lines of a path into sides of single cells, which are 2 pixels long."""
    sides = []
    for x, y, direction, end in re.findall(r"M(\S+?) (\S+?)([HV])([\d.]+)", path):
        left, top, last = float(x), float(y), float(end)
        for start in np.arange(left if direction == "H" else top, last, 2.0):
            sides.append((start, top, start + 2, top) if direction == "H" else (left, start, left, start + 2))
    return sides


@given(st.sets(st.integers(0, len(GRID) - 1)))
def test_it_has_every_side_with_one_cell_inside_once(tiles: set[int]) -> None:
    rows, columns = GRID.shape
    inside = {divmod(tile, columns) for tile in tiles}
    wanted = []
    for row in range(rows + 1):
        for column in range(columns + 1):
            if ((row - 1, column) in inside) != ((row, column) in inside) and column < columns:
                wanted.append((2.0 * column, 2.0 * row, 2.0 * column + 2, 2.0 * row))
            if ((row, column - 1) in inside) != ((row, column) in inside) and row < rows:
                wanted.append((2.0 * column, 2.0 * row, 2.0 * column, 2.0 * row + 2))
    assert sorted(unit_sides(outline_path(tiles, GRID))) == sorted(wanted)


def test_a_fine_grid_is_outlined_in_squares_of_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "MOST_CELLS", 4)
    fine = TileGrid(16, 16, tile=2, stride=2)
    quarter = [row * 8 + column for row in range(4) for column in range(4)]
    assert outline_path(quarter, fine) == outline_path([0, 1, 4, 5], TileGrid(16, 16, tile=4, stride=4))
    assert outline_path([0], fine) == ""
