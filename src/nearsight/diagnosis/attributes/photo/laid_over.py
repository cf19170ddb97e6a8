"""Edits that lay something over a picture: streaks, spots, rings, cells, lines, ridges, dots, patches, lights."""

from functools import partial

import numpy as np

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way, axes, random_for
from nearsight.diagnosis.attributes.kinds import LAID_OVER
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import DARK, LIGHT, by_shares, toward
from nearsight.diagnosis.attributes.photo.sampling import places

# How opaque streaks are.
_OPAQUE = 0.6


def _streaked(tone: tuple[float, ...], pixels: Pixels, number: float) -> Floats:
    """Draw short slanted streaks."""
    random, (height, width) = random_for(pixels), pixels.shape[1:]
    over, along = np.zeros((height, width), dtype=np.float32), np.arange(max(3, height // 8))
    slope = random.uniform(-0.4, 0.4)
    for top, left in random.uniform((-len(along), 0), (height, width), (int(number), 2)):
        rows, columns = np.rint([top + along, left + slope * along]).astype(int)
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        over[rows[inside], columns[inside]] = _OPAQUE
    return toward(pixels, tone, over)


def _spotted(tone: tuple[float, ...], share: float, pixels: Pixels, number: float) -> Floats:
    """Draw soft round spots of several sizes."""
    random, (down, across) = random_for(pixels), places(pixels)
    height, width = down.shape
    over = np.zeros((height, width), dtype=np.float32)
    for top, left, size in random.uniform((0, 0, 0.015), (height, width, 0.05), (int(number), 3)):
        radius = max(0.6, size * min(height, width))
        over = np.maximum(over, np.exp(-((down - top) ** 2 + (across - left) ** 2) / (2 * radius**2)))
    return toward(pixels, tone, np.float32(share) * over)


def _ringed(pixels: Pixels, amplitude: float) -> Floats:
    """Lay waves around a random point over a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    away = np.hypot(down - random.uniform(-0.5, 0.5), across - random.uniform(-0.5, 0.5))
    return np.asarray(pixels + amplitude * np.cos(2 * np.pi * random.uniform(3.5, 5.5) * away))


def _chequered(cells: int, pixels: Pixels, amplitude: float) -> Floats:
    down, across = places(pixels)
    side = max(1, min(pixels.shape[1:]) // cells)
    return np.asarray(pixels + amplitude * (1 - 2 * ((down // side + across // side) % 2)))


def _lined(tone: tuple[float, ...], pixels: Pixels, share: float) -> Floats:
    """Draw one straight line across a picture, anywhere."""
    random, (down, across) = random_for(pixels), axes(pixels)
    angle, off = random.uniform(0, np.pi), random.uniform(-0.4, 0.4)
    away = (down * np.cos(angle) + across * np.sin(angle) - off) * min(pixels.shape[1:]) / 2
    return toward(pixels, tone, np.float32(share) * np.exp(-((away / 0.9) ** 2)))


def _ridged(pixels: Pixels, amplitude: float) -> Floats:
    """Lay an oval patch of curved ridges over a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    top, left = random.uniform(-0.6, 0.6, 2)
    down, across = down - top, across - left
    near = np.exp(-(((down / 0.45) ** 2 + (across / 0.32) ** 2) ** 2))
    angle = random.uniform(0, np.pi)
    curve = np.hypot(down * np.cos(angle) + across * np.sin(angle) + 0.2, 0.6 * across)
    return np.asarray(pixels + amplitude * near * np.cos(2 * np.pi * curve * min(pixels.shape[1:]) / 9))


def _patched(tone: tuple[float, ...], pixels: Pixels, share: float) -> Floats:
    """Lay one half-transparent patch with an uneven outline over a share of a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    top, left = random.uniform(-0.5, 0.5, 2)
    angle = np.arctan2(down - top, across - left)
    phases = random.uniform(0, 2 * np.pi, 3)
    uneven = 1 + 0.15 * sum(np.cos((k + 2) * angle + phase) for k, phase in enumerate(phases))
    inside = np.hypot(down - top, across - left) <= (4 * share / np.pi) ** 0.5 * uneven
    return toward(pixels, tone, 0.55 * inside)


def _stroked(pixels: Pixels, width: float) -> Floats:
    """Draw a bent stroke in a strong colour, as by hand."""
    random, (down, across) = random_for(pixels), axes(pixels)
    tone = tuple(random.permutation((250.0, random.uniform(0, 255), 20.0)))
    ends = random.uniform(-0.8, 0.8, (3, 2))
    along = np.linspace(0, 1, 24)[:, None]
    path = (1 - along) ** 2 * ends[0] + 2 * along * (1 - along) * ends[1] + along**2 * ends[2]
    away = np.min([np.hypot(down - y, across - x) for y, x in path.astype(np.float32)], axis=0)
    return toward(pixels, tone, 0.9 * (away <= width))


def _lit(pixels: Pixels, number: float) -> Floats:
    """Lay discs of light over a picture, as of lamps out of focus."""
    random, (down, across) = random_for(pixels), places(pixels)
    glow = np.zeros(pixels.shape, dtype=np.float32)
    for top, left, size in random.uniform((0, 0, 0.04), (*down.shape, 0.12), (int(number), 3)):
        inside = np.hypot(down - top, across - left) <= max(1.2, size * min(down.shape))
        hue = np.array((1.0, *random.uniform(0.5, 1, 2)), dtype=np.float32)[:, None, None]
        glow = np.maximum(glow, 0.55 * hue * inside)
    return np.asarray(255 - (255 - pixels.astype(np.float32)) * (1 - glow))


def _sparkling(pixels: Pixels, number: float) -> Floats:
    """Lay stars with four points over a picture."""
    random, (down, across) = random_for(pixels), places(pixels)
    reach, star = max(1.5, min(down.shape) / 16), np.zeros(down.shape, dtype=np.float32)
    for top, left in random.uniform(0, down.shape, (int(number), 2)):
        rows, columns = np.abs(down - top), np.abs(across - left)
        star = np.maximum(star, np.exp(-(rows + columns) / reach - rows * columns / 2))
    return toward(pixels, LIGHT, star)


def _printed(pixels: Pixels) -> Floats:
    """Print a picture in dots."""
    down, across = places(pixels)
    dots = np.cos(np.pi * (down + across) / 2) + np.cos(np.pi * (down - across) / 2)
    return np.asarray(np.clip(2 * (pixels.astype(np.float32) - 128) + 128 + 50 * dots, 0, 255))


_AMPLITUDES, _NUMBERS = (4, 8, 12, 18, 26, 40, 60), (4, 8, 14, 24, 40, 70)
_SHARES, _COVERED = (0.2, 0.35, 0.5, 0.7, 0.9), (0.04, 0.08, 0.15, 0.25, 0.4)
_FEW = (2, 4, 8, 14, 24)

OVERLAYS = (
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_streaked, tone), _NUMBERS), (24,))
        for words, tone in (("light streaks, as of rain", LIGHT), ("dark streaks", DARK))
    ),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_spotted, tone, share), _NUMBERS), (24,))
        for words, share, tone in (
            ("light spots, as of snow", 0.85, LIGHT),
            ("faint light spots", 0.35, LIGHT),
            ("dark spots, as of dust", 0.85, DARK),
        )
    ),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_lined, tone), _SHARES), (0.5,))
        for words, tone in (("one light line", LIGHT), ("one dark line", DARK))
    ),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_patched, tone), _COVERED), (0.15,))
        for words, tone in (
            ("a reddish patch, half transparent", (230.0, 40.0, 40.0)),
            ("a greenish patch, half transparent", (40.0, 210.0, 60.0)),
            ("a bluish patch, half transparent", (40.0, 80.0, 230.0)),
        )
    ),
    Likeness(
        LAID_OVER,
        "a stroke in a strong colour",
        Way("stroked", _stroked, (0.04, 0.06, 0.1, 0.15, 0.22)),
        (0.1,),
    ),
    Likeness(LAID_OVER, "discs of light", Way("lit", _lit, _FEW), (8,)),
    Likeness(LAID_OVER, "stars of light", Way("sparkling", _sparkling, _FEW), (8,)),
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
