"""Edits of colours and tones: channels swapped, turned, lost or blurred, tones inverted or stretched."""

from functools import partial
from itertools import permutations

import numpy as np
from PIL import ImageOps
from scipy.ndimage import gaussian_filter

from nearsight.diagnosis.attributes.edits import LUMA, Floats, Pixels, Way, as_picture, as_pixels
from nearsight.diagnosis.attributes.kinds import CHANNELS, TONES
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import by_shares

_NAMES = ("red", "green", "blue")
# Shares of a whole turn of the hues.
_TURNS = (-1 / 6, -1 / 12, 1 / 12, 1 / 6)


def _swapped(order: tuple[int, ...], pixels: Pixels) -> Floats:
    return pixels[list(order)]


def _turned(turn: float, pixels: Pixels) -> Floats:
    """Rotate colours around the axis of greys, by the formula of Rodrigues."""
    angle, grey = 2 * np.pi * turn, np.full((3, 3), 1 / 3)
    across = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / 3**0.5
    matrix = np.cos(angle) * np.eye(3) + (1 - np.cos(angle)) * grey + np.sin(angle) * across
    return np.asarray(np.tensordot(matrix, pixels.astype(np.float32), 1))


def _negative(pixels: Pixels, _: float) -> Floats:
    return 255 - pixels


def _solarised(pixels: Pixels, depth: float) -> Pixels:
    return as_pixels(ImageOps.solarize(as_picture(pixels), 256 - int(depth)))


def _folded(pixels: Pixels, depth: float) -> Floats:
    """Make what is lighter than a tone as much darker than it."""
    tone = np.float32(255 - depth)
    return np.asarray(np.where(pixels > tone, 2 * tone - pixels, pixels))


def _equalised(pixels: Pixels) -> Floats:
    return as_pixels(ImageOps.equalize(as_picture(pixels)))


def _stretched(pixels: Pixels) -> Floats:
    return as_pixels(ImageOps.autocontrast(as_picture(pixels), 2))


def _brown(pixels: Pixels) -> Floats:
    luma = (pixels * LUMA).sum(0, keepdims=True)
    return np.asarray(luma * np.array((1.07, 0.94, 0.74), dtype=np.float32)[:, None, None])


def _lost(channel: int, pixels: Pixels) -> Floats:
    """Put the mean of the other channels in the place of one."""
    changed = pixels.astype(np.float32)
    changed[channel] = np.delete(changed, channel, axis=0).mean(0)
    return changed


def _blurred(channel: int, pixels: Pixels, sigma: float) -> Floats:
    changed = pixels.astype(np.float32)
    changed[channel] = gaussian_filter(changed[channel], sigma)
    return changed


def _bled(pixels: Pixels, sigma: float) -> Floats:
    """Blur colours, and leave brightness as it is."""
    channels = pixels.astype(np.float32)
    luma = (channels * LUMA).sum(0, keepdims=True)
    return np.asarray(luma + gaussian_filter(channels - luma, (0, sigma, sigma)))


def _split(dark: tuple[float, ...], light: tuple[float, ...], pixels: Pixels, by: float) -> Floats:
    """Give shadows one cast, and lights another."""
    luma = (pixels * LUMA).sum(0) / 255
    shade, shine = (np.array(cast, dtype=np.float32)[:, None, None] for cast in (dark, light))
    return np.asarray(pixels + np.float32(by) * ((1 - luma) * shade + luma * shine))


def _of_heat(pixels: Pixels) -> Floats:
    """Show brightness in colours from blue over green to red, as heat cameras do."""
    luma = (pixels * LUMA).sum(0) / 255
    return np.stack([255 * np.clip(1.5 - np.abs(4 * luma - peak), 0, 1) for peak in (3, 2, 1)])


def _bleached(pixels: Pixels) -> Floats:
    """Lay the grey picture over the coloured one, so that contrast rises and colours fade."""
    luma, own = (pixels * LUMA).sum(0, keepdims=True) / 255, pixels.astype(np.float32) / 255
    dark, light = 2 * own * luma, 1 - 2 * (1 - own) * (1 - luma)
    return np.asarray(255 * np.where(luma < 0.5, dark, light))


_SWAPS = tuple(
    by_shares(f"channels {order}", partial(_swapped, order))
    for order in permutations(range(3))
    if order != (0, 1, 2)
)
_HUES = tuple(by_shares(f"hues turned by {turn:.2f}", partial(_turned, turn)) for turn in _TURNS)
# A share of a negative is a paler picture.
_NEGATIVE = Way("negative", _negative, (1.0,))
_BLURS = (0.5, 0.8, 1.2, 1.7, 2.5, 4.0)

COLOURS = (
    *(Likeness(CHANNELS, "swapped colours", way, (0.4, 1.0)) for way in _SWAPS),
    *(Likeness(CHANNELS, "turned hues", way, (1.0,)) for way in _HUES),
    Likeness(CHANNELS, "a negative", _NEGATIVE, (1.0,)),
    *(
        Likeness(
            CHANNELS,
            f"no {name} of its own",
            by_shares(f"{name} lost", partial(_lost, k)),
            (1.0,),
        )
        for k, name in enumerate(_NAMES)
    ),
    *(
        Likeness(
            CHANNELS,
            f"blurred {name}",
            Way(f"{name} blurred", partial(_blurred, k), _BLURS),
            (1.2, 2.5),
        )
        for k, name in enumerate(_NAMES)
    ),
    Likeness(CHANNELS, "blurred colours", Way("bled", _bled, (0.8, 1.2, 2.0, 3.0, 5.0)), (2.0,)),
    Likeness(
        TONES,
        "solarised: light parts inverted",
        Way("solarised", _solarised, (32, 64, 96, 128, 160, 192)),
        (64, 128),
    ),
    Likeness(
        TONES,
        "solarised: light parts turned dark",
        Way("folded", _folded, (30, 50, 75, 105, 135, 170)),
        (75, 135),
    ),
    Likeness(TONES, "equalised tones", by_shares("equalised", _equalised), (1.0,)),
    Likeness(TONES, "stretched tones", by_shares("stretched", _stretched), (1.0,)),
    *(
        Likeness(
            CHANNELS,
            f"{dark_word} shadows and {light_word} lights",
            Way(f"{dark_word} and {light_word}", partial(_split, dark, light), (10, 18, 28, 42, 60)),
            (28,),
        )
        for dark_word, dark, light_word, light in (
            ("bluish", (-0.7, 0.1, 1.0), "orange", (1.0, 0.3, -0.9)),
            ("purplish", (0.6, -0.8, 0.7), "greenish", (-0.6, 0.8, -0.5)),
            ("reddish", (1.0, -0.5, -0.5), "bluish", (-0.9, 0.2, 0.8)),
        )
    ),
    Likeness(CHANNELS, "in colours of heat", by_shares("heat colours", _of_heat), (0.6,)),
    Likeness(TONES, "bleached: hard and pale", by_shares("bleached", _bleached), (0.6,)),
    Likeness("cast", "brown, as old prints", by_shares("brown", _brown), (0.6, 1.0)),
)
