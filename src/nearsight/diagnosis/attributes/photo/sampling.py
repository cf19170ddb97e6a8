"""Pictures read at other places than their pixels', with edges repeated, and random fields over them."""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from nearsight.diagnosis.attributes.edits import Floats, Pixels, random_for


def places(pixels: Pixels) -> tuple[Floats, Floats]:
    """Return the row and the column of each pixel, float32 (H, W) both."""
    height, width = pixels.shape[1:]
    down, across = np.indices((height, width), dtype=np.float32)
    return down, across


def smooth_field(pixels: Pixels, sigma: float) -> Floats:
    """Return a random field of mean 0 and spread 1 over a picture, float32 (H, W), smoothed by so many pixels."""
    field = gaussian_filter(random_for(pixels).normal(size=pixels.shape[1:]), sigma, mode="wrap")
    return np.asarray((field - field.mean()) / max(field.std(), 1e-9), dtype=np.float32)


def read_at(pixels: Pixels, down: Floats, across: Floats) -> Floats:
    """Return what a picture has at some places, float32 (3, H, W), between pixels the mean of those around.

    >>> import numpy as np
    >>> pixels = np.arange(12, dtype=np.uint8).reshape(3, 2, 2)
    >>> bool((read_at(pixels, *places(pixels)) == pixels).all())
    True
    """
    at = np.stack([down, across])
    return np.stack(
        [map_coordinates(channel.astype(np.float32), at, order=1, mode="nearest") for channel in pixels]
    )


def moved(pixels: Pixels, down: float, across: float) -> Floats:
    """Return a picture moved by whole pixels, float32 (3, H, W)."""
    height, width = pixels.shape[1:]
    rows = np.clip(np.rint(np.arange(height) + down).astype(int), 0, height - 1)
    columns = np.clip(np.rint(np.arange(width) + across).astype(int), 0, width - 1)
    return np.asarray(pixels[:, rows[:, None], columns[None]], dtype=np.float32)


def turned(pixels: Pixels, angle: float, scale: float = 1.0) -> Floats:
    """Return a picture turned around its middle by an angle, as if seen from `scale` times as far."""
    height, width = pixels.shape[1:]
    middle = (height - 1) / 2, (width - 1) / 2
    down, across = places(pixels)
    y, x = down - middle[0], across - middle[1]
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    return read_at(pixels, middle[0] + cos * y - sin * x, middle[1] + sin * y + cos * x)
