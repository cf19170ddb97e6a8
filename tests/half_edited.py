"""Images of noise, half of them edited: what the search for an edit's strength is tried on."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages

EACH, SIDE = 16, 24


def half_edited(edit: Callable[[Tensor], Tensor], seed: int = 0) -> tuple[ImageSet, np.ndarray]:
    """Return images of noise and slopes, the first half of them edited, and which these are."""
    random = np.random.default_rng(seed)
    slopes = np.add.outer(np.arange(SIDE), np.arange(SIDE)) * random.uniform(0.5, 1.5, (2 * EACH, 3, 1, 1))
    pixels = torch.from_numpy(
        (60 + slopes + random.integers(0, 50, (2 * EACH, 3, SIDE, SIDE))).astype(np.uint8)
    )
    for i in range(EACH):
        pixels[i] = edit(pixels[i])
    images = MemoryImages(pixels, tuple(map(str, range(2 * EACH))))
    real = np.arange(2 * EACH) < EACH
    return ImageSet("noise", "train", ("a", "b"), np.zeros(2 * EACH, dtype=np.int64), images), real
