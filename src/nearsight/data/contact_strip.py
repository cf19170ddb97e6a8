"""The first images of a set, side by side in one small picture."""

from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from nearsight.errors import InputError

if TYPE_CHECKING:
    from nearsight.data.image_set import ImageSet

IMAGES = 8
SIDE = 72
GAP = 4


def contact_strip(images: "ImageSet") -> bytes | None:
    """Return the first 8 images, each at most 72 pixels per side, as the bytes of one PNG; None if there are none.

    >>> from nearsight.data import load
    >>> contact_strip(load("digits")["test"])[1:4]
    b'PNG'

    An image that cannot be decoded is left out.
    """
    count = min(IMAGES, len(images))
    strip = Image.new("RGB", (count * (SIDE + GAP), SIDE), "white")
    shown = 0
    for index in range(count):
        try:
            pixels = images.image(index)
        except InputError:
            continue
        picture = Image.fromarray(np.ascontiguousarray(pixels.permute(1, 2, 0).cpu().numpy()))
        scale = SIDE / max(picture.size)
        size = [max(1, round(side * scale)) for side in picture.size]
        filtering = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
        strip.paste(picture.resize((size[0], size[1]), filtering), (index * (SIDE + GAP), 0))
        shown += 1
    if not shown:
        return None
    buffer = BytesIO()
    strip.save(buffer, "PNG")
    return buffer.getvalue()
