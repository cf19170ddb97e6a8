"""The two spaces in which tiles are compared: their pixels, and pixels without brightness and contrast."""

from math import sqrt
from typing import Literal, get_args

import torch
from torch import Tensor

from nearsight.errors import unknown_name

Space = Literal["raw", "normalised"]

# Added to a tile's variance, in squared levels of 0 to 255, so that the noise of a flat tile is not amplified.
CONTRAST_FLOOR = 10.0


def vectors(tiles: Tensor, space: Space) -> Tensor:
    """Return tiles as the vectors between which distances are measured.

    >>> tiles = torch.tensor([[200, 200, 200, 200], [90, 110, 90, 110]], dtype=torch.uint8)
    >>> vectors(tiles, "normalised").norm(dim=1)
    tensor([2., 2.])

    `tiles` is uint8 of shape (tiles, dimension); the result is float32 of the same shape. `raw` are pixels from 0
    to 1, minus one half, which changes no distance. `normalised` subtracts each tile's own mean and divides by
    the root of its own variance plus 10, on the scale of 0 to 255 (Coates, Lee and Ng, AISTATS 2011). Before the
    division, the root of 10 is added at right angles to the rest of the tile, so that all vectors have the length
    of the root of the dimension. Otherwise flat tiles would lie at the origin, and be the nearest neighbours of
    tiles with which they have nothing in common.
    """
    if space not in get_args(Space):
        raise unknown_name("space", space, get_args(Space))
    levels = tiles.to(torch.float32)
    if space == "raw":
        return levels / 255 - 0.5
    # The mean of equal levels may differ from them by rounding; all flat tiles must give the same.
    centred = levels - levels[:, :1]
    centred = centred - centred.mean(1, keepdim=True)
    scale = (centred.square().mean(1, keepdim=True) + CONTRAST_FLOOR).sqrt()
    return (centred + sqrt(CONTRAST_FLOOR)) / scale


def distinct(tiles: Tensor, space: Space) -> Tensor:
    """Return tiles without those that equal another in that space, uint8.

    >>> tiles = torch.tensor([[1, 2], [1, 2], [5, 6]], dtype=torch.uint8)
    >>> len(distinct(tiles, "raw")), len(distinct(tiles, "normalised"))
    (2, 1)

    Tiles that differ only in brightness are one tile when normalised.
    """
    keys = tiles if space == "raw" else tiles - tiles.amin(1, keepdim=True)
    _, group = torch.unique(keys, dim=0, return_inverse=True)
    first = torch.full((int(group.max()) + 1,), len(tiles), dtype=torch.int64)
    first.scatter_reduce_(0, group, torch.arange(len(tiles)), "amin")
    return tiles[first.sort().values]
