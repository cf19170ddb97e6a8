"""The parts of images in which something may stay at its place although images differ in size."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

# Larger images are searched as a whole at this size, and with all their pixels in the corners.
LARGEST = 128
REDUCED = 96
CORNER = 64
SMALLEST = 16


@dataclass(frozen=True)
class Anchor:
    """A corner of images, or all of them brought to one size.

    >>> Anchor(2, 2, "bottom", "right").view(torch.arange(12).view(1, 3, 4).to(torch.uint8)).tolist()
    [[[6, 7], [10, 11]]]

    `height` and `width` are those of what is seen of each image. `vertical` is "top" or "bottom", `horizontal` is
    "left" or "right"; both are empty if the whole image is seen.
    """

    height: int
    width: int
    vertical: str = ""
    horizontal: str = ""

    @property
    def whole(self) -> bool:
        """Whether the whole of each image is seen."""
        return not self.vertical

    def view(self, pixels: Tensor) -> Tensor:
        """Return what is seen of an image, uint8 (3, height, width)."""
        if self.whole:
            return resized(pixels, self.height, self.width)
        rows, columns = self.part(*pixels.shape[1:])
        return pixels[:, rows, columns]

    def part(self, height: int, width: int) -> tuple[slice, slice]:
        """Return the rows and columns that are seen of an image of some size."""
        if self.whole:
            return slice(0, height), slice(0, width)
        top = 0 if self.vertical == "top" else height - self.height
        left = 0 if self.horizontal == "left" else width - self.width
        return slice(top, top + self.height), slice(left, left + self.width)

    def fits(self, height: int, width: int) -> bool:
        """Whether an image of some size is large enough to be seen."""
        return self.whole or (height >= self.height and width >= self.width)

    def changed(self, pixels: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
        """Return an image in which the seen part is changed; images that are too small stay as they are."""
        if not self.fits(*pixels.shape[1:]):
            return pixels.clone()
        rows, columns = self.part(*pixels.shape[1:])
        result = pixels.clone()
        result[:, rows, columns] = change(pixels[:, rows, columns])
        return result

    def box(
        self, seen: tuple[int, int, int, int], height: int, width: int
    ) -> tuple[float, float, float, float]:
        """Return a box of the seen part, in pixels, as shares of images of a typical size."""
        if self.whole:
            height, width = self.height, self.width
        rows, columns = self.part(height, width)
        top, left, bottom, right = seen
        return (
            (rows.start + top) / height,
            (columns.start + left) / width,
            (rows.start + bottom) / height,
            (columns.start + right) / width,
        )


def anchors_of(sizes: NDArray[np.int32]) -> tuple[Anchor, ...]:
    """Return where to look in images of some heights and widths, (n, 2).

    >>> [anchor.vertical for anchor in anchors_of(np.array([[96, 96], [96, 96]], dtype=np.int32))]
    ['']
    >>> len(anchors_of(np.array([[300, 500], [400, 300]], dtype=np.int32)))
    5

    Images of one size of up to 128 pixels are seen as they are. Others are seen as a whole, reduced to a longer
    side of 96 pixels, and in their corners, up to 64 pixels of each.
    """
    height, width = (int(side) for side in np.median(sizes, axis=0))
    if (sizes == sizes[0]).all() and max(height, width) <= LARGEST:
        return (Anchor(height, width),)
    scale = min(1.0, REDUCED / max(height, width))
    whole = Anchor(max(1, round(height * scale)), max(1, round(width * scale)))
    side = min(CORNER, int(np.quantile(sizes.min(1), 0.05)))
    if side < SMALLEST:
        return (whole,)
    corners = tuple(
        Anchor(side, side, vertical, horizontal)
        for vertical in ("top", "bottom")
        for horizontal in ("left", "right")
    )
    return (whole, *corners)


def resized(pixels: Tensor, height: int, width: int) -> Tensor:
    """Return an image in another size, uint8 (3, height, width); the image itself if it has that size."""
    if pixels.shape[-2:] == (height, width):
        return pixels
    floats = F.interpolate(
        pixels[None].float(), (height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return floats[0].round().clamp(0, 255).to(torch.uint8)
