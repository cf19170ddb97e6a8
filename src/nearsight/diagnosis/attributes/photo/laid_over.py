"""Edits that lay something over a picture: streaks, spots, rings, cells, a line, ridges, dots."""

from functools import partial

import numpy as np

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way, axes, random_for
from nearsight.diagnosis.attributes.kinds import LAID_OVER
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import by_shares
from nearsight.diagnosis.attributes.photo.sampling import places

# How opaque streaks are.
_OPAQUE = 0.6


def _toward(pixels: Pixels, level: float, share: Floats) -> Floats:
    """Move a picture to a grey level, by the share of each place, (H, W)."""
    return np.asarray(pixels + share * (np.float32(level) - pixels))


def _streaked(level: int, pixels: Pixels, number: float) -> Floats:
    """Draw short slanted streaks."""
    random, (height, width) = random_for(pixels), pixels.shape[1:]
    over, along = np.zeros((height, width), dtype=np.float32), np.arange(max(3, height // 8))
    slope = random.uniform(-0.4, 0.4)
    for top, left in random.uniform((-len(along), 0), (height, width), (int(number), 2)):
        rows, columns = np.rint([top + along, left + slope * along]).astype(int)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        over[rows[inside], columns[inside]] = _OPAQUE
    return _toward(pixels, level, over)


def _spotted(level: int, share: float, pixels: Pixels, number: float) -> Floats:
    """Draw soft round spots of several sizes."""
    random, (down, across) = random_for(pixels), places(pixels)
    height, width = down.shape
    over = np.zeros((height, width), dtype=np.float32)
    for top, left, size in random.uniform((0, 0, 0.015), (height, width, 0.05), (int(number), 3)):
        radius = max(0.6, size * min(height, width))
        over = np.maximum(over, np.exp(-((down - top) ** 2 + (across - left) ** 2) / (2 * radius**2)))
    return _toward(pixels, level, np.float32(share) * over)


def _ringed(pixels: Pixels, amplitude: float) -> Floats:
    """Lay waves around a random point over a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    away = np.hypot(down - random.uniform(-0.5, 0.5), across - random.uniform(-0.5, 0.5))
    return np.asarray(pixels + amplitude * np.cos(2 * np.pi * random.uniform(3.5, 5.5) * away))


def _chequered(cells: int, pixels: Pixels, amplitude: float) -> Floats:
    down, across = places(pixels)
    side = max(1, min(pixels.shape[1:]) // cells)
    return np.asarray(pixels + amplitude * (1 - 2 * ((down // side + across // side) % 2)))


def _lined(level: int, pixels: Pixels, share: float) -> Floats:
    """Draw one straight line across a picture, anywhere."""
    random, (down, across) = random_for(pixels), axes(pixels)
    angle, off = random.uniform(0, np.pi), random.uniform(-0.4, 0.4)
    away = (down * np.cos(angle) + across * np.sin(angle) - off) * min(pixels.shape[1:]) / 2
    return _toward(pixels, level, np.float32(share) * np.exp(-((away / 0.9) ** 2)))


def _ridged(pixels: Pixels, amplitude: float) -> Floats:
    """Lay an oval patch of curved ridges over a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    top, left = random.uniform(-0.6, 0.6, 2)
    down, across = down - top, across - left
    near = np.exp(-(((down / 0.45) ** 2 + (across / 0.32) ** 2) ** 2))
    angle = random.uniform(0, np.pi)
    curve = np.hypot(down * np.cos(angle) + across * np.sin(angle) + 0.2, 0.6 * across)
    return np.asarray(pixels + amplitude * near * np.cos(2 * np.pi * curve * min(pixels.shape[1:]) / 9))


def _printed(pixels: Pixels) -> Floats:
    """Print a picture in dots."""
    down, across = places(pixels)
    dots = np.cos(np.pi * (down + across) / 2) + np.cos(np.pi * (down - across) / 2)
    return np.asarray(np.clip(2 * (pixels.astype(np.float32) - 128) + 128 + 50 * dots, 0, 255))


_AMPLITUDES, _NUMBERS = (4, 8, 12, 18, 26, 40, 60), (4, 8, 14, 24, 40, 70)
_SHARES = (0.2, 0.35, 0.5, 0.7, 0.9)
_LIGHT, _DARK = 245, 15

OVERLAYS = (
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_streaked, level), _NUMBERS), (24,))
        for words, level in (("light streaks, as of rain", _LIGHT), ("dark streaks", _DARK))
    ),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_spotted, level, share), _NUMBERS), (24,))
        for words, share, level in (
            ("light spots, as of snow", 0.85, _LIGHT),
            ("faint light spots", 0.35, _LIGHT),
            ("dark spots, as of dust", 0.85, _DARK),
        )
    ),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_lined, level), _SHARES), (0.5,))
        for words, level in (("one light line", _LIGHT), ("one dark line", _DARK))
    ),
    Likeness(LAID_OVER, "rings", Way("rings", _ringed, _AMPLITUDES), (12, 26)),
    *(
        Likeness(
            LAID_OVER,
            f"chequered in {size} cells",
            Way(f"chequered {cells}", partial(_chequered, cells), _AMPLITUDES),
            (18,),
        )
        for size, cells in (("large", 6), ("small", 12))
    ),
    Likeness(
        LAID_OVER,
        "curved ridges, as of a fingerprint",
        Way("ridges", _ridged, _AMPLITUDES),
        (26,),
    ),
    Likeness(LAID_OVER, "printed in dots", by_shares("printed", _printed), (0.4,)),
)
