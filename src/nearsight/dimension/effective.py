"""How many independent tiles the overlapping tiles of an image are worth."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.dimension.search import piece_rows
from nearsight.dimension.spaces import Space, vectors
from nearsight.statistics import Estimate, absent, column_estimate

# Less than one level in one pixel of one tile makes.
_NO_SPREAD = 1e-9


def tile_correlation(pairs: Tensor, space: Space, *, seed: int = 0) -> Estimate:
    """Return the correlation of two tiles of one image at random positions, with its interval over images.

    >>> import torch
    >>> alike = torch.arange(0, 240, dtype=torch.uint8).reshape(20, 1, 12).expand(20, 2, 12)
    >>> tile_correlation(alike, "raw").value
    1.0

    `pairs` is uint8 (images, 2, dimension): two different tiles of each image. It is the intraclass correlation
    of one-way analysis of variance (Fisher, 1925; Shrout and Fleiss, Psychol. Bull. 86, 1979), with squares
    summed over a tile's values: the covariance of two tiles of one image over the variance of a tile. Tiles are
    treated as points: sharing pixels, but at other places in the tile, does not make them alike.
    """
    images = len(pairs)
    if images < 2:
        return absent("one image has no spread between images")
    rows = piece_rows(pairs[0])
    pieces = [pairs[start : start + rows] for start in range(0, images, rows)]
    centre = sum(_two(piece, space).sum((0, 1)) for piece in pieces) / (2 * images)
    between = np.concatenate(
        [(_two(piece, space).mean(1) - centre).square().sum(1).numpy() for piece in pieces]
    )
    within = np.concatenate(
        [_two(piece, space).diff(dim=1).square().sum((1, 2)).numpy() / 2 for piece in pieces]
    )
    if between.sum() + within.sum() < _NO_SPREAD:
        return absent("all tiles are alike, so no correlation is defined")

    def correlation(means: NDArray[np.float64]) -> NDArray[np.float64]:
        of_means, of_tiles = 2 * means[:, 0] * images / (images - 1), means[:, 1]
        return (of_means - of_tiles) / np.maximum(of_means + of_tiles, np.finfo(float).tiny)

    return column_estimate(np.stack([between, within], 1), correlation, seed=seed)


def effective_tiles(positions: NDArray[np.int64], correlation: Estimate) -> Estimate:
    """Return how many independent tiles all tiles of some images are worth.

    >>> effective_tiles(np.array([4, 4]), Estimate(1.0, 1.0, 1.0)).value
    2.0
    >>> effective_tiles(np.array([5]), Estimate(0.25, 0.0, 0.5)).low
    1.6666666666666667

    The mean of an image's n tiles, correlated by r, varies like that of n / (1 + (n − 1) r) independent ones (the
    design effect: Kish, Survey Sampling, 1965). This is summed over images, which are independent. A correlation
    below zero counts as zero: the result is at most the number of all tiles. `positions` is n for each image;
    images with one tile each are worth their number, whatever the correlation.
    """
    if positions.max() == 1:
        exact = float(len(positions))
        return Estimate(exact, exact, exact, len(positions))
    if correlation.value is None or correlation.low is None or correlation.high is None:
        return absent(correlation.reason or "")
    value, low, high = (
        float((positions / (1 + (positions - 1) * max(0.0, r))).sum())
        for r in (correlation.value, correlation.high, correlation.low)
    )
    return Estimate(value, low, high, correlation.n)


def _two(pairs: Tensor, space: Space) -> Tensor:
    return vectors(pairs.flatten(0, 1), space).reshape(pairs.shape).double()
