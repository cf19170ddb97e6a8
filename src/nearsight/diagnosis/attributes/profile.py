"""What a forest sees of a picture: its tones, colours, edges, places and frequencies, as numbers without names."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label, uniform_filter
from torch import Tensor

from nearsight.diagnosis.attributes.percentiles import percentiles
from nearsight.diagnosis.attributes.spectrum import windowed_power

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]

# Larger pictures are reduced to this many pixels per side.
SIDE = 128
# Smaller pictures have no profile.
SMALLEST = 16
# Cells per side of the coarse grid, and the number of lines along each edge whose steps are compared.
CELLS, LINES = 4, 5
# Depths of the strips along the edges, as shares of the shorter side.
DEEP = (1 / 32, 1 / 10)
# Cycles per pixel between which power is summed, in four directions.
BANDS = (0.03, 0.08, 0.15, 0.25, 0.35, 0.5, 0.75)
DIRECTIONS = 4
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
# Grey levels that are added before taking a ratio, and power that is added before a logarithm.
_STEP, _POWER = 8.0, 0.1
# The middle ends at the first distance from the centre, and its surroundings begin at the second; a side is at 1.
MIDDLE, AROUND = 0.6, 0.8
# The grey levels by which thin things stand out.
STANDS_OUT = (12, 24)
# Pixels that touch, also at a corner, are one thing.
_TOUCHING = np.ones((3, 3))
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def profile(image: Tensor) -> Values:
    """Return some 310 numbers about a picture, for which there is no single word, float32.

    >>> import torch
    >>> plain = profile(torch.full((3, 32, 32), 90, dtype=torch.uint8))
    >>> float(plain[0]), len(plain) == len(profile(torch.zeros(3, 40, 60, dtype=torch.uint8)))
    (90.0, True)

    `image` is uint8 (3, H, W) as decoded. The numbers are: percentiles of channels, of differences of channels
    and of saturation; colour and spread of strips along the four edges; steps between the lines nearest to the
    edges; colour, spread and detail of 16 cells; power in six bands of frequency and four directions; the slow
    and fast waves of the means of rows and columns; how many pixels have the most common colours; the
    lightest, darkest, calmest and busiest spots; what lies around the middle, alone and compared with it; how
    light, contrast and colour change from side to side; and how thin dark and light things stand out. All are NaN
    for a picture of less than 16 pixels in height or width.
    """
    pixels = np.ascontiguousarray(image.numpy())
    small = min(pixels.shape[1:]) < SMALLEST
    if small:
        pixels = np.zeros((3, SMALLEST, SMALLEST), dtype=np.uint8)
    coarse = _coarse(pixels)
    channels, luma = coarse_channels(pixels)
    parts = (
        _shares(channels),
        *_edges(pixels),
        _steps(luma),
        _cells(channels, luma),
        _bands(luma),
        *(_waves(luma.mean(axis)) for axis in (0, 1)),
        _commonest(coarse),
        _spots(luma),
        _around(channels, luma),
        _slopes(channels, luma),
        _thin(luma),
    )
    found = np.concatenate(parts).astype(np.float32)
    return np.full_like(found, np.nan) if small else found


def coarse_channels(pixels: Pixels) -> tuple[Plane, Plane]:
    """Return a picture on a coarser grid, of at most 128 pixels a side unless it is long and narrow, and its luma.

    `pixels` is uint8 (3, H, W); the channels are float32 (3, h, w) and luma is float32 (h, w), from 0 to 255.
    """
    channels = _coarse(pixels).astype(np.float32)
    return channels, np.asarray(np.tensordot(_LUMA, channels, 1), dtype=np.float32)


def _coarse(pixels: Pixels) -> Pixels:
    stride = max(1, min(-(-max(pixels.shape[1:]) // SIDE), min(pixels.shape[1:]) // SMALLEST))
    return np.ascontiguousarray(pixels[:, ::stride, ::stride])


def profile_all(images: Iterable[Tensor]) -> Values:
    """Return the profile of each image, float32 (n, numbers)."""
    return np.stack([profile(image) for image in images])


def _shares(channels: Plane) -> Plane:
    most, least = channels.max(0), channels.min(0)
    planes = (
        *channels,
        channels[0] - channels[1],
        channels[2] - channels[1],
        most - least,
        (most - least) / (most + _STEP),
    )
    ordered = np.sort(np.stack(planes).reshape(len(planes), -1), axis=1)
    places = (np.array(SHARES) * (ordered.shape[1] - 1)).round().astype(np.int64)
    return np.asarray(ordered[:, places].ravel(), dtype=np.float32)


def _edges(pixels: Pixels) -> list[Plane]:
    found = []
    shorter = min(pixels.shape[1:])
    for share in DEEP:
        deep = max(1, round(shorter * share))
        for strip in (pixels[:, :deep], pixels[:, -deep:], pixels[:, :, :deep], pixels[:, :, -deep:]):
            values = strip.reshape(3, -1).astype(np.float32)
            mean = values.mean(1)
            away = np.abs(values - mean[:, None])
            found.append(np.r_[mean, away.mean(1).max(), away.max()])
    return found


def _steps(luma: Plane) -> Plane:
    down, across = (np.abs(np.diff(luma, axis=axis)).mean(1 - axis) for axis in (0, 1))
    usual = (down.mean() + across.mean()) / 2 + 1
    lines = np.concatenate([down[:LINES], down[-LINES:], across[:LINES], across[-LINES:]])
    return np.asarray(lines / usual, dtype=np.float32)


def _cells(channels: Plane, luma: Plane) -> Plane:
    rows, columns = (np.linspace(0, side, CELLS + 1).astype(np.int64) for side in luma.shape)
    detail = np.abs(np.diff(luma, axis=0, append=luma[-1:])) + np.abs(
        np.diff(luma, axis=1, append=luma[:, -1:])
    )
    planes = np.concatenate([channels, (luma**2)[None], luma[None], detail[None]])
    sums = np.add.reduceat(np.add.reduceat(planes, rows[:-1], axis=1), columns[:-1], axis=2)
    means = sums / (np.diff(rows)[:, None] * np.diff(columns))
    spread = np.sqrt(np.maximum(means[3] - means[4] ** 2, 0))
    return np.concatenate([means[:3].ravel(), spread.ravel(), means[5].ravel()])


def _bands(luma: Plane) -> Plane:
    power = windowed_power(luma)
    where, counts = _band_of(*luma.shape)
    sums = np.bincount(where, power.ravel(), minlength=len(counts))
    found = np.log2(sums / np.maximum(counts, 1) + _POWER)[:-1]
    return np.concatenate([found, found - found.mean()])


@lru_cache(maxsize=8)
def _band_of(height: int, width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the band of each frequency of a picture (the last: none), and how many frequencies each band has."""
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    radius = np.searchsorted(BANDS, np.hypot(down, across), side="right") - 1
    turn = np.floor((np.arctan2(down, across + 1e-9) / np.pi + 0.5 / DIRECTIONS) * DIRECTIONS) % DIRECTIONS
    bands = len(BANDS) - 1
    inside = (radius >= 0) & (radius < bands)
    where = np.where(inside, radius * DIRECTIONS + turn, bands * DIRECTIONS).astype(np.int64).ravel()
    return where, np.bincount(where, minlength=bands * DIRECTIONS + 1)


