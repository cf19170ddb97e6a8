"""Marks cut out of images, and pasted into others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class CutOut:
    """The part of an image that a mark covers: the image, uint8 (3, H, W), and where, bool (H, W)."""

    pixels: Tensor
    covered: Tensor

    @property
    def corner(self) -> tuple[int, int]:
        """The first row and column that it covers."""
        row, column = self.covered.nonzero().amin(0).tolist()
        return row, column

    @property
    def grid(self) -> TileGrid:
        """All places of a square as large as the mark's shorter side."""
        places = self.covered.nonzero()
        side = int((places.amax(0) - places.amin(0) + 1).min())
        height, width = self.covered.shape
        return TileGrid(height, width, tile=side, stride=1)

    @property
    def colour(self) -> list[float]:
        """The median colour of what it covers: red, green and blue."""
        median: list[float] = self.pixels[:, self.covered].float().median(1).values.tolist()
        return median

    def on(self, image: Tensor) -> Tensor:
        """Return an image with the mark at the same relative place along each side; what does not fit is cut off."""
        changed = image.clone()
        rows, columns = self.covered.nonzero().T
        height, width = self.covered.shape
        down, right = (
            round(int(start) * (there - here) / max(1, here - int(end) + int(start)))
            for start, end, there, here in (
                (rows.min(), rows.max() + 1, image.shape[1], height),
                (columns.min(), columns.max() + 1, image.shape[2], width),
            )
        )
        to_rows, to_columns = rows + down, columns + right
        inside = (
            (to_rows >= 0) & (to_rows < image.shape[1]) & (to_columns >= 0) & (to_columns < image.shape[2])
        )
        rows, columns, to_rows, to_columns = (one[inside] for one in (rows, columns, to_rows, to_columns))
        changed[:, to_rows, to_columns] = self.pixels[:, rows, columns]
        return changed


@dataclass(frozen=True, eq=False)
class Pasted:
    """Pastes the mark of one of several images into another, always the same one into the same image.

    `donors` are uint8 (3, H, W) each, decoded when they are asked for; `cut_out` finds the mark of one.
    """

    donors: Sequence[Tensor]
    cut_out: Callable[[Tensor], CutOut]

    def __call__(self, image: Tensor) -> Tensor:
        """Return an image with one of the marks, uint8 (3, H, W)."""
        donor = self.donors[int(image.to(torch.int64).sum()) % len(self.donors)]
        return self.cut_out(donor).on(image)
