"""What a plant is: a change of pixels that some images of one class have, in train and test alike."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates
from torch import Tensor

STRENGTHS = 4
# Lines are drawn this many times as large, for smooth edges.
FINE = 4
Random = np.random.Generator
Array = NDArray[np.float32]
# An image as float (H, W, 3) from 0 to 255, the mask of its object (all False if unknown), and a random
# generator.
Change = Callable[[Array, NDArray[np.bool_], Random], Array]


@dataclass(frozen=True)
class Family:
    """A kind of plant at four strengths.

    `make(strength, side, random)` draws what one plant keeps the same from image to image, such as its colour and
    place, for images of `side` pixels, and returns the change. `attributes` are the names of kinds that a verdict
    may give it, and `words` is what its words may contain instead. `needs_regions` says that it is only added to
    the background. If it changes no pixel, it is in a column named `column` or at the beginning of the file's
    name, which `file_name(strength, planted, random)` gives for each image of the set.
    """

    name: str
    kind: str
    make: Callable[[int, int, Random], Change]
    attributes: tuple[str, ...]
    words: tuple[str, ...]
    needs_regions: bool = False
    column: str | None = None
    file_name: Callable[[int, bool, Random], str] | None = None


def apply(change: Change, image: Tensor, mask: NDArray[np.bool_], random: Random) -> Tensor:
    """Return a changed copy of an image, uint8 (3, H, W)."""
    pixels = image.permute(1, 2, 0).numpy().astype(np.float32)
    changed = change(pixels, mask, random)
    return torch.from_numpy(np.clip(np.rint(changed), 0, 255).astype(np.uint8)).permute(2, 0, 1).contiguous()


def to_picture(pixels: Array) -> NDArray[np.uint8]:
    """Return pixels as whole numbers, for libraries that accept no others."""
    whole: NDArray[np.uint8] = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    return whole


def drawn_on(pixels: Array, drawing: Image.Image, opacity: float, colour: Array | int) -> Array:
    """Return pixels with a drawing on them, grey from 0 to 255 and `FINE` times as large as they are."""
    small = drawing.resize((pixels.shape[1], pixels.shape[0]), Image.Resampling.BOX)
    drawn = np.asarray(small, dtype=np.float32)
    return pixels + drawn[:, :, None] / 255 * opacity * (colour - pixels)


def read_at(pixels: Array, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Array:
    """Return pixels read at places between their own, and at the nearest edge beyond it."""
    channels = [
        map_coordinates(pixels[:, :, k], (rows, columns), order=1, mode="nearest")
        for k in range(pixels.shape[2])
    ]
    return np.stack(channels, axis=-1)
