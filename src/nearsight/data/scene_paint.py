"""What backgrounds and objects of `scenes` are painted with: colours, blends, noise, turned coordinates."""

from colorsys import hsv_to_rgb

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

SIZE = 64

Field = NDArray[np.floating]

Y: Field
X: Field
Y, X = np.mgrid[0:SIZE, 0:SIZE].astype(np.float32)


def colour(
    rng: Generator, hue: tuple[float, float], saturation: tuple[float, float], value: tuple[float, float]
) -> Field:
    """Draw a colour, uniform in three ranges of 0..1; a hue may exceed 1 and wraps. Returns RGB in 0..1.

    >>> colour(np.random.default_rng(0), (1 / 3, 1 / 3), (1, 1), (1, 1)).tolist()
    [0.0, 1.0, 0.0]
    """
    h, s, v = (float(rng.uniform(*limits)) for limits in (hue, saturation, value))
    return np.array(hsv_to_rgb(h % 1.0, s, v), dtype=np.float32)


def blend(share: Field, first: Field, second: Field) -> Field:
    """Mix two colours, or images, pixel by pixel: `first` where `share` is 0, `second` where it is 1.

    >>> blend(np.float32([[0.25]]), np.float32([0, 0, 0]), np.float32([1, 0.8, 0])).tolist()
    [[[0.25, 0.20000000298023224, 0.0]]]
    """
    mixed: Field = first + (second - first) * share[..., None]
    return mixed


def noise(rng: Generator, rows: int, columns: int) -> Field:
    """Draw smooth noise of about 0..1: a coarse random grid of `rows`×`columns`, enlarged to SIZE×SIZE.

    >>> noise(np.random.default_rng(0), 4, 4).shape
    (64, 64)
    """
    coarse = Image.fromarray(rng.random((rows, columns), dtype=np.float32))
    return np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def turned(rng: Generator, angle: tuple[float, float]) -> tuple[Field, Field]:
    """Return pixel coordinates along and across a direction drawn from a range of angles, in radians.

    >>> along, across = turned(np.random.default_rng(0), (0, 0))
    >>> float(along[3, 5]), float(across[3, 5])
    (5.0, 3.0)
    """
    theta = rng.uniform(*angle)
    cosine, sine = np.float32(np.cos(theta)), np.float32(np.sin(theta))
    return X * cosine + Y * sine, Y * cosine - X * sine


def as_bytes(colours: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Round colours in 0..1 to uint8, clipping what lies outside.

    >>> as_bytes(np.array([-1, 0.5, 2])).tolist()
    [0, 128, 255]
    """
    rounded: NDArray[np.uint8] = (np.clip(colours, 0, 1) * 255 + 0.5).astype(np.uint8)
    return rounded
