"""Objects of `scenes`: a shape is posed, coloured, patterned and drawn with soft edges.

Only the shape determines the class: pose, size, colours and pattern are drawn in the same way for all classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from nearsight.data.scene_paint import SIZE, Field, X, as_bytes, blend, colour, noise, turned
from nearsight.data.scene_shapes import Paint, Part

SUPERSAMPLING = 4
CANVAS = SIZE * SUPERSAMPLING
MARGIN = 2.0  # pixels between object and border, outline included
AREA = (0.11, 0.32)  # share of the image, before the outline

Shape = Callable[[Generator], list[Part]]


@dataclass(frozen=True, eq=False)
class DrawnObject:
    """An object before it is put on a background.

    `paint` is float32 (64, 64, 3) in 0..1, already weighted by `coverage`, float32 (64, 64): the share of each
    pixel that the object covers, a multiple of 1/16.
    """

    paint: Field
    coverage: Field

    @property
    def mask(self) -> NDArray[np.bool_]:
        """True where the object covers at least half of the pixel."""
        return self.coverage >= 0.5

    def on(self, background: Field) -> NDArray[np.uint8]:
        """Put the object on a background, float32 (64, 64, 3) in 0..1. Returns uint8 of that shape."""
        return as_bytes(self.paint + (1 - self.coverage[..., None]) * np.clip(background, 0, 1))


def draw_object(shape: Shape, rng: Generator, *, size: float = 1.0) -> DrawnObject:
    """Draw one object in a random pose, with random colours and pattern, completely inside the image.

    >>> from nearsight.data.scene_shapes import star
    >>> drawn = draw_object(star, np.random.default_rng(0))
    >>> drawn.paint.shape, drawn.mask.dtype
    ((64, 64, 3), dtype('bool'))

    `size` is its length relative to the usual one, above 0 and up to 1; the outline stays one pixel wide.
    """
    layers = _layers(_pose(shape(rng), rng, size))
    flat = {
        Paint.OUTLINE: colour(rng, (0, 1), (0.2, 0.9), (0.05, 0.25)),
        Paint.TRIM: colour(rng, (0, 1), (0.3, 0.95), (0.45, 1.0)),
        Paint.DARK: colour(rng, (0, 1), (0.0, 0.5), (0.1, 0.35)),
        Paint.LIGHT: colour(rng, (0, 1), (0.0, 0.3), (0.85, 1.0)),
    }
    paint = layers[Paint.BODY][..., None] * _patterned(rng)
    for kind, shade in flat.items():
        paint += layers[kind][..., None] * shade
    return DrawnObject(paint, np.sum(list(layers.values()), axis=0))


def _pose(parts: list[Part], rng: Generator, size: float) -> list[Part]:
    """Flip, stretch, shear, rotate, scale and place a shape; to pixels of the supersampled canvas, rounded."""
    turn, shear, aspect = rng.uniform(-0.45, 0.45), rng.uniform(-0.2, 0.2), rng.uniform(0.87, 1.15)
    flip = 1.0 if rng.random() < 0.5 else -1.0
    cosine, sine = np.cos(turn), np.sin(turn)
    matrix = np.array([[cosine, sine], [-sine, cosine]]) @ np.array([[flip * aspect, shear], [0, 1 / aspect]])
    posed = [(kind, points @ matrix.T) for kind, points in parts]
    corners = np.concatenate([points for _, points in posed])
    low, high = corners.min(axis=0), corners.max(axis=0)
    wanted = rng.uniform(*AREA) * CANVAS**2
    room = CANVAS - 2 * MARGIN * SUPERSAMPLING
    largest = room / float((high - low).max())
    scale = min(largest, largest * (wanted / _area(posed, largest, low)) ** 0.5) * size
    free = room - (high - low) * scale
    shift = MARGIN * SUPERSAMPLING + rng.random(2) * free - low * scale
    return [(kind, np.rint(points * scale + shift)) for kind, points in posed]


def _area(parts: list[Part], scale: float, low: NDArray[np.float64]) -> int:
    return int(np.count_nonzero(_rasterise([(kind, (points - low) * scale) for kind, points in parts])))


def _rasterise(parts: list[Part]) -> NDArray[np.uint8]:
    canvas = Image.new("L", (CANVAS, CANVAS))
    draw = ImageDraw.Draw(canvas)
    for kind, points in parts:
        draw.polygon(points.ravel().tolist(), fill=int(kind))
    return np.asarray(canvas)


def _layers(parts: list[Part]) -> dict[Paint, Field]:
    """Each paint's share of every pixel, with a dark outline, about one pixel wide, around the whole."""
    painted = _rasterise(parts)
    grown = painted > 0
    for step in (1, 3):
        for axis in (0, 1):
            grown = grown | np.roll(grown, step, axis) | np.roll(grown, -step, axis)
    # The outline has the lowest number except none, so it shows where no part is.
    painted = np.maximum(painted, grown.view(np.uint8) * np.uint8(Paint.OUTLINE))
    return {kind: _share(painted == kind) for kind in Paint}


def _share(inside: NDArray[np.bool_]) -> Field:
    # 240 = 15 × 16, so that the mean of sixteen samples is a whole number and the share exact.
    samples = Image.fromarray(inside.view(np.uint8) * np.uint8(240))
    return np.asarray(samples.reduce(SUPERSAMPLING), dtype=np.float32) / 240


def _patterned(rng: Generator) -> Field:
    """A surface that is plain, striped, dotted, clouded or speckled in two colours, lit from one side."""
    first = colour(rng, (0, 1), (0.35, 0.95), (0.6, 1.0))
    darkening, tint = np.float32(rng.uniform(0.55, 0.8)), rng.uniform(-0.1, 0.1, 3).astype(np.float32)
    second = np.clip(first * darkening + tint, 0, 1)
    along, across = turned(rng, (0, np.pi))
    wave = np.float32(2 * np.pi / rng.uniform(4.5, 9))
    share: Field
    match int(rng.integers(5)):
        case 0:
            share = np.zeros_like(X)
        case 1:
            share = np.clip(2 * np.sin(along * wave) + 0.5, 0, 1)
        case 2:
            share = np.clip(3 * np.sin(along * wave) * np.sin(across * wave) - 0.8, 0, 1)
        case 3:
            share = noise(rng, 14, 14)
        case _:
            share = rng.random((SIZE, SIZE), dtype=np.float32)
    light = 1 + np.float32(rng.uniform(0, 0.15)) * (across - across.mean()) / 32
    lit: Field = np.clip(blend(share, first, second) * light[..., None], 0, 1)
    return lit
