"""Sharpness, noise and single wrong pixels."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d

from nearsight.diagnosis.attributes.percentiles import percentiles

Plane = NDArray[np.float32]

_BINOMIAL = np.array([0.25, 0.5, 0.25], dtype=np.float32)
_BINOMIAL_WIDE = np.array([0.25, 0, 0.5, 0, 0.25], dtype=np.float32)
# Grey levels; smaller differences are rounding.
_ROUNDING = 0.25
CELL = 8
# The calmest of a picture's cells show its noise rather than what it depicts.
CALM = 0.2
# Mean absolute value of a normally distributed number, as a share of its standard deviation.
_MEAN_ABSOLUTE = 0.7979
# By how much a pixel must differ from all its neighbours to be a speck.
SPECK = 40


def detail_measures(luma: Plane, chroma: Plane) -> dict[str, float]:
    """Return how sharp and how noisy a picture is.

    >>> generator = np.random.default_rng(0)
    >>> noisy = generator.normal(128, 10, (64, 64)).astype(np.float32)
    >>> round(detail_measures(noisy, noisy[None])["noise"])
    9

    `luma` is float32 (H, W) and `chroma` float32 (planes, H, W), differences of channels, in grey levels.
    "sharpness" is the detail at one pixel relative to that at two (log2). "upright detail" is detail across
    relative to detail down (log2). "noise" and "colour noise" are the standard deviation of diagonal differences
    in the calmest fifth of the picture's 8×8 cells, a lower bound of the true noise. "specks" is the share of
    pixels, in per cent, that differ by at least 40 levels from all eight neighbours.
    """
    smooth = _blurred(luma, _BINOMIAL)
    fine = np.abs(luma - smooth).mean()
    coarse = np.abs(smooth - _blurred(smooth, _BINOMIAL_WIDE)).mean()
    across = np.abs(luma[:, :-2] - 2 * luma[:, 1:-1] + luma[:, 2:]).mean()
    down = np.abs(luma[:-2] - 2 * luma[1:-1] + luma[2:]).mean()
    return {
        "sharpness": float(np.log2((fine + _ROUNDING) / (coarse + _ROUNDING))),
        "upright detail": float(np.log2((across + _ROUNDING) / (down + _ROUNDING))),
        "noise": _noise(luma),
        "colour noise": max(_noise(plane) for plane in chroma) / 2**0.5,
        "specks": _specks(luma),
    }


def _blurred(plane: Plane, weights: Plane) -> Plane:
    return np.asarray(convolve1d(convolve1d(plane, weights, 0), weights, 1), dtype=np.float32)


def _noise(plane: Plane) -> float:
    diagonal = np.abs(plane[:-1, :-1] - plane[:-1, 1:] - plane[1:, :-1] + plane[1:, 1:]) / 2
    rows, columns = max(1, diagonal.shape[0] // CELL), max(1, diagonal.shape[1] // CELL)
    high, wide = min(CELL, diagonal.shape[0]), min(CELL, diagonal.shape[1])
    cells = diagonal[: rows * high, : columns * wide].reshape(rows, high, columns, wide).mean((1, 3))
    return float(percentiles(cells.ravel(), (100 * CALM,))[0] / _MEAN_ABSOLUTE)


def _specks(luma: Plane) -> float:
    height, width = luma.shape
    centre = luma[1:-1, 1:-1]
    around = [
        luma[1 + down : height - 1 + down, 1 + right : width - 1 + right]
        for down in (-1, 0, 1)
        for right in (-1, 0, 1)
        if down or right
    ]
    high, low = around[0].copy(), around[0].copy()
    for plane in around[1:]:
        np.maximum(high, plane, out=high)
        np.minimum(low, plane, out=low)
    return float(100 * ((centre - high >= SPECK) | (low - centre >= SPECK)).mean())
