"""Edits of light: patches and bands of it, fog, nets, casts that change over the picture, light from an edge."""

from functools import partial
from itertools import product

import numpy as np
from scipy.ndimage import gaussian_filter

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way, axes, random_for
from nearsight.diagnosis.attributes.kinds import UNEVEN_CAST, UNEVEN_LIGHT
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.sampling import smooth_field

# How far light from an edge reaches, where a side is at 1.
_REACH = 0.5
# The lightest that fog makes a pixel.
_FOG = 235


def _field(pixels: Pixels, reach: float) -> Floats:
    """Return a smooth random field that reaches as far as a share of the shorter side."""
    return smooth_field(pixels, reach * min(pixels.shape[1:]))


def _dappled(reach: float, pixels: Pixels, octaves: float) -> Floats:
    return np.asarray(pixels * 2 ** (np.float32(octaves) * np.clip(_field(pixels, reach), -1.5, 1.5)))


def _fogged(pixels: Pixels, share: float) -> Floats:
    thick = np.clip(np.float32(share) * (1 + 0.6 * _field(pixels, 0.12)), 0, 1)
    return np.asarray(pixels + thick * (_FOG - pixels.astype(np.float32)))


def _rippled(pixels: Pixels, share: float) -> Floats:
    """Lay a net of light over a picture: it is light where one of two random waves is at its zero."""
    random, sigma = random_for(pixels), min(pixels.shape[1:]) / 14
    waves = gaussian_filter(random.normal(size=(2, *pixels.shape[1:])), (0, sigma, sigma), mode="wrap")
    net = np.exp(-((waves / max(0.3 * waves.std(), 1e-9)) ** 2)).max(0)
    return np.asarray(pixels * (1 - np.float32(share) / 4 + np.float32(share) * net))


def _banded(axis: int, pixels: Pixels, octaves: float) -> Floats:
    """Make broad bands of light and shade, as lamps that flicker do."""
    random, along = random_for(pixels), axes(pixels)[axis]
    return np.asarray(
        pixels * 2 ** (octaves * np.sin(np.pi * (random.uniform(2, 4) * along + 2 * random.random())))
    )


def _shaded(hue: tuple[float, float, float], toward: str, pixels: Pixels, octaves: float) -> Floats:
    """Give one side, or the middle, a cast, and what is opposite the opposite one."""
    down, across = axes(pixels)
    slope = {"across": across, "middle": 1 - down**2 - across**2}[toward]
    gains = np.array(hue, dtype=np.float32)[:, None, None] * np.float32(octaves) * slope
    return np.asarray(pixels * 2**gains)


def _leaked(side: tuple[int, int], colour: tuple[int, int, int], pixels: Pixels, share: float) -> Floats:
    """Let light in at a side or a corner, of which 0 means anywhere along it."""
    away = sum(
        (np.square(axis - one) for axis, one in zip(axes(pixels), side, strict=True) if one), np.float32(0)
    )
    glow = np.float32(share) * np.exp(-away / (2 * _REACH**2))
    light = np.array(colour, dtype=np.float32)[:, None, None] / 255
    return np.asarray(255 - (255 - pixels.astype(np.float32)) * (1 - glow * light))


def _shadowed(pixels: Pixels, octaves: float) -> Floats:
    """Lay a shadow with a straight edge over one part of a picture."""
    random, (down, across) = random_for(pixels), axes(pixels)
    angle, off = random.uniform(0, 2 * np.pi), random.uniform(0, 0.4)
    side = (down * np.cos(angle) + across * np.sin(angle) - off) * min(pixels.shape[1:]) / 2
    return np.asarray(pixels * 2 ** (-2 * np.float32(octaves) * np.clip(side + 0.5, 0, 1)))


def _beamed(pixels: Pixels, share: float) -> Floats:
    """Let rays of light fan out from a point above."""
    random, (down, across) = random_for(pixels), axes(pixels)
    angle = np.arctan2(across - random.uniform(-1, 1), down + 1.2)
    rays = np.clip(np.cos(random.uniform(10, 16) * angle + random.uniform(0, 2 * np.pi)), 0, 1)
    fading = np.clip(1 - (down + 1) / 2.4, 0, 1)
    return np.asarray(pixels + np.float32(share) * rays * fading * (250 - pixels.astype(np.float32)))


