"""The part of each picture of a group by which the group is recognised, and the edit that pastes it elsewhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.repeats.cut_outs import CutOut

# Top, left, bottom and right, as shares of height and width.
Box = tuple[float, float, float, float]
Values = NDArray[np.float32]

# Strips along the edges, squares of a quarter of each side, and squares of a half that overlap by half.
STRIPS: tuple[Box, ...] = ((0, 0, 0.25, 1), (0.75, 0, 1, 1), (0, 0, 1, 0.25), (0, 0.75, 1, 1))
QUARTERS: tuple[Box, ...] = tuple(
    (y / 4, x / 4, (y + 1) / 4, (x + 1) / 4) for y in range(4) for x in range(4)
)
HALVES: tuple[Box, ...] = tuple((y / 4, x / 4, (y + 2) / 4, (x + 2) / 4) for y in range(3) for x in range(3))
# From the smallest on.
BOXES = (*QUARTERS, *STRIPS, *HALVES)
# The smallest that does so much of what the best does is taken.
NEARLY = 0.8


@dataclass(frozen=True, eq=False)
class PartsPasted:
    """Pastes a part of one of several pictures into another, always the same one into the same picture.

    `donors` are uint8 (3, H, W) each, decoded when they are asked for, and `boxes` are where their parts are.
    """

    donors: Sequence[Tensor]
    boxes: tuple[Box, ...]

    def __call__(self, image: Tensor) -> Tensor:
        """Return an image with one of the parts at its place, uint8 (3, H, W)."""
        number = int(image.to(torch.int64).sum()) % len(self.donors)
        return cut_box(self.donors[number], self.boxes[number % len(self.boxes)]).on(image)


def cut_box(image: Tensor, box: Box) -> CutOut:
    """Return a part of an image.

    >>> cut_box(torch.zeros(3, 8, 4, dtype=torch.uint8), (0.5, 0, 1, 0.5)).covered.nonzero().amin(0).tolist()
    [4, 0]
    """
    height, width = image.shape[1:]
    top, left, bottom, right = (
        round(share * side) for share, side in zip(box, (height, width, height, width), strict=True)
    )
    covered = torch.zeros(height, width, dtype=torch.bool)
    covered[top:bottom, left:right] = True
    return CutOut(image, covered)


def telling_boxes(
    sure: Callable[[Sequence[Tensor]], Values], donors: Sequence[Tensor], hosts: Sequence[Tensor]
) -> tuple[Box, ...]:
    """Return for each donor the box of it that most makes other pictures look like it.

    >>> white, black = (torch.full((3, 8, 8), value, dtype=torch.uint8) for value in (255, 0))
    >>> marked = black.clone()
    >>> marked[:, :2, 6:] = 255
    >>> light = lambda pictures: np.array([float(one.float().mean()) for one in pictures], dtype=np.float32)
    >>> telling_boxes(light, [marked], [black])
    ((0.0, 0.75, 0.25, 1.0),)

    `sure` says how much pictures look like them, float32 (n,); `donors` and `hosts` are pictures, uint8 (3, H, W)
    each. Of boxes that do nearly as much as the best, the smallest is taken.
    """
    found = []
    for number, donor in enumerate(donors):
        host = hosts[number % len(hosts)]
        rises = sure([cut_box(donor, box).on(host) for box in BOXES]) - sure([host])[0]
        found.append(BOXES[int(np.flatnonzero(rises >= NEARLY * rises.max())[0])])
    return tuple(found)
