"""How much of each tile lies on the object."""

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data.regions import MOST_PIXELS
from nearsight.errors import InputError
from nearsight.tiles import TileGrid


def object_shares(region: Tensor, grid: TileGrid) -> Tensor:
    """Return the share of each tile's pixels that lie on the object, float32 of shape (rows, columns).

    >>> region = torch.tensor([[True, True, False, False]] * 2)
    >>> object_shares(region, TileGrid(2, 4, tile=2, stride=1)).tolist()
    [[1.0, 0.5, 0.0]]

    `region` is bool (H, W), adapted to the grid's image by `fit_region`, whose errors it raises. The result is
    exact, and the cost does not grow with the tile: four look-ups per tile in the integral image (Crow, SIGGRAPH
    1984). A region of an image too large for that is not resized; its pixels count as squares of the image's.
    """
    if grid.height * grid.width > MOST_PIXELS:
        return _shares_of_reduced(region, grid)
    counts = F.pad(fit_region(region, grid).long().cumsum(0).cumsum(1), (1, 0, 1, 0))
    tops, lefts = torch.tensor(grid.tops)[:, None], torch.tensor(grid.lefts)[None]
    bottoms, rights = tops + grid.tile, lefts + grid.tile
    inside = counts[bottoms, rights] - counts[tops, rights] - counts[bottoms, lefts] + counts[tops, lefts]
    return inside.float() / grid.tile**2


def _shares_of_reduced(region: Tensor, grid: TileGrid) -> Tensor:
    check_fits(region, grid)
    sums = F.pad(region.double().cumsum(0).cumsum(1), (1, 0, 1, 0))
    high, wide = region.shape[0] / grid.height, region.shape[1] / grid.width
    tops, lefts = (torch.tensor(starts, dtype=torch.float64) for starts in (grid.tops, grid.lefts))
    found = torch.zeros(grid.shape, dtype=torch.float64)
    # Between the corners of its pixels, the integral of a region is bilinear.
    for ends, sign in (((0, 0), 1), ((0, 1), -1), ((1, 0), -1), ((1, 1), 1)):
        rows = _between(sums, high * (tops + ends[0] * grid.tile), 0)
        found += sign * _between(rows, wide * (lefts + ends[1] * grid.tile), 1)
    return (found / (grid.tile**2 * high * wide)).clamp(0, 1).round(decimals=6).float()


def _between(sums: Tensor, places: Tensor, axis: int) -> Tensor:
    """Return what lies at some places along an axis, in proportion between two neighbours."""
    first = places.floor().long().clamp(max=sums.shape[axis] - 2)
    share = (places - first).view((-1, 1) if axis == 0 else (1, -1))
    found: Tensor = sums.index_select(axis, first) * (1 - share) + sums.index_select(axis, first + 1) * share
    return found


def region_at(region: Tensor, grid: TileGrid, rows: Tensor, columns: Tensor) -> Tensor:
    """Return whether some pixels of a grid's image are on the object, bool (rows, columns).

    >>> region_at(torch.tensor([[True, False]]), TileGrid(2, 4, tile=2, stride=1), torch.tensor([0]), torch.arange(4))
    tensor([[ True,  True, False, False]])

    `region` is as for `fit_region`, whose errors it raises; `rows` and `columns` are int64.
    """
    check_fits(region, grid)
    down, across = (
        (((2 * places + 1) * side) // (2 * length)).clamp(max=side - 1)
        for places, side, length in zip((rows, columns), region.shape, (grid.height, grid.width), strict=True)
    )
    return region[down][:, across]


def check_fits(region: Tensor, grid: TileGrid) -> None:
    """Raise `InputError` for what is no region, and for other proportions than those of a grid's image."""
    if region.ndim != 2 or region.dtype != torch.bool or not region.numel():
        raise InputError(
            f"a region must be bool (height, width), got {region.dtype} of shape {tuple(region.shape)}"
        )
    height, width = region.shape
    # One pixel of what was resized: the image, or the region of an image too large for its own.
    huge = grid.height * grid.width > MOST_PIXELS
    slack = max(grid.height, grid.width) if huge else min(height, width)
    if abs(height * grid.width - width * grid.height) > slack:
        raise InputError(
            f"a region of {height}×{width} pixels does not fit an image of {grid.height}×{grid.width}: the "
            "proportions differ; give the region of the image before it was resized, or of the image itself"
        )


def fit_region(region: Tensor, grid: TileGrid) -> Tensor:
    """Resize a region to a grid's image, in the way that the network's resizing changes the image.

    >>> region = torch.tensor([[True, False]])
    >>> fit_region(region, TileGrid(2, 4, tile=2, stride=1)).int().tolist()
    [[1, 1, 0, 0], [1, 1, 0, 0]]

    `region` is bool (H, W); the result is bool (grid.height, grid.width), by nearest neighbour. Raises
    `InputError` for another shape or type, and for proportions other than those of the grid's image. One pixel is
    allowed, because resizing the shorter side rounds the longer one.
    """
    check_fits(region, grid)
    if tuple(region.shape) == (grid.height, grid.width):
        return region
    resized = F.interpolate(
        region[None, None].to(torch.uint8), size=(grid.height, grid.width), mode="nearest-exact"
    )
    return resized[0, 0].bool()
