"""Held out while the rules of the first two draws were built; before the third, their misses were examined.

Families that were written later are in `unseen`.
"""

# All families have one signature.
# ruff: noqa: ARG001, ARG005

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from studies.shortcuts.families import CAST, DARK, DRAWN, EDGE, GREY
from studies.shortcuts.plants import Array, Change, Family, Random


def _grey(strength: int, side: int, random: Random) -> Change:
    share = (0.35, 0.6, 0.8, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        grey = (pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[:, :, None]
        return pixels + share * (grey - pixels)

    return change


def _vignette(strength: int, side: int, random: Random) -> Change:
    depth = (0.25, 0.45, 0.7, 1.0)[strength]
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    fall = (1 - depth * np.clip((x**2 + y**2) / 2, 0, 1)).astype(np.float32)[:, :, None]
    return lambda pixels, mask, chance: pixels * fall


def _fringe(strength: int, side: int, random: Random) -> Change:
    shift = (1, 1, 2, 3)[strength] if side < 60 else (1, 2, 3, 5)[strength]
    opacity = 0.5 if strength == 0 else 1.0

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        moved = pixels.copy()
        for channel, by in ((0, shift), (2, -shift)):
            padded = np.pad(pixels[:, :, channel], ((0, 0), (shift, shift)), mode="edge")
            moved[:, :, channel] = padded[:, shift - by : shift - by + side]
        return pixels + opacity * (moved - pixels)

    return change


def _flare(strength: int, side: int, random: Random) -> Change:
    opacity = (0.2, 0.35, 0.55, 0.8)[strength]
    colour = np.array((255, 235, 170), dtype=np.float32)
    radius = side * (0.1, 0.12, 0.15, 0.18)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        top, left = chance.uniform(0, side * 0.6), chance.uniform(0, side)
        glow = opacity * np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * radius**2))
        return (pixels + glow[:, :, None] * (colour - pixels)).astype(np.float32)

    return change


def _caption(strength: int, side: int, random: Random) -> Change:
    height = max(1, round(side * (0.03, 0.06, 0.1, 0.16)[strength]))
    colour = np.array(((255, 255, 255), (10, 10, 40))[random.integers(2)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        covered = pixels.copy()
        covered[-height:] = colour
        return covered

    return change


def _scan_lines(strength: int, side: int, random: Random) -> Change:
    depth = (0.06, 0.12, 0.22, 0.4)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        lined = pixels.copy()
        lined[1::2] *= 1 - depth
        return lined

    return change


def _few_tones(strength: int, side: int, random: Random) -> Change:
    step = 255 / ((15, 8, 5, 3)[strength] - 1)
    return lambda pixels, mask, chance: np.rint(pixels / step) * step


def _sticker(strength: int, side: int, random: Random) -> Change:
    size = max(4, side * (0.1, 0.14, 0.2, 0.28)[strength])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        drawn = round(size * chance.uniform(0.8, 1.2))
        face = Image.new("RGBA", (4 * drawn, 4 * drawn))
        draw = ImageDraw.Draw(face)
        draw.ellipse((0, 0, 4 * drawn - 1, 4 * drawn - 1), fill=(250, 210, 30, 255))
        for eye in (1.2, 2.4):
            draw.ellipse((eye * drawn, 1.2 * drawn, (eye + 0.5) * drawn, 1.9 * drawn), fill=(40, 20, 0, 255))
        draw.arc((drawn, drawn, 3 * drawn, 3.2 * drawn), 20, 160, fill=(40, 20, 0, 255), width=drawn // 2 + 1)
        small = np.asarray(face.rotate(chance.uniform(-30, 30)).resize((drawn, drawn)), dtype=np.float32)
        top, left = chance.integers(side - drawn + 1, size=2)
        stuck = pixels.copy()
        part = stuck[top : top + drawn, left : left + drawn]
        part += small[:, :, 3:] / 255 * (small[:, :, :3] - part)
        return stuck

    return change


def _striped_background(strength: int, side: int, random: Random) -> Change:
    height = (8, 16, 28, 50)[strength]
    y, x = np.mgrid[:side, :side]
    wave = (height * np.sin((x + y) * 2 * np.pi / 8)).astype(np.float32)[:, :, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return np.where(mask[:, :, None], pixels, pixels + wave).astype(np.float32)

    return change


def _unchanged(strength: int, side: int, random: Random) -> Change:
    return lambda pixels, mask, chance: pixels


HELD_OUT = (
    Family("grey", "tone", _grey, GREY, ("grey", "pale", "little colour")),
    Family("vignette", "border", _vignette, ("dark corners", *EDGE, *DARK), ("corner", "dark", "border")),
    Family("fringe", "texture", _fringe, ("colour fringes across", *CAST), ("fringe", "colours moved")),
    Family(
        "flare", "local, translucent", _flare, (*DRAWN, "lightest", "brightness"), ("bright", "mark", "spot")
    ),
    Family("caption", "border", _caption, EDGE, ("bar", "border", "bottom", "mark")),
    Family("scan lines", "texture", _scan_lines, ("lines across", "pattern"), ("line", "pattern")),
    Family(
        "few tones",
        "tone",
        _few_tones,
        ("few values", "equal neighbours", "missing values"),
        ("few", "tones"),
    ),
    Family("sticker", "local, opaque", _sticker, DRAWN, ("mark", "patch", "yellow")),
    Family(
        "striped background",
        "background",
        _striped_background,
        ("pattern", "background", "fine detail"),
        ("background", "off the object", "pattern", "striped"),
        needs_regions=True,
    ),
    Family("station", "metadata", _unchanged, ("column:station",), ("station",), column="station"),
)
