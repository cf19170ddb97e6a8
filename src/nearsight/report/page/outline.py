"""Outlines as SVG paths: of a set of tiles on their evidence map, and of a region of the image."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.tiles import TileGrid, cell_edges

# A path around more cells per side would take megabytes of a page.
MOST_CELLS = 128


def outline_path(tiles: Collection[int], grid: TileGrid) -> str:
    """Return the border around the cells of tiles, given by row-major numbers, in the pixels of the image.

    >>> outline_path([0, 1], TileGrid(8, 12, tile=4, stride=4))
    'M0 0H8M0 4H8M0 0V4M8 0V4'

    Borders between two tiles of the set are left out, so tiles that touch become one shape. On a grid with more than
    128 rows or columns, squares of tiles are outlined of which at least half are in the set.
    """
    rows, columns = grid.shape
    numbers = np.fromiter(tiles, dtype=np.int64)
    inside = np.zeros((rows, columns), dtype=np.bool_)
    inside[numbers // columns, numbers % columns] = True
    tops, lefts = cell_edges(grid.tops, grid.tile), cell_edges(grid.lefts, grid.tile)
    step = -(-max(rows, columns) // MOST_CELLS)
    if step > 1:
        down, across = (list(range(0, count, step)) for count in (rows, columns))
        held = np.add.reduceat(np.add.reduceat(inside.astype(np.int64), down, 0), across, 1)
        areas = np.outer(*(np.diff([*starts, count]) for starts, count in ((down, rows), (across, columns))))
        inside = 2 * held >= areas
        tops, lefts = (
            [*(tops[row] for row in down), tops[-1]],
            [*(lefts[column] for column in across), lefts[-1]],
        )
    return _border(inside, tops, lefts)


def region_path(region: Tensor, height: int, width: int) -> str:
    """Return the border of a region, bool (rows, columns), that covers an image of this many pixels.

    >>> import torch
    >>> region_path(torch.tensor([[True, False]]), height=4, width=12)
    'M0 0H6M0 4H6M0 0V4M6 0V4'
    """
    rows, columns = region.shape
    ys, xs = np.linspace(0, height, rows + 1), np.linspace(0, width, columns + 1)
    return _border(region.numpy(), ys.round(1).tolist(), xs.round(1).tolist())


def _border(cells: NDArray[np.bool_], tops: Sequence[float], lefts: Sequence[float]) -> str:
    inside = np.pad(cells, 1).astype(np.int8)
    ys, xs = ([f"{edge:g}" for edge in edges] for edges in (tops, lefts))
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
