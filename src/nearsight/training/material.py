"""What a run is trained on where that is not the set's images just as they are."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet


@dataclass(frozen=True, eq=False)
class SilentTiles:
    """Tiles that are to say nothing: for each image, which places of a grid of corners they begin at.

    >>> silent = SilentTiles((np.array([[True, False]]),), stride=4)
    >>> silent.at(0, torch.tensor([0, 0, 0]), torch.tensor([1, 3, 9])).tolist()
    [True, False, False]

    `corners[i]` is bool (rows, columns) of image i as the network takes it, `stride` the pixels between two of its
    places. A tile belongs to the place whose corner is nearest to its own.
    """

    corners: tuple[NDArray[np.bool_], ...]
    stride: int

    def at(self, i: int, tops: Tensor, lefts: Tensor) -> Tensor:
        """Return which tiles of image i are silent, bool, by their corners in pixels, int64 of one shape."""
        grid = torch.from_numpy(self.corners[i])
        rows = ((tops + self.stride // 2) // self.stride).clamp_max(grid.shape[0] - 1)
        columns = ((lefts + self.stride // 2) // self.stride).clamp_max(grid.shape[1] - 1)
        return grid[rows, columns]


@dataclass(frozen=True, eq=False)
class Material:
    """What a run is trained on in place of its set's own training images.

    `images` are what is seen: the set's own, edited, left out or given more than once; the run still lists its set.
    Of `silent` tiles the target is all classes alike, so that they learn to say nothing. `groups` is the group of
    each of `images`, int64 (n,): with it the loss is that of the worst group (group DRO: Sagawa, Koh, Hashimoto
    and Liang, ICLR 2020).
    """

    images: ImageSet
    silent: SilentTiles | None = None
    groups: NDArray[np.int64] | None = None
