"""Edits of what surrounds the middle of a picture, and of how the light falls."""

from dataclasses import replace
from functools import partial

import numpy as np

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way
from nearsight.diagnosis.attributes.kinds import SURROUNDINGS
from nearsight.diagnosis.attributes.likeness import Likeness

# An edit of the surroundings begins at the first distance from the centre and is whole at the second; a side is at 1.
BEGINS, WHOLE = 0.6, 0.7
_COLOURS = {
    "reddish": (170, 60, 50),
    "yellowish": (200, 170, 60),
    "greenish": (60, 140, 60),
    "turquoise": (60, 150, 140),
    "bluish": (50, 60, 170),
    "purplish": (150, 60, 170),
}


def around(way: Way) -> Way:
    """Return the way that changes what surrounds the middle of a picture, and leaves the middle as it is.

    >>> import torch
    >>> dark = around(edits.VEIL).edit(0.5)(torch.full((3, 9, 9), 100, dtype=torch.uint8))
    >>> int(dark[0, 0, 0]), int(dark[0, 4, 4])
    (50, 100)
    """
    return Way(f"{way.name}, around", partial(_around, way), way.strengths)


def _around(way: Way, pixels: Pixels, strength: float) -> Floats:
    down, across = edits.axes(pixels)
    share = np.clip((np.hypot(down, across) - BEGINS) / (WHOLE - BEGINS), 0, 1)
    changed = np.clip(way.change(pixels.copy(), strength), 0, 255).astype(np.float32)
    return np.asarray(pixels + share * (changed - pixels))


def _painted(colour: tuple[int, int, int], pixels: Pixels, share: float) -> Floats:
    wanted = np.array(colour, dtype=np.float32)[:, None, None]
    return np.asarray(pixels + np.float32(share) * (wanted - pixels))


def _unpainted(colour: tuple[int, int, int], pixels: Pixels, share: float) -> Floats:
    wanted = np.array(colour, dtype=np.float32)[:, None, None]
    return np.asarray(wanted + (pixels - wanted) / np.float32(1 - share))


def _lit_towards(toward: tuple[float, float], pixels: Pixels, octaves: float) -> Floats:
    down, across = edits.axes(pixels)
    return np.asarray(pixels * 2 ** (np.float32(octaves) * (toward[0] * down + toward[1] * across) / 2))


_SHARES = (0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65)
_STRIPES = Way("stripes", partial(edits.waved, (0.125, 0.125)), (4, 8, 12, 16, 24, 36))

# What a background may be made of, whether it is what surrounds the middle or all but the object.
OF_BACKGROUNDS = (
    Likeness(SURROUNDINGS, "blurred background", edits.BLUR, (), edits.SHARP),
    Likeness(SURROUNDINGS, "grey background", edits.GREYSCALE, (), edits.COLOURED),
    Likeness(SURROUNDINGS, "dark background", edits.VEIL, (), edits.HARD),
    Likeness(SURROUNDINGS, "light background", edits.HAZE, (), edits.HARD),
    Likeness(SURROUNDINGS, "striped background", _STRIPES, (), edits.BLUR),
    *(
        Likeness(
            SURROUNDINGS,
            f"{hue} background",
            Way(f"{hue} paint", partial(_painted, colour), _SHARES),
            (),
            Way(f"less {hue} paint", partial(_unpainted, colour), _SHARES),
        )
        for hue, colour in _COLOURS.items()
    ),
)
BACKGROUNDS = tuple(
    replace(one, way=around(one.way), back=None if one.back is None else around(one.back))
    for one in OF_BACKGROUNDS
)
_DIAGONAL = 0.7
_CORNERS = {
    "top left": (-_DIAGONAL, -_DIAGONAL),
    "top right": (-_DIAGONAL, _DIAGONAL),
    "bottom left": (_DIAGONAL, -_DIAGONAL),
    "bottom right": (_DIAGONAL, _DIAGONAL),
}
_OCTAVES = edits.LEFT.strengths
LIGHTS = tuple(
    Likeness(
        "light from the left" if "left" in corner else "light from above",
        f"lighter at the {corner}",
        Way(f"light from the {corner}", partial(_lit_towards, toward), _OCTAVES),
        (),
        Way(f"light from the {corner}, removed", partial(_lit_towards, (-toward[0], -toward[1])), _OCTAVES),
    )
    for corner, toward in _CORNERS.items()
)
