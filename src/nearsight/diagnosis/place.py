"""Where in their images some tiles are, in numbers and in words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.tiles import TileGrid

# Tiles are at one end of a side if their mean is in the outer third of the range that tiles can cover along it,
# and in a corner if it is in the outer sixth of both.
END = 1 / 3
CORNER = 1 / 6
# As a share of the spread of all tiles of the grid; above it, there is no typical place along that side.
SCATTERED = 0.75


@dataclass(frozen=True)
class Place:
    """Where the centres of some tiles are: means and standard deviations, as shares of height and width.

    `row` 0 is the top, `column` 0 the left. `name` is, for example, "bottom right corner", "top" or "anywhere".
    """

    row: float
    column: float
    spread_row: float
    spread_column: float
    name: str


def typical_place(corners: Sequence[tuple[int, int]], grids: Sequence[TileGrid]) -> Place:
    """Return where tiles typically are, each given by its top left corner and the grid of its image.

    >>> grid = TileGrid(32, 32, tile=8, stride=8)
    >>> typical_place([(24, 24), (24, 24)], [grid, grid]).name
    'bottom right corner'
    >>> typical_place([(0, 0), (0, 24)], [grid, grid]).name
    'top'
    >>> typical_place([(0, 0), (24, 24)], [grid, grid]).name
    'anywhere'

    Corners are tops and lefts in pixels, at least one. The place of tiles along a side is relative to where the
    tiles of their own grids can be: 0 for the first row or column, 1 for the last. A mean in an outer third names
    that end (an outer sixth on both sides: a corner). If the mean is in the middle third, the tiles are in the
    middle if their spread (standard deviation) is below three quarters of that of all tiles of their grids.
    Otherwise they may be anywhere along that side, for example if a grid has one row or column.
    """
    tops, lefts = np.array(corners, dtype=np.float64).T
    tiles = np.array([grid.tile for grid in grids])
    rows = (tops + tiles / 2) / [grid.height for grid in grids]
    columns = (lefts + tiles / 2) / [grid.width for grid in grids]
    down = _along(tops, [grid.tops for grid in grids])
    across = _along(lefts, [grid.lefts for grid in grids])
    return Place(
        float(rows.mean()),
        float(columns.mean()),
        float(rows.std()),
        float(columns.std()),
        _name(down, across),
    )


def _along(starts: NDArray[np.float64], grids: list[tuple[int, ...]]) -> float | None:
    """Mean place along a side, 0 to 1; None if the tiles are scattered over it."""
    lasts = np.array([grid[-1] for grid in grids], dtype=np.float64)
    if not lasts.any():
        return None
    known = lasts > 0
    places = starts[known] / lasts[known]
    mean = float(places.mean())
    grid_spread = np.mean([np.std(grid) / grid[-1] for grid in grids if grid[-1] > 0])
    scattered = END <= mean <= 1 - END and places.std() >= SCATTERED * grid_spread
    return None if scattered else mean


def _name(down: float | None, across: float | None) -> str:
    if down is None and across is None:
        return "anywhere"
    if across is None or down is None:
        one_side = _end(down, "top", "bottom", "middle rows"), _end(across, "left", "right", "middle columns")
        return "".join(one_side)
    vertical, horizontal = _end(down, "top", "bottom", "middle"), _end(across, "left", "right", "middle")
    if vertical == horizontal:
        return "centre"
    if "middle" in (vertical, horizontal):
        return f"{vertical} {horizontal}"
    corner = max(min(down, 1 - down), min(across, 1 - across)) <= CORNER
    return f"{vertical} {horizontal}{' corner' if corner else ''}"


def _end(along: float | None, first: str, last: str, between: str) -> str:
    if along is None:
        return ""
    if END <= along <= 1 - END:
        return between
    return first if along < END else last
