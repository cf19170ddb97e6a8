"""Edits of shapes: turned a little, sheared, bent, twirled, nearer, wavy, ribbed, mirrored edges, rows out of place.

Quarter turns and mirror images are none of them: they make the subject of one class that of another, where a class is
where something is.
"""

from functools import partial

import numpy as np
from scipy.ndimage import gaussian_filter

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way, axes, random_for
from nearsight.diagnosis.attributes.kinds import GEOMETRY
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.sampling import places, read_at, turned

# The side of blocks that are moved, and how far the waves reach over which pixels move together.
_BLOCK, _HEAT, _GLASS = 8, 3.0, 0.7


def _turned(sign: int, pixels: Pixels, degrees: float) -> Floats:
    return turned(pixels, np.deg2rad(sign * degrees))


def _nearer(pixels: Pixels, factor: float) -> Floats:
    return turned(pixels, 0.0, 1 / factor)


def _farther(pixels: Pixels, factor: float) -> Floats:
    return turned(pixels, 0.0, factor)


def _sheared(sign: int, pixels: Pixels, by: float) -> Floats:
    down, across = places(pixels)
    return read_at(pixels, down, across + sign * by * (down - down.mean()))


def _bent(sign: int, pixels: Pixels, by: float) -> Floats:
    """Enlarge the middle more than the corners, or less."""
    height, width = pixels.shape[1:]
    y, x = axes(pixels)
    factor = 1 + sign * np.float32(by) * (y**2 + x**2 - 0.5)
    return read_at(pixels, (1 + y * factor) * (height - 1) / 2, (1 + x * factor) * (width - 1) / 2)


def _warped(reach: float, pixels: Pixels, by: float) -> Floats:
    """Move pixels by smooth random fields."""
    random, (down, across) = random_for(pixels), places(pixels)
    moves = gaussian_filter(random.normal(size=(2, *down.shape)), (0, reach, reach), mode="wrap")
    moves *= by / max(moves.std(), 1e-9)
    return read_at(pixels, down + moves[0], across + moves[1])


def _torn(pixels: Pixels, by: float) -> Floats:
    """Move each row to one side or the other."""
    width = pixels.shape[2]
    moves = np.rint(random_for(pixels).normal(0, by, pixels.shape[1])).astype(int)
    columns = (np.arange(width) + moves[:, None]) % width
    return np.take_along_axis(pixels, np.broadcast_to(columns, pixels.shape), axis=2)


def _combed(pixels: Pixels, by: float) -> Floats:
    """Move every second row, as in interlaced video."""
    pixels[:, 1::2] = np.roll(pixels[:, 1::2], int(by), 2)
    return pixels


def _misplaced(pixels: Pixels, share: float) -> Floats:
    """Fill some blocks with what lies beside them, as in damaged video."""
    random, changed = random_for(pixels), pixels.copy()
    height, width = pixels.shape[1:]
    for top in range(0, height - _BLOCK + 1, _BLOCK):
        for left in range(0, width - _BLOCK + 1, _BLOCK):
            down, across = random.integers(-_BLOCK, _BLOCK + 1, 2)
            if random.random() < share:
                row = int(np.clip(top + down, 0, height - _BLOCK))
                column = int(np.clip(left + across, 0, width - _BLOCK))
                taken = pixels[:, row : row + _BLOCK, column : column + _BLOCK]
                changed[:, top : top + _BLOCK, left : left + _BLOCK] = taken
    return changed


def _ribbed(axis: int, pixels: Pixels, ribs: float) -> Floats:
    """See a picture through glass with ribs, each of which shows a little more than lies behind it."""
    at, length = list(places(pixels)), pixels.shape[1 + axis]
    rib = max(3.0, length / 8)
    middle = rib * (np.floor(at[axis] / rib) + 0.5)
    at[axis] = middle + np.float32(ribs) * (at[axis] - middle)
    return read_at(pixels, at[0], at[1])


def _twirled(sign: int, pixels: Pixels, turn: float) -> Floats:
    """Turn the middle, and what is farther from it less."""
    height, width = pixels.shape[1:]
    y, x = axes(pixels)
    angle = sign * np.float32(turn) * np.maximum(0, 1 - np.hypot(y, x))
    down, across = y * np.cos(angle) - x * np.sin(angle), y * np.sin(angle) + x * np.cos(angle)
    return read_at(pixels, (1 + down) * (height - 1) / 2, (1 + across) * (width - 1) / 2)


def _mirrored_edges(pixels: Pixels, share: float) -> Floats:
    """Replace what lies along the edges by the mirror image of what is beside it."""
    by = min(max(1, round(share * min(pixels.shape[1:]))), (min(pixels.shape[1:]) - 1) // 2)
    inner = slice(by, -by or None)
    return np.pad(pixels[:, inner, inner], ((0, 0), (by, by), (by, by)), mode="symmetric")


_DEGREES, _FACTORS, _BENDS = (2, 4, 7, 10, 15, 22), (1.05, 1.1, 1.2, 1.35, 1.6), (0.05, 0.1, 0.16, 0.24, 0.35)
_PIXELS = (0.5, 1, 1.5, 2, 3, 4)
# What goes two ways: in words, how it is changed, its strengths, and the one that groups are compared with.
_BOTH_WAYS = (
    ("turned a little", _turned, _DEGREES, 10),
    ("sheared", _sheared, _BENDS, 0.16),
    ("bent, as by a lens", _bent, _BENDS, 0.16),
    ("twirled", _twirled, (0.4, 0.7, 1.1, 1.7, 2.5), 1.1),
)

GEOMETRIES = (
    *(
        Likeness(GEOMETRY, words, Way(f"{words} {sign}", partial(change, sign), strengths), (strength,))
        for words, change, strengths, strength in _BOTH_WAYS
        for sign in (1, -1)
    ),
    Likeness(GEOMETRY, "nearer: cut and enlarged", Way("nearer", _nearer, _FACTORS), (1.2,)),
    Likeness(GEOMETRY, "smaller, with repeated edges", Way("farther", _farther, _FACTORS), (1.2,)),
    Likeness(
        GEOMETRY,
        "mirrored along the edges",
        Way("mirrored edges", _mirrored_edges, (0.04, 0.07, 0.1, 0.14, 0.18)),
        (0.1,),
    ),
    Likeness(GEOMETRY, "wavy, as through heat", Way("heat", partial(_warped, _HEAT), _PIXELS), (1, 2)),
    Likeness(
        GEOMETRY,
        "rough, as through glass",
        Way("glass", partial(_warped, _GLASS), _PIXELS),
        (1, 2),
    ),
    *(
        Likeness(
            GEOMETRY,
            f"as through ribbed glass, {words}",
            Way(f"ribbed {words}", partial(_ribbed, axis), (1.3, 1.7, 2.3, 3.0, 4.0)),
            (2.3,),
        )
        for words, axis in (("lying ribs", 0), ("upright ribs", 1))
    ),
    Likeness(GEOMETRY, "rows out of place", Way("torn", _torn, _PIXELS), (1, 2)),
    Likeness(GEOMETRY, "every second row moved", Way("combed", _combed, (1, 2, 3, 4)), (2,)),
    Likeness(
        GEOMETRY,
        "blocks out of place",
        Way("misplaced", _misplaced, (0.1, 0.2, 0.35, 0.5, 0.75)),
        (0.35,),
    ),
)
