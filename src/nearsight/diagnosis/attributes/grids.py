"""How strongly a picture shows square cells: the blocks of JPEG, and enlarged pixels."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

Plane = NDArray[np.float32]

BLOCK = 8
# A coefficient smaller than this, in grey levels, is what rounding to whole values leaves of zero.
_ROUNDING = 1.5
# Added to counts and to differences, so that a flat picture shows no blocks rather than arbitrary ones.
_COUNTS = 16.0
_STEP = 0.1
CELLS = (2, 3, 4, 5, 6, 8)


def grid_measures(luma: Plane) -> dict[str, float]:
    """Return how strongly a picture shows JPEG's blocks and enlarged pixels.

    >>> plain = np.random.default_rng(0).normal(128, 20, (32, 32)).astype(np.float32)
    >>> large = np.repeat(np.repeat(plain[:8, :8], 4, 0), 4, 1)
    >>> grid_measures(large)["pixelation"] > 5 > 1 > grid_measures(plain)["pixelation"]
    True

    `luma` is float32 (H, W), from 0 to 255, whose first pixel begins a block. "blocks" is how many times (log2)
    more coefficients of the 8×8 cosine transform vanish on the grid than on one moved by half a block. "block
    edges" and "moved blocks" are how many times (log2) larger steps are at the blocks' edges than inside, on
    JPEG's own grid and on the strongest of the others (if a picture was cropped after it was compressed).
    "pixelation" is the same for the strongest grid of cells of 2 to 8 pixels, in the weaker of the two
    directions.
    """
    across, down = _steps(luma), _steps(luma.T)
    grids = [_edges(across, BLOCK), _edges(down, BLOCK)]
    changes = [np.abs(np.diff(plane, axis=1)).mean(0) for plane in (luma, luma.T)]
    return {
        "blocks": _vanishing(luma),
        "block edges": float(min(grid[BLOCK - 1] for grid in grids)),
        "moved blocks": float(min(grid[: BLOCK - 1].max() for grid in grids)),
        "pixelation": max(min(float(_edges(change, cell).max()) for change in changes) for cell in CELLS),
    }


def _vanishing(luma: Plane) -> float:
    height, width = (side // BLOCK * BLOCK for side in luma.shape)
    half = BLOCK // 2
    if min(height, width) < 2 * BLOCK:
        return 0.0
    # The same number of blocks for both grids, of the same region except for the margin.
    aligned = _present(luma[: height - BLOCK, : width - BLOCK])
    moved = _present(luma[half : height - half, half : width - half])
    return float(np.log2((moved + _COUNTS) / (aligned + _COUNTS)))


def _present(luma: Plane) -> float:
    """Count the coefficients that are more than rounding, without the mean of each block."""
    rows, columns = luma.shape[0] // BLOCK, luma.shape[1] // BLOCK
    blocks = luma.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    found = np.abs(scipy.fft.dctn(blocks, axes=(2, 3), norm="ortho")) > _ROUNDING
    return float(found.sum() - found[:, :, 0, 0].sum())


def _steps(luma: Plane) -> Plane:
    """Return the mean step between columns x and x + 1 that a smooth change does not explain, (W − 1,)."""
    third = np.abs(luma[:, :-3] - 3 * luma[:, 1:-2] + 3 * luma[:, 2:-1] - luma[:, 3:])
    # A strong edge in the picture counts no more than a visible step.
    mean = np.minimum(third, 48).mean(0)
    return np.pad(mean, 1, mode="edge")


def _edges(steps: Plane, cell: int) -> Plane:
    """Return for each phase of a grid how many times (log2) larger the steps on it are than those off it, (cell,)."""
    whole = steps[: len(steps) // cell * cell]
    if len(whole) < 2 * cell:
        return np.zeros(cell, dtype=np.float32)
    phase = whole.reshape(-1, cell).mean(0)
    others = (phase.sum() - phase) / (cell - 1)
    return np.asarray(np.log2((phase + _STEP) / (others + _STEP)), dtype=np.float32)
