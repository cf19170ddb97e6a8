"""Cutting tiles out of a batch of images: at given corners, at random, or on a grid."""

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.tiles.grid import TileGrid


def random_corners(
    count: int, height: int, width: int, tile: int | tuple[int, int], generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draw `count` tile corners, with every position completely inside the image equally likely.

    >>> tops, lefts = random_corners(3, 8, 8, tile=8, generator=torch.Generator())
    >>> tops.tolist(), lefts.tolist()
    ([0, 0, 0], [0, 0, 0])

    `tile` is its side, or its height and width. Returns tops and lefts, int64 of shape (count,), in pixels.
    Raises `InputError` if the tile does not fit.
    """
    tile_height, tile_width = _sides(tile)
    if not (1 <= tile_height <= height and 1 <= tile_width <= width):
        raise InputError(
            f"a tile of {tile_height}×{tile_width} pixels does not fit an image of {height}×{width}; "
            f"square tiles from 1 to {min(height, width)} do"
        )
    tops = torch.randint(height - tile_height + 1, (count,), generator=generator, device=generator.device)
    lefts = torch.randint(width - tile_width + 1, (count,), generator=generator, device=generator.device)
    return tops, lefts


def cut_tiles(
    images: Tensor, index: Tensor, tops: Tensor, lefts: Tensor, tile: int | tuple[int, int]
) -> Tensor:
    """Cut one tile from each named image of a batch, in one gather.

    >>> images = torch.arange(16).reshape(1, 1, 4, 4)
    >>> cut_tiles(images, torch.tensor([0]), torch.tensor([1]), torch.tensor([2]), tile=2).tolist()
    [[[[6, 7], [10, 11]]]]

    `images` is (N, C, H, W) of any dtype; `index`, `tops` and `lefts` are int64 of shape (B,); `tile` is its
    side, or its height and width. Returns (B, C, tile, tile) of the same dtype.
    """
    tile_height, tile_width = _sides(tile)
    windows = images.unfold(2, tile_height, 1).unfold(3, tile_width, 1)
    # The advanced indices are split by the channel slice, so they come first: (B, C, tile, tile).
    return windows[index, :, tops, lefts]


def cut_grid(images: Tensor, grid: TileGrid) -> Tensor:
    """Cut every tile of a grid from a batch of images.

    >>> images = torch.arange(16.).reshape(1, 1, 4, 4)
    >>> cut_grid(images, TileGrid(4, 4, tile=2, stride=2)).shape
    torch.Size([1, 2, 2, 1, 2, 2])

    `images` is (N, C, H, W) with the grid's height and width. Returns (N, rows, columns, C, tile, tile): a
    view without copies for an aligned grid, a gather of such views for a covering one.
    """
    if tuple(images.shape[-2:]) != (grid.height, grid.width):
        raise InputError(
            f"images are {images.shape[-2]}×{images.shape[-1]} but the grid is for {grid.height}×{grid.width}"
        )
    windows = images.unfold(2, grid.tile, 1).unfold(3, grid.tile, 1)
    rows = _every(windows, 2, grid.tops)
    return _every(rows, 3, grid.lefts).permute(0, 2, 3, 1, 4, 5)


def _sides(tile: int | tuple[int, int]) -> tuple[int, int]:
    return (tile, tile) if isinstance(tile, int) else tile


def _every(windows: Tensor, dim: int, starts: tuple[int, ...]) -> Tensor:
    step = starts[1] - starts[0] if len(starts) > 1 else 1
    if starts == tuple(range(0, starts[-1] + 1, step)):
        slices = [slice(None)] * windows.ndim
        slices[dim] = slice(0, starts[-1] + 1, step)
        return windows[tuple(slices)]
    return windows.index_select(dim, torch.tensor(starts, device=windows.device))
