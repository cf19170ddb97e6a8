"""What a person calls something that is drawn over images."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.diagnosis.appearance import nearest_colour, to_lab
from nearsight.diagnosis.place import typical_place
from nearsight.diagnosis.repeats.overlay import Overlay
from nearsight.tiles import TileGrid

BORDER, OVERLAY, WATERMARK, MARK = "border", "overlay", "watermark", "mark"
ANYWHERE = "anywhere"
SIDES = ("top", "bottom", "left", "right")
# The share of a line of pixels along a side that must be drawn for the line to be part of a border.
COVERED = 0.8
# The part of a border that may lie elsewhere.
ASTRAY = 0.25
# Strokes are thin: no pixel is farther than this from their edge, in pixels of an image of 96.
THIN = 2.0
FULL = 0.65
ACROSS = 0.5
BRIGHT, DARK = 200, 60
# What covers this share of the picture may be one wave: it then has this share of the power, at more than so many
# cycles per pixel.
WIDE, ONE_WAVE, SLOW = 0.25, 0.3, 0.06
GREY = 128.0


@dataclass(frozen=True)
class Said:
    """The kind of what is drawn, and the words for it."""

    attribute: str
    words: str


def said_of(overlay: Overlay, place: str | None = None) -> Said:
    """Return the kind of an overlay and the words for it.

    >>> import torch
    >>> alpha = torch.ones(20, 20)
    >>> alpha[2:-2, 2:-2] = 0
    >>> said_of(Overlay(alpha, torch.zeros(3, 20, 20), alpha * 12))
    Said(attribute='border', words='black frame, 2 pixels')
    >>> mark = torch.zeros(20, 20)
    >>> mark[17:, 17:] = 1
    >>> said_of(Overlay(mark, 255 * mark.expand(3, 20, 20), mark * 12)).words
    'the same mark, white, at the bottom right corner'

    `place` is where it is in the image, if the overlay covers only a part.
    """
    drawn = overlay.drawn.numpy()
    pale = "" if overlay.opaque else "translucent "
    colour = colour_of(overlay.colours)
    widths = border_widths(drawn)
    if any(widths.values()) and place is None:
        return Said(BORDER, f"{pale}{colour} {_border(widths)}")
    name = place or place_of(drawn)
    wave = _wave(overlay)
    if place is None and wave is not None:
        return wave
    if place is None and not overlay.opaque and _across(drawn):
        return Said(WATERMARK, f"a pale watermark across the middle, {colour}")
    where = name if name == ANYWHERE else f"at the {name}"
    if _strokes(drawn):
        return Said(OVERLAY, f"{pale}text-like strokes, {colour}, {where}")
    return Said(OVERLAY, f"the same {pale}mark, {colour}, {where}")


def colour_of(colours: Tensor) -> str:
    """Return the colour that half of some pixels have, uint8 (3, n), or else "bright", "dark" or "many colours".

    >>> import torch
    >>> colour_of(torch.tensor([[250, 250, 20], [250, 250, 30], [250, 250, 20]], dtype=torch.uint8))
    'white'
    """
    names = nearest_colour(to_lab(colours[None, :, None])[0, :, 0].T)
    found, counts = np.unique(np.array(names), return_counts=True)
    if counts.max() >= len(names) / 2:
        return str(found[counts.argmax()])
    grey = float(colours.float().mean())
    if grey > BRIGHT:
        return "bright"
    return "dark" if grey < DARK else "many colours"


def border_widths(drawn: NDArray[np.bool_]) -> dict[str, int]:
    """Return how many pixels of each side a border covers, 0 if what is drawn is not a border.

    >>> drawn = np.zeros((6, 6), dtype=bool)
    >>> drawn[:, -2:] = True
    >>> border_widths(drawn)
    {'top': 0, 'bottom': 0, 'left': 0, 'right': 2}

    A line of pixels along a side belongs to it if 80 % are drawn; at most a quarter of what is drawn may lie
    elsewhere, and at most a third of a side's length may be border.
    """
    height, width = drawn.shape
    lines = {"top": drawn, "bottom": drawn[::-1], "left": drawn.T, "right": drawn.T[::-1]}
    found = {side: _depth(picture) for side, picture in lines.items()}
    inside = drawn.copy()
    inside[: found["top"]] = False
    inside[height - found["bottom"] :] = False
    inside[:, : found["left"]] = False
    inside[:, width - found["right"] :] = False
    wide = any(found[side] > (height if side in ("top", "bottom") else width) / 3 for side in SIDES)
    if wide or inside.sum() > ASTRAY * drawn.sum():
        return dict.fromkeys(SIDES, 0)
    return found


def _depth(picture: NDArray[np.bool_]) -> int:
    covered = picture.mean(1) >= COVERED
    return len(covered) if covered.all() else int(covered.argmin())


def _border(widths: dict[str, int]) -> str:
    sides = [side for side in SIDES if widths[side]]
    thickness = max(widths.values())
    pixels = f"{thickness} pixel{'s' if thickness > 1 else ''}"
    if len(sides) == len(SIDES):
        return f"frame, {pixels}"
    if sides in (["top", "bottom"], ["left", "right"]):
        return f"bars at the {sides[0]} and {sides[1]}, {pixels}"
    return f"border at the {' and '.join(sides)}, {pixels}"


def place_of(drawn: NDArray[np.bool_]) -> str:
    """Return the name of the place of the middle of what is drawn.

    >>> drawn = np.zeros((9, 9), dtype=bool)
    >>> drawn[8, 0] = True
    >>> place_of(drawn)
    'bottom left corner'
    """
    rows, columns = np.nonzero(drawn)
    height, width = drawn.shape
    middle = (round((rows.min() + rows.max()) / 2), round((columns.min() + columns.max()) / 2))
    return typical_place([middle], [TileGrid(height, width, tile=1, stride=1)]).name


def _across(drawn: NDArray[np.bool_]) -> bool:
    rows, columns = np.nonzero(drawn)
    height, width = drawn.shape
    wide = (columns.max() - columns.min() + 1) >= ACROSS * width
    middle = abs((rows.min() + rows.max() + 1) / 2 / height - 0.5) < 1 / 6
    return bool(wide and middle)


def _wave(overlay: Overlay) -> Said | None:
    """Return the words for lines or stripes: what one wave makes of a grey picture; None if it is no wave."""
    if float(overlay.drawn.float().mean()) < WIDE:
        return None
    made = (overlay.light.mean(0) - GREY * overlay.alpha).double()
    height, width = made.shape
    down, across = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)
    # Slow changes are the outline of what is drawn.
    power = torch.fft.fft2(made).abs().square().numpy() * (np.hypot(down, across) > SLOW)
    # A wave that ends at the picture's edges, or is cut out, also has the frequencies next to its own.
    around = ndimage.uniform_filter(power, 3, mode="wrap") * 9
    row, column = np.unravel_index(power.argmax(), power.shape)
    # Real pictures have each frequency twice, but for the highest.
    once = (2 * row % height, 2 * column % width) == (0, 0)
    if (1 if once else 2) * around[row, column] < ONE_WAVE * power.sum():
        return None
    if column == 0:
        return Said("lines across", "fine horizontal lines")
    return Said("lines down", "fine vertical lines") if row == 0 else Said("pattern", "a repeating pattern")


def _strokes(drawn: NDArray[np.bool_]) -> bool:
    rows, columns = np.nonzero(drawn)
    box = drawn[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    depth = ndimage.distance_transform_cdt(np.pad(box, 1), "chessboard").max()
    return bool(depth <= max(1.0, THIN * max(drawn.shape) / 96) and box.mean() < FULL and min(box.shape) > 2)
