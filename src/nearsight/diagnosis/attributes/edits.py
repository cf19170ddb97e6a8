"""Edits that give a picture more or less of an attribute, each with a strength."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from scipy.ndimage import gaussian_filter, grey_closing, grey_opening, median_filter
from torch import Tensor

Pixels = NDArray[np.uint8]
# What a change makes of pixels: any numbers; they are rounded and clipped afterwards.
Floats = NDArray[Any]
Change = Callable[[Pixels, float], Floats]

LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)[:, None, None]


@dataclass(frozen=True)
class Way:
    """A way to change a picture, with strengths from weak to strong.

    >>> darker = Way("darker", lambda pixels, by: pixels - by, (10, 20))
    >>> int(darker.edit(20)(torch.full((3, 1, 1), 50, dtype=torch.uint8))[0])
    30
    """

    name: str
    change: Change
    strengths: tuple[float, ...]

    def edit(self, strength: float) -> "WayEdit":
        """Return the edit of one strength, from uint8 (3, H, W) to the same; it does not change its argument."""
        return WayEdit(self, strength)


@dataclass(frozen=True)
class WayEdit:
    """A way to change a picture, with one strength."""

    way: Way
    strength: float

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""
        changed = self.way.change(image.numpy().copy(), self.strength)
        return torch.from_numpy(np.clip(np.rint(changed), 0, 255).astype(np.uint8))

    def times(self, factor: float) -> "WayEdit":
        """Return the same with so many times the strength, but within the strengths of the way.

        >>> WayEdit(Way("darker", lambda pixels, by: pixels - by, (10, 20, 40)), 20).times(3).strength
        40
        """
        strengths = self.way.strengths
        return WayEdit(self.way, min(max(self.strength * factor, min(strengths)), max(strengths)))


def as_it_is(image: Tensor) -> Tensor:
    """Return the image: the edit that changes nothing."""
    return image


def middle_strength(way: Way) -> float:
    """Return the strength in the middle of those of a way."""
    return way.strengths[len(way.strengths) // 2]


def as_picture(pixels: Pixels) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def as_pixels(picture: Image.Image) -> Pixels:
    return np.array(picture.convert("RGB")).transpose(2, 0, 1)


def _compressed(pixels: Pixels, loss: float) -> Pixels:
    file = BytesIO()
    as_picture(pixels).save(file, "JPEG", quality=100 - int(loss))
    return as_pixels(Image.open(file, formats=["JPEG"]))


def _compressed_moved(pixels: Pixels, loss: float) -> Pixels:
    wider = np.pad(pixels, ((0, 0), (4, 4), (4, 4)), mode="edge")
    return _compressed(wider, loss)[:, 4:-4, 4:-4]


def _pixelated(pixels: Pixels, cell: float) -> Pixels:
    return _resized(pixels, cell, Image.Resampling.BOX, Image.Resampling.NEAREST)


def _enlarged(pixels: Pixels, factor: float) -> Pixels:
    return _resized(pixels, factor, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)


def _resized(pixels: Pixels, factor: float, down: Image.Resampling, up: Image.Resampling) -> Pixels:
    picture = as_picture(pixels)
    small = (max(1, round(picture.width / factor)), max(1, round(picture.height / factor)))
    return as_pixels(picture.resize(small, down).resize(picture.size, up))


def _blurred(pixels: Pixels, sigma: float) -> Floats:
    return np.asarray(gaussian_filter(pixels.astype(np.float32), (0, sigma, sigma)))


def _blurred_across(pixels: Pixels, sigma: float) -> Floats:
    return np.asarray(gaussian_filter(pixels.astype(np.float32), (0, 0, sigma)))


def _blurred_down(pixels: Pixels, sigma: float) -> Floats:
    return np.asarray(gaussian_filter(pixels.astype(np.float32), (0, sigma, 0)))


def _sharpened(pixels: Pixels, per_cent: float) -> Pixels:
    return as_pixels(as_picture(pixels).filter(ImageFilter.UnsharpMask(1, int(per_cent), 0)))


def random_for(pixels: Pixels) -> np.random.Generator:
    """Return random numbers that differ from picture to picture, and are the same for the same picture."""
    return np.random.default_rng(int(pixels.sum(dtype=np.int64)))


def _noisy(pixels: Pixels, sigma: float) -> Floats:
    return pixels + random_for(pixels).normal(0, sigma, pixels.shape).astype(np.float32)


def _noisy_grey(pixels: Pixels, sigma: float) -> Floats:
    return pixels + random_for(pixels).normal(0, sigma, pixels.shape[1:]).astype(np.float32)


def _specked(pixels: Pixels, share: float) -> Pixels:
    drawn = random_for(pixels).random(pixels.shape[1:])
    pixels[:, drawn < share / 2] = 0
    pixels[:, drawn > 1 - share / 2] = 255
    return pixels


def _haired(colour: tuple[int, int, int], pixels: Pixels, number: float) -> Pixels:
    """Draw thin curves."""
    picture, random = as_picture(pixels), random_for(pixels)
    height, width = pixels.shape[1:]
    draw, along = ImageDraw.Draw(picture), np.linspace(0, 1, 24)[:, None]
    for _ in range(int(number)):
        first, middle, last = random.random((3, 2)) * (width - 1, height - 1)
        curve = (1 - along) ** 2 * first + 2 * along * (1 - along) * middle + along**2 * last
        draw.line(list(map(tuple, curve)), fill=colour, width=max(1, round(min(height, width) / 64)))
    return as_pixels(picture)


def _glowing(pixels: Pixels, opacity: float) -> Floats:
    """Draw a soft bright spot."""
    down, across = axes(pixels)
    top, left = random_for(pixels).random(2) * 2 - 1
    glow = np.float32(opacity) * np.exp(-((down - top) ** 2 + (across - left) ** 2) / (2 * 0.28**2))
    return np.asarray(pixels + glow * (255 - pixels.astype(np.float32)))


def _median(pixels: Pixels, side: float) -> Pixels:
    return np.asarray(median_filter(pixels, (1, int(side), int(side))))


def _closed(pixels: Pixels, side: float) -> Pixels:
    """Remove dark things that are thinner than `side`."""
    return np.asarray(grey_closing(pixels, (1, int(side), int(side))))


def _opened(pixels: Pixels, side: float) -> Pixels:
    """Remove light things that are thinner than `side`."""
    return np.asarray(grey_opening(pixels, (1, int(side), int(side))))


def _calmed(pixels: Pixels, sigma: float) -> Floats:
    """Blur colours more than brightness, as cameras do to remove noise."""
    channels = pixels.astype(np.float32)
    luma = (channels * LUMA).sum(0, keepdims=True)
    calm = gaussian_filter(channels - luma, (0, sigma, sigma))
    return np.asarray(gaussian_filter(luma, (0, sigma / 3, sigma / 3)) + calm)


def _levelled(pixels: Pixels, step: float) -> Floats:
    """Keep only values that are `step` apart."""
    levels = max(2, round(255 / step) + 1)
    return np.asarray(np.rint(pixels / 255 * (levels - 1)) * (255 / (levels - 1)), dtype=np.float32)


def _dithered(pixels: Pixels, step: float) -> Floats:
    spread = random_for(pixels).uniform(-step / 2, step / 2, pixels.shape).astype(np.float32)
    return pixels + spread


def _added(pixels: Pixels, by: float) -> Floats:
    return pixels + np.float32(by)


def _gamma(pixels: Pixels, octaves: float) -> Floats:
    return np.asarray(255 * (pixels.astype(np.float32) / 255) ** np.float32(2**-octaves))


def _contrasted(pixels: Pixels, octaves: float) -> Floats:
    channels = pixels.astype(np.float32)
    mean = channels.mean()
    return np.asarray(mean + (channels - mean) * np.float32(2**octaves))


def _faded(pixels: Pixels, share: float) -> Floats:
    """Move all values towards grey; if `share` is negative, move them away from it by the inverse."""
    factor = np.float32(1 - share if share >= 0 else 1 / (1 + share))
    return 128 + (pixels.astype(np.float32) - 128) * factor


def _mixed(level: float, pixels: Pixels, share: float) -> Floats:
    return pixels * np.float32(1 - share) + np.float32(share * level)


def _saturated(pixels: Pixels, octaves: float) -> Floats:
    channels = pixels.astype(np.float32)
    luma = (channels * LUMA).sum(0, keepdims=True)
    return np.asarray(luma + (channels - luma) * np.float32(2**octaves))


def _grey(pixels: Pixels, share: float) -> Floats:
    luma = (pixels * LUMA).sum(0, keepdims=True)
    return np.asarray(pixels + share * (luma - pixels), dtype=np.float32)


def _gained(axis: tuple[float, float, float], pixels: Pixels, octaves: float) -> Floats:
    gains = 2 ** (np.array(axis, dtype=np.float32) * np.float32(octaves))
    return np.asarray(pixels * gains[:, None, None])


def _offset(axis: tuple[float, float, float], pixels: Pixels, by: float) -> Floats:
    return pixels + (np.array(axis, dtype=np.float32) * np.float32(by))[:, None, None]


def _lit(pixels: Pixels, octaves: float) -> Floats:
    """Make corners lighter than the middle, or darker if `octaves` is negative."""
    down, across = axes(pixels)
    return np.asarray(pixels * 2 ** (np.float32(octaves) * (down**2 + across**2) / 2))


def _lit_across(pixels: Pixels, octaves: float) -> Floats:
    return pixels * 2 ** (np.float32(octaves) * -axes(pixels)[1] / 2)


def _lit_down(pixels: Pixels, octaves: float) -> Floats:
    return pixels * 2 ** (np.float32(octaves) * -axes(pixels)[0] / 2)


def axes(pixels: Pixels) -> tuple[Floats, Floats]:
    height, width = pixels.shape[1:]
    return (
        np.linspace(-1, 1, height, dtype=np.float32)[:, None],
        np.linspace(-1, 1, width, dtype=np.float32)[None],
    )


def _fringed(axis: int, pixels: Pixels, by: float) -> Pixels:
    moved = np.roll(pixels[2], int(by), axis)
    return np.stack([pixels[0], pixels[1], moved])


def _fringed_both(axis: int, pixels: Pixels, by: float) -> Floats:
    """Move blue by a number of pixels and red by the same to the other side; half a pixel is a half blend."""
    whole = int(np.ceil(abs(by)) * np.sign(by))
    moved = np.stack([np.roll(pixels[0], -whole, axis), pixels[1], np.roll(pixels[2], whole, axis)])
    return np.asarray(pixels + (by / whole) * (moved.astype(np.float32) - pixels))


def waved(frequency: tuple[float, float], pixels: Pixels, amplitude: float) -> Floats:
    height, width = pixels.shape[1:]
    turns = frequency[0] * np.arange(height)[:, None] + frequency[1] * np.arange(width)
    # On lines in every second row, a sine would only have its zeros.
    return pixels + np.float32(amplitude) * np.cos(2 * np.pi * turns).astype(np.float32)


def _flattened(frequency: tuple[float, float], pixels: Pixels, width: float) -> Floats:
    """Remove a frequency from the spectrum, with everything within `width` cycles per pixel of it."""
    spectrum = np.fft.rfft2(pixels)
    down = np.fft.fftfreq(pixels.shape[1])[:, None]
    across = np.fft.rfftfreq(pixels.shape[2])
    near = np.zeros((len(down), len(across)), dtype=bool)
    for sign in (1, -1):
        away = np.abs(down - sign * frequency[0])
        near |= (np.minimum(away, 1 - away) <= width) & (np.abs(across - sign * frequency[1]) <= width)
    spectrum[:, near] = 0
    return np.fft.irfft2(spectrum, s=pixels.shape[1:]).astype(np.float32)


_LOSSES = (5, 10, 20, 30, 40, 50, 60, 70, 80, 85, 90, 95)
_SIGMAS = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0)
_NOISES = (1, 2, 3, 4, 6, 8, 11, 15, 20, 28, 40)
_OCTAVES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.1, 1.5, 2.0)
_LEVELS = (3.0, 6.0, 10.0, 15.0, 20.0, 30.0, 40.0, 55.0, 75.0, 100.0)
_SHARES = (0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 0.95)
_WARM, _GREEN = (0.5, 0.0, -0.5), (-1 / 3, 2 / 3, -1 / 3)


def _both(name: str, other: str, change: Change, strengths: tuple[float, ...]) -> tuple[Way, Way]:
    return Way(name, change, strengths), Way(other, change, tuple(-strength for strength in strengths))


BRIGHTER, DARKER = _both("brighter", "darker", _added, _LEVELS)
LIGHT_GAMMA, DARK_GAMMA = _both("light midtones", "dark midtones", _gamma, _OCTAVES)
HARD, SOFT = _both("more contrast", "less contrast", _contrasted, _OCTAVES)
FADED, UNFADED = _both("faded", "unfaded", _faded, _SHARES)
HAZE, VEIL = Way("haze", partial(_mixed, 255), _SHARES), Way("dimmed", partial(_mixed, 0), _SHARES)
COLOURED, PALE = _both("more colour", "less colour", _saturated, _OCTAVES)
GREYSCALE = Way("greyscale", _grey, (0.5, 0.7, 0.8, 0.9, 0.95, 1.0))
WARMER, COOLER = _both("red gains", "blue gains", partial(_gained, _WARM), _OCTAVES)
GREENER, PURPLER = _both("green gains", "purple gains", partial(_gained, _GREEN), _OCTAVES)
REDDER, BLUER = _both("red added", "blue added", partial(_offset, _WARM), _LEVELS)
GREENISH, PURPLISH = _both("green added", "purple added", partial(_offset, _GREEN), _LEVELS)
# The hues of casts, and the direction of red, green and blue of each.
HUES = {
    "reddish": (1.0, -0.5, -0.5),
    "yellowish": (0.5, 0.5, -1.0),
    "greenish": (-0.5, 1.0, -0.5),
    "turquoise": (-1.0, 0.5, 0.5),
    "bluish": (-0.5, -0.5, 1.0),
    "purplish": (0.5, -1.0, 0.5),
}
# Casts of light by hue: ways to add and remove each, by adding to all pixels or multiplying them.
CASTS = tuple(
    (hue, *_both(f"{hue} cast", f"less {hue} cast", partial(change, axis), strengths))
    for hue, axis in HUES.items()
    for change, strengths in (
        (_offset, (4.0, 7.0, 10.0, 15.0, 20.0, 27.0, 35.0, 50.0)),
        (_gained, (0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.5, 0.7)),
    )
)
LIGHT_CORNERS, DARK_CORNERS = _both(
    "light corners", "dark corners", _lit, (0.1, 0.2, 0.4, 0.6, 0.9, 1.3, 1.8, 2.5)
)
LEFT, RIGHT = _both("light from the left", "light from the right", _lit_across, _OCTAVES)
ABOVE, BELOW = _both("light from above", "light from below", _lit_down, _OCTAVES)
FRINGES_RIGHT, FRINGES_LEFT = _both("blue moved right", "blue moved left", partial(_fringed, 1), (1, 2, 3))
FRINGES_DOWN, FRINGES_UP = _both("blue moved down", "blue moved up", partial(_fringed, 0), (1, 2, 3))
APART_RIGHT, APART_LEFT = _both(
    "red left, blue right", "red right, blue left", partial(_fringed_both, 1), (0.5, 1, 2, 3, 4)
)
APART_DOWN, APART_UP = _both(
    "red up, blue down", "red down, blue up", partial(_fringed_both, 0), (0.5, 1, 2, 3, 4)
)
COMPRESSED, COMPRESSED_MOVED = (
    Way("JPEG", _compressed, _LOSSES),
    Way("JPEG, moved", _compressed_moved, _LOSSES),
)
PIXELATED = Way("pixelated", _pixelated, (1.5, 2, 3, 4, 5, 6, 8))
ENLARGED = Way("enlarged", _enlarged, (1.1, 1.2, 1.4, 1.6, 2, 2.5, 3, 4))
BLUR, SHARP = (
    Way("blur", _blurred, _SIGMAS),
    Way("sharpened", _sharpened, (20, 40, 60, 100, 150, 200, 300, 500)),
)
BLUR_ACROSS, BLUR_DOWN = (
    Way("blur across", _blurred_across, _SIGMAS),
    Way("blur down", _blurred_down, _SIGMAS),
)
NOISE, GREY_NOISE = Way("noise", _noisy, _NOISES), Way("grey noise", _noisy_grey, _NOISES)
SPECKS = Way("specks", _specked, (0.002, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08, 0.12))
HAIRED, SCRATCHED = (
    Way(f"thin {name} lines", partial(_haired, colour), (1, 2, 3, 4, 6, 9))
    for name, colour in (("dark", (40, 30, 20)), ("light", (235, 235, 235)))
)
GLOWING = Way("bright spot", _glowing, (0.2, 0.35, 0.5, 0.65, 0.8, 0.95))
CLOSED, OPENED = Way("closed", _closed, (3, 5)), Way("opened", _opened, (3, 5))
MEDIAN, CALMED = Way("median", _median, (3, 5)), Way("calmed", _calmed, (0.6, 1.0, 1.5, 2.0, 3.0))
LEVELLED = Way("few levels", _levelled, (2, 3, 4, 6, 8, 12, 17, 25, 36, 51, 85, 127))
DITHERED = Way("dithered", _dithered, (1, 2, 4, 8, 16, 32, 64))

# For each attribute: ways to have more of it, and ways to have less.
WAYS: dict[str, tuple[tuple[Way, ...], tuple[Way, ...]]] = {
    "blocks": ((COMPRESSED,), (BLUR, DITHERED)),
    "block edges": ((COMPRESSED, ENLARGED, PIXELATED), (BLUR,)),
    "moved blocks": ((COMPRESSED_MOVED, ENLARGED, PIXELATED), (BLUR,)),
    "pixelation": ((PIXELATED,), (BLUR,)),
    "sharpness": ((SHARP, NOISE, GREY_NOISE, SPECKS), (BLUR, ENLARGED)),
    "fine detail": ((SHARP, NOISE, GREY_NOISE, SPECKS), (BLUR, ENLARGED)),
    "upright detail": ((BLUR_DOWN,), (BLUR_ACROSS,)),
    "noise": ((GREY_NOISE, NOISE), (CALMED, BLUR, COMPRESSED, PIXELATED)),
    "colour noise": ((NOISE, LEVELLED, COLOURED), (CALMED, BLUR)),
    "specks": ((SPECKS,), (MEDIAN,)),
    "lines across": ((COMPRESSED, PIXELATED), ()),
    "lines down": ((COMPRESSED, PIXELATED), ()),
    "pattern": ((COMPRESSED, PIXELATED), ()),
    "few values": ((LEVELLED,), (DITHERED,)),
    "missing values": ((HARD, WARMER, COOLER, LIGHT_GAMMA, DARK_GAMMA, COLOURED), (DITHERED,)),
    "equal neighbours": ((LEVELLED, PIXELATED, BLUR, GREYSCALE), (DITHERED, NOISE)),
    "blown out": ((BRIGHTER, HARD, SPECKS), (VEIL,)),
    "drowned": ((DARKER, HARD, SPECKS), (HAZE,)),
    "brightness": ((BRIGHTER, LIGHT_GAMMA, HAZE), (DARKER, DARK_GAMMA, VEIL)),
    "contrast": ((HARD,), (SOFT, HAZE)),
    "darkest": ((HAZE, BRIGHTER, SOFT), (DARKER, HARD, DARK_GAMMA)),
    "lightest": ((BRIGHTER, HARD, LIGHT_GAMMA), (VEIL, DARKER, SOFT)),
    "midtones": ((LIGHT_GAMMA,), (DARK_GAMMA,)),
    "dark corners": ((DARK_CORNERS,), (LIGHT_CORNERS,)),
    "light corners": ((LIGHT_CORNERS,), (DARK_CORNERS,)),
    "light from the left": ((LEFT,), (RIGHT,)),
    "light from above": ((ABOVE,), (BELOW,)),
    "warm edges": ((WARMER,), (COOLER,)),
    "green edges": ((GREENER,), (PURPLER,)),
    "warm": ((WARMER, REDDER), (COOLER, BLUER)),
    "green": ((GREENER, GREENISH), (PURPLER, PURPLISH)),
    "warm shadows": ((REDDER, WARMER), (BLUER, COOLER)),
    "green shadows": ((GREENISH, GREENER), (PURPLISH, PURPLER)),
    "warm lights": ((WARMER, REDDER), (COOLER, BLUER)),
    "green lights": ((GREENER, GREENISH), (PURPLER, PURPLISH)),
    "warm everywhere": ((REDDER, WARMER), (BLUER, COOLER)),
    "cold everywhere": ((BLUER, COOLER), (REDDER, WARMER)),
    "green everywhere": ((GREENISH, GREENER), (PURPLISH, PURPLER)),
    "purple everywhere": ((PURPLISH, PURPLER), (GREENISH, GREENER)),
    "strongest colour": ((COLOURED,), (PALE, GREYSCALE)),
    "saturation": ((COLOURED,), (PALE, GREYSCALE)),
    "colour variety": ((COLOURED,), (GREYSCALE, PALE)),
    "colour fringes across": ((FRINGES_RIGHT, APART_RIGHT), (FRINGES_LEFT, APART_LEFT)),
    "colour fringes down": ((FRINGES_DOWN, APART_DOWN), (FRINGES_UP, APART_UP)),
}


def waves(frequency: tuple[float, float]) -> tuple[Way, Way]:
    """Return the ways that add a wave to a picture and remove it.

    `frequency` is in cycles per pixel, down and across.
    """
    added = partial(waved, frequency)
    taken = partial(_flattened, frequency)
    return Way("wave", added, (1, 2, 3, 4, 6, 8, 12, 16, 24, 36)), Way("notch", taken, (0.01, 0.02, 0.04))
