"""The two spaces in which tiles are compared: their pixels, and pixels without brightness and contrast."""

from math import sqrt
from typing import Literal, get_args

import torch
from torch import Tensor

from nearsight.errors import unknown_name

Space = Literal["raw", "normalised"]

# Added to a tile's variance, in squared levels of 0 to 255: noise of a flat tile is not blown up.
CONTRAST_FLOOR = 10.0


def vectors(tiles: Tensor, space: Space) -> Tensor:
    """Return tiles as the vectors between which distances are taken.

    >>> tiles = torch.tensor([[200, 200, 200, 200], [90, 110, 90, 110]], dtype=torch.uint8)
    >>> vectors(tiles, "normalised").norm(dim=1)
    tensor([2., 2.])

    `tiles` is uint8 of shape (tiles, dimension); the result is float32 of the same shape. `raw` are pixels
    from 0 to 1, less one half, which changes no distance. `normalised` takes from each tile its own mean and
    divides by the root of its own variance plus 10, on the scale of 0 to 255 (Coates, Lee and Ng, AISTATS 2011).
    The root of 10 is then added before the division, at right angles to what is left of the tile: all vectors have
    the length of the root of the dimension. Without it flat tiles would come to lie at the origin, and be the nearest
    neighbours of tiles that they have nothing in common with.
    """
    if space not in get_args(Space):
        raise unknown_name("space", space, get_args(Space))
    levels = tiles.to(torch.float32)
    if space == "raw":
        return levels / 255 - 0.5
    # The mean of equal levels may miss them by a rounding; all flat tiles must come out the same.
    centred = levels - levels[:, :1]
    centred = centred - centred.mean(1, keepdim=True)
    scale = (centred.square().mean(1, keepdim=True) + CONTRAST_FLOOR).sqrt()
    return (centred + sqrt(CONTRAST_FLOOR)) / scale


def distinct(tiles: Tensor, space: Space) -> Tensor:
    """Return tiles without those that another is the same as in that space, uint8.

    >>> tiles = torch.tensor([[1, 2], [1, 2], [5, 6]], dtype=torch.uint8)
    >>> len(distinct(tiles, "raw")), len(distinct(tiles, "normalised"))
    (2, 1)

    Tiles that differ by brightness alone are one tile when normalised.
    """
    keys = tiles if space == "raw" else tiles - tiles.amin(1, keepdim=True)
    _, group = torch.unique(keys, dim=0, return_inverse=True)
    first = torch.full((int(group.max()) + 1,), len(tiles), dtype=torch.int64)
    first.scatter_reduce_(0, group, torch.arange(len(tiles)), "amin")
    return tiles[first.sort().values]