def _filtered(side: int, hue: tuple[float, float, float], pixels: Pixels, octaves: float) -> Floats:
    """Darken the upper part (−1) or the lower (1) towards a hue, less and less to the middle."""
    fading = np.clip(side * axes(pixels)[0] + 0.2, 0, 1.2)
    return np.asarray(
        pixels * 2 ** (np.float32(octaves) * (np.array(hue, dtype=np.float32)[:, None, None] - 1.2) * fading)
    )


def _blotched(pixels: Pixels, amplitude: float) -> Floats:
    """Lay large soft blotches of all colours over a picture."""
    sigma = 0.08 * min(pixels.shape[1:])
    field = gaussian_filter(random_for(pixels).normal(size=pixels.shape), (0, sigma, sigma), mode="wrap")
    return np.asarray(pixels + np.float32(amplitude) * field / max(field.std(), 1e-9))


_OCTAVES = (0.1, 0.15, 0.25, 0.35, 0.5, 0.75, 1.1)
_FAINT, _SHARES = (0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6), (0.15, 0.25, 0.4, 0.6, 0.85)
_HUES = {hue: edits.HUES[hue] for hue in ("reddish", "greenish", "bluish")}
# Not above or below: skies are bluish by themselves.
_WHERE = {
    "across": ("on the right", "on the left"),
    "middle": ("in the middle", "around the middle"),
}
_SHADINGS = tuple(
    Way(
        f"{hue} {_WHERE[toward][sign < 0]}",
        partial(_shaded, tuple(sign * part for part in _HUES[hue]), toward),  # type: ignore[arg-type]
        _OCTAVES,
    )
    for hue, toward, sign in product(_HUES, _WHERE, (1, -1))
)
_FILTERS = {"brownish": (0.9, 0.2, -0.9), "purplish": (0.6, -0.7, 0.4), "grey": (0.0, 0.0, 0.0)}
_LIGHTS = {"reddish": (255, 120, 40), "pale": (255, 235, 200)}
_SIDES = {
    "the left": (0, -1),
    "the right": (0, 1),
    "above": (-1, 0),
    "below": (1, 0),
    "the top left": (-1, -1),
    "the top right": (-1, 1),
    "the bottom left": (1, -1),
    "the bottom right": (1, 1),
}

PHOTO_LIGHTS = (
    Likeness(UNEVEN_LIGHT, "dappled light", Way("dappled", partial(_dappled, 0.05), _OCTAVES), (0.5,)),
    Likeness(
        UNEVEN_LIGHT,
        "large patches of light and shade",
        Way("patches", partial(_dappled, 0.14), _OCTAVES),
        (0.5,),
    ),
    Likeness(UNEVEN_LIGHT, "uneven fog", Way("fogged", _fogged, _FAINT), (0.22, 0.45)),
    Likeness(UNEVEN_LIGHT, "a net of light, as under water", Way("rippled", _rippled, _FAINT), (0.32,)),
    Likeness(
        UNEVEN_LIGHT,
        "bands of light from left to right",
        Way("bands", partial(_banded, 0), _OCTAVES),
        (0.35,),
    ),
    Likeness(
        UNEVEN_LIGHT,
        "bands of light up and down",
        Way("upright bands", partial(_banded, 1), _OCTAVES),
        (0.35,),
    ),
    Likeness(UNEVEN_LIGHT, "a shadow with a sharp edge", Way("shadow", _shadowed, _OCTAVES), (0.5,)),
    Likeness(UNEVEN_LIGHT, "rays of light from above", Way("beams", _beamed, _SHARES), (0.4,)),
    Likeness(UNEVEN_CAST, "blotches of colour", Way("blotches", _blotched, (4, 7, 12, 20, 32)), (12,)),
    *(
        Likeness(
            UNEVEN_CAST,
            f"dark and {word} {where}, as through a graduated filter",
            Way(f"filtered {word} {where}", partial(_filtered, side, hue), _OCTAVES),
            (0.5,),
        )
        for (word, hue), (where, side) in product(_FILTERS.items(), (("above", -1), ("below", 1)))
    ),
    *(Likeness(UNEVEN_CAST, way.name, way, (0.35,)) for way in _SHADINGS),
    *(
        Likeness(
            UNEVEN_CAST,
            f"{word} light from {where}",
            Way(f"{word} light from {where}", partial(_leaked, side, colour), _SHARES),
            (0.4,),
        )
        for (word, colour), (where, side) in product(_LIGHTS.items(), _SIDES.items())
    ),
)
