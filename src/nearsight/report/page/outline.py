"""The outline of a set of tiles on their evidence map, as an SVG path."""

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from nearsight.tiles import TileGrid, cell_edges


def outline_path(tiles: Collection[int], grid: TileGrid) -> str:
    """Return the border around the cells of tiles, given by row-major numbers, in the pixels of the image.

    >>> outline_path([0, 1], TileGrid(8, 12, tile=4, stride=4))
    'M0 0H8M0 4H8M0 0V4M8 0V4'

    Borders between two tiles of the set are left out, so tiles that touch become one shape.
    """
    rows, columns = grid.shape
    inside = np.zeros((rows + 2, columns + 2), dtype=np.int8)
    numbers = np.fromiter(tiles, dtype=np.int64)
    inside[numbers // columns + 1, numbers % columns + 1] = 1
    ys, xs = ([f"{edge:g}" for edge in cell_edges(starts, grid.tile)] for starts in (grid.tops, grid.lefts))
    across = [
        f"M{xs[first]} {ys[line]}H{xs[last]}"
        for line, first, last in _runs(np.diff(inside, axis=0)[:, 1:-1] != 0)
    ]
    down = [
        f"M{xs[line]} {ys[first]}V{ys[last]}"
        for line, first, last in _runs(np.diff(inside, axis=1)[1:-1].T != 0)
    ]
    return "".join(across + down)


def _runs(lines: NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Yield the line, start and end of each run of trues."""
    padded = np.pad(lines, ((0, 0), (1, 1))).astype(np.int8)
    changes = np.diff(padded, axis=1)
    starts, ends = np.argwhere(changes == 1), np.argwhere(changes == -1)
    for (line, first), (_, last) in zip(starts.tolist(), ends.tolist(), strict=True):
        yield line, first, last
