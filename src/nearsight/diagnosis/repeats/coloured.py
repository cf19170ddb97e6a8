"""Marks that share one exact colour and nothing else: rotated, of any size, or with a different text each time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.repeats.cut_outs import CutOut, Pasted
from nearsight.diagnosis.repeats.overlay import NEAR, TOLERANCE, filled
from nearsight.diagnosis.repeats.pattern import more_common
from nearsight.diagnosis.repeats.wording import ANYWHERE, MARK, colour_of
from nearsight.statistics import area_under_curve

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
    donors, cut_out = examined.pictures(own & has, DONORS), partial(_cut_out, colour)
    corners, grids = zip(*((mark.corner, mark.grid) for mark in map(cut_out, donors)), strict=True)
    place = typical_place(corners, grids).name
    where = place if place == ANYWHERE else f"at the {place}"
    return Candidate(
        class_number=number,
        attribute=MARK,
        words=f"marks of the same colour, {_name(colour)}, {where}",
        artefact=True,
        drawn=True,
        has=has,
        value=value,
        effect=area_under_curve(value[own & has], value[others]),
        put_on=Pasted(donors, cut_out),
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


def _cut_out(colour: Colour, image: Tensor) -> CutOut:
    return CutOut(image, torch.from_numpy(_covered(image.numpy(), colour)))


def _name(colour: Colour) -> str:
    return colour_of(torch.from_numpy(colour.astype(np.uint8))[:, None])


@dataclass(frozen=True, eq=False)
class _Filled:
    """Fills the pixels of one colour from around them."""

    colour: Colour

    def __call__(self, image: Tensor) -> Tensor:
        covered = torch.from_numpy(_covered(image.numpy(), self.colour))
        return filled(image.float(), covered).round().clamp(0, 255).to(torch.uint8)
