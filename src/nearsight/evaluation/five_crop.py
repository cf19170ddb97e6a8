"""Five views of whole images, as tiles have many: the image, and its shift to each corner."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from nearsight.evidence import TiledModel
from nearsight.tiles import pad


@dataclass(frozen=True)
class Shifts:
    """By how many pixels images are shifted, and what then shows at their edge: as in training with padded crops."""

    pixels: int
    fill: Literal["black", "reflect"] = "black"

    def settings(self) -> dict[str, Any]:
        """Return what an evaluation says of them."""
        return {"shift": self.pixels, "shift_fill": self.fill}


@dataclass(frozen=True, eq=False)
class FiveCrop:
    """A bound model that sees whole images five times.

    >>> brightness = TiledModel(lambda images: images.mean((2, 3)))
    >>> image = torch.full((3, 6, 6), 1.0)
    >>> FiveCrop(brightness, Shifts(1)).full_pass([image]).tolist()
    [[0.7...
    """

    bound: TiledModel
    shifts: Shifts

    def full_pass(self, images: Sequence[Tensor]) -> Tensor:
        """Return the mean of the logits of each image's five views, float (N, classes) on the CPU."""
        passes = [self.bound.full_pass(views) for views in views_of(images, self.shifts)]
        return torch.stack(passes).mean(0)


def views_of(images: Sequence[Tensor], shifts: Shifts) -> Iterator[list[Tensor]]:
    """Yield five views of all images, (3, H, W) each, view by view: as they are, and shifted to each corner.

    >>> [view[0, 0].tolist() for (view,) in views_of([torch.tensor([[[1, 2], [3, 4]]])], Shifts(1))]
    [[1, 2], [0, 0], [0, 0], [0, 3], [4, 0]]

    For images padded by the shift, these are torchvision's `five_crop`: the views of Krizhevsky, Sutskever and
    Hinton ("ImageNet Classification with Deep Convolutional Neural Networks", 2012) without their mirror images,
    which tiles do not have either.
    """
    most = 2 * shifts.pixels
    middle = (shifts.pixels, shifts.pixels)
    for top, left in (middle, (0, 0), (0, most), (most, 0), (most, most)):
        yield [
            _cut(pad(image[None], shifts.pixels, shifts.fill)[0], image.shape, top, left) for image in images
        ]


def _cut(padded: Tensor, shape: torch.Size, top: int, left: int) -> Tensor:
    height, width = shape[-2:]
    return padded[:, top : top + height, left : left + width]
