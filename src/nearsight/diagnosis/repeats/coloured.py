"""Marks that share one exact colour and nothing else: rotated, of any size, or with a different text each time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.repeats.overlay import NEAR, TOLERANCE, filled
from nearsight.diagnosis.repeats.pattern import more_common
from nearsight.diagnosis.repeats.wording import ANYWHERE, colour_of
from nearsight.statistics import area_under_curve
from nearsight.tiles import TileGrid

Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]
Colour = NDArray[np.float64]

# A drawn mark has one colour, to this many levels, in nearly all images; real things vary with the light.
EXACT, NEARLY_ALL = 3.0, 0.8
# An image has the mark from half the pixels on that all but this share of its images have.
FEW, HALF, OTHERS = 0.1, 0.5, 0.99
# What covers more is a background.
LARGEST = 0.25
# Images that marks are cut out of.
DONORS = 32


def coloured_marks(examined: Examined, number: int, at: Mapping[int, tuple[int, int]]) -> Candidate | None:
    """Return marks of one exact colour as a possible shortcut of a class; None if there are none.

    `at` holds, for images of the class that choose, the row and column of a pixel of the mark. Its colours must
    be the same to 3 levels in 80 % of them. An image has the mark if half as many of its pixels have the colour
    as in nine of ten of these, and more than in 99 % of other classes' images that choose. It is added by pasting
    one where another image has it, and removed by filling its place from around it.
    """
    images = examined.images
    seen = np.array([images.image(i)[:, row, column].tolist() for i, (row, column) in at.items()])
    colour: Colour = np.median(seen, 0)
    if (np.abs(seen - colour).max(1) <= EXACT).mean() < NEARLY_ALL:
        return None
    shares = (_coloured(images.image(i).numpy(), colour).mean() for i in range(len(images)))
    value = np.fromiter(shares, dtype=np.float32)
    own = examined.choosing & (examined.labels == number)
    others = examined.choosing & (examined.labels != number)
    least = HALF * float(np.quantile(value[list(at)], FEW))
    has: Mask = value >= max(least, float(np.quantile(value[others], OTHERS)), 1e-9)
    if not more_common(has[own], has[others]) or np.median(value[own & has]) > LARGEST:
        return None
    donors = examined.pictures(own & has, DONORS)
    marks = (_Mark.of(image, colour) for image in donors)
    corners, grids = zip(*((mark.corner, mark.grid) for mark in marks), strict=True)
    place = typical_place(corners, grids).name
    where = place if place == ANYWHERE else f"at the {place}"
    return Candidate(
        class_number=number,
        attribute="mark",
        words=f"marks of the same colour, {_name(colour)}, {where}",
        artefact=True,
        drawn=True,
        has=has,
        value=value,
        effect=area_under_curve(value[own & has], value[others]),
        put_on=_Pasted(donors, colour),
        take_off=_Filled(colour),
    )


def _coloured(pixels: Pixels, colour: Colour) -> Mask:
    """Return which pixels have a colour, bool (H, W), of an image (3, H, W)."""
    near: Mask = np.abs(pixels - colour[:, None, None]).max(0) <= TOLERANCE
    return near


def _covered(pixels: Pixels, colour: Colour) -> Mask:
    """Return which pixels the marks cover, bool (H, W), with one more pixel around them for soft edges, and holes."""
    around = ndimage.binary_dilation(_coloured(pixels, colour), NEAR)
    covered: Mask = ndimage.binary_fill_holes(around)
    return covered


def _name(colour: Colour) -> str:
    return colour_of(torch.from_numpy(colour.astype(np.uint8))[:, None])


@dataclass(frozen=True, eq=False)
class _Mark:
    """The part of an image that a mark covers: the image, uint8 (3, H, W), and where, bool (H, W)."""

    pixels: Tensor
    covered: Tensor

    @staticmethod
    def of(image: Tensor, colour: Colour) -> "_Mark":
        return _Mark(image, torch.from_numpy(_covered(image.numpy(), colour)))

    @property
    def corner(self) -> tuple[int, int]:
        row, column = self.covered.nonzero().amin(0).tolist()
        return row, column

    @property
    def grid(self) -> TileGrid:
        """All places of a square as large as the mark's shorter side."""
        places = self.covered.nonzero()
        side = int((places.amax(0) - places.amin(0) + 1).min())
        height, width = self.covered.shape
        return TileGrid(height, width, tile=side, stride=1)

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
class _Pasted:
    """Pastes the mark of one of several images into another, always the same one into the same image."""

    donors: Sequence[Tensor]
    colour: Colour

    def __call__(self, image: Tensor) -> Tensor:
        donor = self.donors[int(image.to(torch.int64).sum()) % len(self.donors)]
        return _Mark.of(donor, self.colour).on(image)


@dataclass(frozen=True, eq=False)
class _Filled:
    """Fills the pixels of one colour from around them."""

    colour: Colour

    def __call__(self, image: Tensor) -> Tensor:
        covered = torch.from_numpy(_covered(image.numpy(), self.colour))
        return filled(image.float(), covered).round().clamp(0, 255).to(torch.uint8)
