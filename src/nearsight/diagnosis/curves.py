"""What becomes of a prediction when pixels or tiles of an image are replaced, in an order that a map gives."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.tiles import TileGrid

POINTS = 21

Score = Callable[[Tensor], Tensor]
"""Takes images (B, 3, H, W), returns their logits (B, classes)."""


def pixel_order(values: Tensor, generator: torch.Generator) -> Tensor:
    """Return the pixels of a map, largest value first, int64 (H × W,); equal ones in random order.

    >>> pixel_order(torch.tensor([[1.0, 3.0], [2.0, 0.0]]), torch.Generator()).tolist()
    [1, 2, 0, 3]

    In their own order, equal pixels would be taken row by row, which is an order that no map gave.
    """
    flat = values.flatten()
    shuffled = torch.randperm(len(flat), generator=generator)
    return shuffled[flat[shuffled].argsort(descending=True, stable=True)]


def steps(image: Tensor, order: Tensor, *, keep: bool, points: int = POINTS) -> Tensor:
    """Return an image in which more and more pixels are replaced by its mean colour, (points, 3, H, W).

    >>> image = torch.tensor([[[0.0, 4.0]]])
    >>> steps(image, torch.tensor([1, 0]), keep=False, points=3).flatten().tolist()
    [0.0, 4.0, 0.0, 2.0, 2.0, 2.0]
    >>> steps(image, torch.tensor([1, 0]), keep=True, points=3).flatten().tolist()
    [2.0, 2.0, 2.0, 4.0, 0.0, 4.0]

    The first 0, …, all pixels of `order`, in equal steps, are replaced; with `keep` they are the ones that are
    kept, and the others are replaced.
    """
    pixels = len(order)
    rank = torch.empty(pixels, dtype=torch.long)
    rank[order] = torch.arange(pixels)
    counts = torch.linspace(0, pixels, points).round()[:, None]
    chosen = (rank[None] < counts).view(points, 1, *image.shape[1:]).to(image.device)
    mean = image.mean((1, 2), keepdim=True)
    return torch.where(chosen == keep, image, mean)


def area(values: NDArray[np.float64]) -> float:
    """Return the area under a curve whose points are equally far apart from 0 to 1, by trapezoids.

    >>> area(np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float(np.trapezoid(values, dx=1 / (len(values) - 1)))


def curve(score: Score, image: Tensor, prediction: int, order: Tensor, *, keep: bool) -> NDArray[np.float64]:
    """Return the probability of the predicted class at each of the `steps`, float64 (points,)."""
    return score(steps(image, order, keep=keep)).double().softmax(1)[:, prediction].cpu().numpy()


def without_tiles(image: Tensor, grid: TileGrid) -> Tensor:
    """Return an image once for each tile of a grid, that tile replaced by its mean colour, (tiles, 3, H, W).

    >>> without_tiles(torch.tensor([[[0.0, 4.0]]]), TileGrid(1, 2, tile=1, stride=1)).flatten().tolist()
    [2.0, 4.0, 0.0, 2.0]
    """
    mean = image.mean((1, 2), keepdim=True)
    changed = image.repeat(len(grid), 1, 1, 1)
    corners = [(top, left) for top in grid.tops for left in grid.lefts]
    for number, (top, left) in enumerate(corners):
        changed[number, :, top : top + grid.tile, left : left + grid.tile] = mean
    return changed


def tile_drops(score: Score, image: Tensor, prediction: int, grid: TileGrid) -> NDArray[np.float64]:
    """Return how much the predicted class's log-probability falls without each tile, float64 (tiles,)."""
    logits = score(torch.cat([image[None], without_tiles(image, grid)])).double().log_softmax(1)
    found: NDArray[np.float64] = (logits[0] - logits[1:])[:, prediction].cpu().numpy()
    return found


def tile_means(values: Tensor, grid: TileGrid) -> NDArray[np.float64]:
    """Return the mean of a map (H, W) in each tile of a grid, row-major, float64 (tiles,).

    >>> tile_means(torch.tensor([[0.0, 4.0, 2.0]]), TileGrid(1, 3, tile=1, stride=2)).tolist()
    [0.0, 2.0]
    """
    windows = values.double().unfold(0, grid.tile, 1).unfold(1, grid.tile, 1).mean((2, 3))
    chosen: NDArray[np.float64] = windows[list(grid.tops)][:, list(grid.lefts)].flatten().numpy()
    return chosen


def rank_correlation(one: Sequence[float] | NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return Spearman's rank correlation; NaN where either side is the same throughout.

    >>> rank_correlation([1.0, 2.0, 3.0], np.array([0.1, 0.2, 0.9]))
    1.0
    """
    from scipy.stats import spearmanr

    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(spearmanr(one, other).statistic)
