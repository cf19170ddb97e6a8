"""Edits of large pictures made on small ones: what changes there is added to the large one."""

from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from nearsight.diagnosis.attributes.edits import Change, Floats, Pixels, Way, as_picture, as_pixels

# A picture whose shorter side is at least twice this is edited as one of about this size. A network hardly sees more.
SIDE = 256


def on_small_pictures(way: Way) -> Way:
    """Return the way that edits large pictures as if they were small, which takes no longer.

    >>> import torch
    >>> darker = on_small_pictures(Way("darker", lambda pixels, by: pixels / by, (2,)))
    >>> darker.edit(2)(torch.full((3, 700, 600), 100, dtype=torch.uint8)).unique().tolist()
    [50]
    """
    return replace(way, change=partial(_on_small, way.change))


def _on_small(change: Change, pixels: Pixels, strength: float) -> Floats:
    factor = min(pixels.shape[1:]) // SIDE
    if factor < 2:
        return change(pixels, strength)
    small = as_pixels(as_picture(pixels).reduce(factor))
    made = np.clip(np.rint(change(small.copy(), strength)), 0, 255).astype(np.float32)
    height, width = pixels.shape[1:]
    enlarged = [
        Image.fromarray(channel).resize((width, height), Image.Resampling.BILINEAR)
        for channel in made - small
    ]
    return np.asarray(pixels + np.stack([np.asarray(channel) for channel in enlarged]))
