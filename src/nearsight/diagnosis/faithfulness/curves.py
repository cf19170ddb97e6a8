"""What happens to a prediction when pixels or tiles of an image are replaced, in an order that a map gives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from nearsight.tiles import TileGrid

POINTS = 21

# In a larger map, squares of pixels are ordered instead of single pixels, this many in all.
MOST_ORDERED = 2**20
MOST_DROPS = 256

Score = Callable[[Iterable[Tensor]], Tensor]
"""Takes a stream of images (3, H, W), of which it holds a bounded part, and returns their logits (N, classes)."""


def pixel_order(values: Tensor, generator: torch.Generator) -> Tensor:
    """Return the pixels of a map, largest value first, int64 (H × W,); equal ones in random order.

    >>> pixel_order(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), torch.Generator()).tolist()
    [1, 2, 0, 3]

    In their own order, equal pixels would be replaced row by row, an order that no map gave.
    """
    flat = values.flatten()
    shuffled = torch.randperm(len(flat), generator=generator)
    return shuffled[flat[shuffled].argsort(descending=True, stable=True)]


def steps(image: Tensor, order: Tensor, *, keep: bool, points: int = POINTS) -> Iterator[Tensor]:
    """Yield an image with more and more of its pixels replaced by its mean colour, `points` times (3, H, W).

    >>> image = torch.tensor([[[0.0, 4.0]]])
    >>> [changed.flatten().tolist() for changed in steps(image, torch.tensor([1, 0]), keep=False, points=3)]
    [[0.0, 4.0], [0.0, 2.0], [2.0, 2.0]]
    >>> [changed.flatten().tolist() for changed in steps(image, torch.tensor([1, 0]), keep=True, points=3)]
    [[2.0, 2.0], [2.0, 4.0], [0.0, 4.0]]

    The first 0, …, all of `order`, in equal steps, are replaced. With `keep` they are kept, and the others are
    replaced. `order` numbers the pixels, or the squares of a `square_side`.
    """
    height, width = image.shape[1:]
    side = square_side(height, width)
    rows, columns = -(-height // side), -(-width // side)
    rank = torch.empty(len(order), dtype=torch.int32)
    rank[order] = torch.arange(len(order), dtype=torch.int32)
    rank = rank.view(rows, columns)
    mean = image.mean((1, 2), keepdim=True)
    for count in torch.linspace(0, len(order), points).round():
        chosen = (rank < count).to(image.device)
        if side > 1:
            chosen = chosen.repeat_interleave(side, 0).repeat_interleave(side, 1)[:height, :width]
        yield torch.where(chosen == keep, image, mean)


def square_side(height: int, width: int) -> int:
    """Return the side of the squares of pixels that are replaced together: 1 up to a megapixel.

    >>> square_side(1024, 1024), square_side(1080, 1920)
    (1, 2)
    """
    side = 1
    while -(-height // side) * -(-width // side) > MOST_ORDERED:
        side += 1
    return side


def squares(values: Tensor, side: int) -> Tensor:
    """Return the means of a map (H, W) over squares of a given side; those at the far edges are smaller.

    >>> squares(torch.tensor([[1.0, 3.0, 7.0]]), 2).tolist()
    [[2.0, 7.0]]
    """
    return F.avg_pool2d(values[None, None], side, ceil_mode=True, count_include_pad=False)[0, 0]


def area(values: NDArray[np.float64]) -> float:
    """Return the area under a curve whose points are equally far apart from 0 to 1, by trapezoids.

    >>> area(np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float(np.trapezoid(values, dx=1 / (len(values) - 1)))


def curve(score: Score, image: Tensor, prediction: int, order: Tensor, *, keep: bool) -> NDArray[np.float64]:
    """Return the probability of the predicted class at each of the `steps`, float64 (points,)."""
    return score(steps(image, order, keep=keep)).double().softmax(1)[:, prediction].cpu().numpy()


def drop_grid(height: int, width: int, tile: int) -> TileGrid:
    """Return the tiles that are removed one by one: half overlapping, or further apart if that would be over 256.

    >>> drop_grid(32, 32, tile=16).stride, drop_grid(1080, 1920, tile=16).stride
    (8, 104)
    """
    stride = max(1, tile // 2)
    while len(grid := TileGrid(height, width, tile, stride, "covering")) > MOST_DROPS:
        stride += max(1, tile // 2)
    return grid


def without_tiles(image: Tensor, grid: TileGrid) -> Iterator[Tensor]:
    """Yield an image once for each tile of a grid, that tile replaced by the image's mean colour, (3, H, W).

    >>> [some.tolist() for some in without_tiles(torch.tensor([[[0.0, 4.0]]]), TileGrid(1, 2, tile=1, stride=1))]
    [[[[2.0, 4.0]]], [[[0.0, 2.0]]]]
    """
    mean = image.mean((1, 2), keepdim=True)
    for top in grid.tops:
        for left in grid.lefts:
            changed = image.clone()
            changed[:, top : top + grid.tile, left : left + grid.tile] = mean
            yield changed


def tile_drops(score: Score, image: Tensor, prediction: int, grid: TileGrid) -> NDArray[np.float64]:
    """Return by how much the predicted class's log-probability falls without each tile, float64 (tiles,)."""
    logits = score(chain([image], without_tiles(image, grid))).double().log_softmax(1)
    found: NDArray[np.float64] = (logits[0] - logits[1:])[:, prediction].cpu().numpy()
    return found


def tile_means(values: Tensor, grid: TileGrid) -> NDArray[np.float64]:
    """Return the mean of a map (H, W) in each tile of a grid, row-major, float64 (tiles,).

    >>> tile_means(torch.tensor([[0.0, 4.0, 2.0]]), TileGrid(1, 3, tile=1, stride=2)).tolist()
    [0.0, 2.0]
    """
    lefts = list(grid.lefts)
    # One row of tiles at a time, so that equal tiles have equal means; sums over the whole image would not give
    # that.
    sums = [
        values[top : top + grid.tile].double().sum(0).unfold(0, grid.tile, 1)[lefts].sum(1)
        for top in grid.tops
    ]
    means: NDArray[np.float64] = (torch.cat(sums) / grid.tile**2).numpy()
    return means


def rank_correlation(one: Sequence[float] | NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; NaN if all values on either side are equal.

    >>> rank_correlation([1.0, 2.0, 3.0], np.array([0.1, 0.2, 0.9]))
    1.0
    """
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