def _waves(means: Plane) -> Plane:
    window = np.hanning(len(means) + 2)[1:-1]
    found = np.abs(np.fft.rfft((means - means.mean()) * window))[1:]
    fast = [part.mean() for part in np.array_split(found[4:], 4)]
    return np.asarray(np.log2(np.r_[found[:4], fast] + 0.5), dtype=np.float32)


def _commonest(pixels: Pixels) -> Plane:
    red, green, blue = pixels.astype(np.int64)
    _, counts = np.unique((red << 16) | (green << 8) | blue, return_counts=True)
    first = np.sort(counts)[::-1][:3]
    shares = np.log2(np.pad(first, (0, 3 - len(first)), constant_values=1) / red.size)
    return np.asarray(np.r_[shares, len(counts) / red.size], dtype=np.float32)


def _spots(luma: Plane) -> Plane:
    smooth = uniform_filter(luma, max(3, luma.shape[0] // 8))
    spread = np.sqrt(np.maximum(uniform_filter(luma**2, 5) - uniform_filter(luma, 5) ** 2, 0))
    ends = np.array([smooth.max(), smooth.min()])
    found = np.concatenate([ends - luma.mean(), ends, percentiles(spread.ravel(), (1, 25, 75, 99))])
    return np.asarray(found, dtype=np.float32)


def _around(channels: Plane, luma: Plane) -> Plane:
    """Return light, contrast, detail and colour around the middle, alone and compared with the middle."""
    finest = np.abs(luma - uniform_filter(luma, 3))
    planes = np.stack([*channels, luma, luma**2, finest, channels.max(0) - channels.min(0)])
    inner, outer = (planes.reshape(len(planes), -1) @ _parts(*luma.shape)).T

    def of_part(means: Plane) -> Plane:
        red, green, blue, light, square, fine, colour = means
        spread = max(square - light**2, 0) ** 0.5
        logs = np.log2([light + _STEP, spread + 1, fine + 1, colour + 1])
        return np.asarray([light, *logs, red - green, blue - green], dtype=np.float32)

    around = of_part(outer)
    return np.concatenate([around, around - of_part(inner)])


@lru_cache(maxsize=8)
def _parts(height: int, width: int) -> Plane:
    """Return what to multiply pixels by for their mean in the middle and around it, float32 (height * width, 2)."""
    down, across = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    distance = np.hypot(down, across).ravel()
    parts = np.stack([distance < MIDDLE, distance > AROUND], axis=1)
    return np.asarray(parts / parts.sum(0), dtype=np.float32)


def _slopes(channels: Plane, luma: Plane) -> Plane:
    """Return how light, contrast and colour (log2) rise from the top down and from left to right."""
    height, width = luma.shape
    light = np.log2(uniform_filter(luma, 3) + _STEP)
    contrast = np.log2(uniform_filter(np.abs(luma - uniform_filter(luma, 3)), 3) + 1)
    colour = np.log2(channels.max(0) - channels.min(0) + _STEP)
    planes = np.stack([light, contrast, colour])
    found = []
    for axis, side in ((2, height), (1, width)):
        along = np.linspace(-1, 1, side, dtype=np.float32)
        found.append(planes.mean(axis) @ (along / (along**2).sum()))
    return np.concatenate(found)


def _thin(luma: Plane) -> Plane:
    """Return how far thin dark things and thin light ones stand out, and how far the longest of each reaches."""
    found = []
    for away in top_hats(luma):
        found.append(percentiles(away.ravel(), (75, 95, 99)))
        for least in STANDS_OUT:
            parts, count = label(away > least, _TOUCHING)
            # The squares of whole numbers compare exactly, and take less time than a root of each.
            high, wide = max(map(_sides, find_objects(parts)), key=_square, default=(0, 0))
            longest = np.hypot(high, wide) / np.hypot(*luma.shape)
            found.append(np.array([longest, np.log2(1 + count), 10 * (parts > 0).mean()]))
    return np.concatenate(found)


def top_hats(luma: Plane) -> tuple[Plane, Plane]:
    """Return by how much dark things, and light ones, of less than three pixels stand out, float32 (H, W) each.

    >>> luma = np.full((5, 5), 90, dtype=np.float32)
    >>> luma[2] = 40
    >>> dark, light = top_hats(luma)
    >>> dark[:, 2].tolist(), light.any()
    ([0.0, 0.0, 50.0, 0.0, 0.0], np.False_)

    These are the black and the white top hat of squares of three pixels. SciPy's, for windows of any size, take three
    times as long.
    """
    least, most = _of_neighbours(np.minimum, luma), _of_neighbours(np.maximum, luma)
    return _of_neighbours(np.minimum, most) - luma, luma - _of_neighbours(np.maximum, least)


def _of_neighbours(extreme: np.ufunc, plane: Plane) -> Plane:
    """Return the least or the most of each pixel and its eight neighbours."""
    rows = plane.copy()
    extreme(rows[1:], plane[:-1], out=rows[1:])
    extreme(rows[:-1], plane[1:], out=rows[:-1])
    found = rows.copy()
    extreme(found[:, 1:], rows[:, :-1], out=found[:, 1:])
    extreme(found[:, :-1], rows[:, 1:], out=found[:, :-1])
    return found


def _sides(box: tuple[slice, slice]) -> tuple[int, int]:
    rows, columns = box
    return rows.stop - rows.start, columns.stop - columns.start


def _square(sides: tuple[int, int]) -> int:
    return sides[0] ** 2 + sides[1] ** 2
