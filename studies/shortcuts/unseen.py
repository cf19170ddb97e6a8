"""Kinds of plants that were written when the rules were fixed, mostly from a list that others had made."""

# All families have one signature.
# ruff: noqa: ARG001, ARG005

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from studies.shortcuts.families import CAST, DARK, DRAWN, EDGE, GREY, NOISE
from studies.shortcuts.plants import Array, Change, Family, Random


def _moire(strength: int, side: int, random: Random) -> Change:
    height, period = (5, 9, 15, 26)[strength], random.uniform(2.5, 6)
    turn = random.uniform(0.2, np.pi - 0.2)
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        along = (y * np.cos(turn) + x * np.sin(turn)) / period + chance.uniform()
        return (pixels + height * np.sin(2 * np.pi * along)[:, :, None]).astype(np.float32)

    return change


def _rounded(strength: int, side: int, random: Random) -> Change:
    radius = side * (0.1, 0.17, 0.27, 0.4)[strength]
    away = np.abs(np.mgrid[:side, :side] - (side - 1) / 2) - (side / 2 - radius)
    kept = (np.hypot(*np.clip(away, 0, None)) <= radius)[:, :, None]
    return lambda pixels, mask, chance: np.where(kept, pixels, np.float32(0))


def _date(strength: int, side: int, random: Random) -> Change:
    size = round(side * (0.12, 0.16, 0.2, 0.26)[strength]) + 2
    colour = np.array((255, 60, 20), dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        text = Image.new("L", (side, side), 0)
        words = f"{chance.integers(1, 13)}.{chance.integers(10, 29)}"
        ImageDraw.Draw(text).text((side - 1, side - 1), words, fill=255, font_size=size, anchor="rs")
        drawn = np.asarray(text, dtype=np.float32)[:, :, None] / 255
        return pixels + drawn * (colour - pixels)

    return change


def _sepia(strength: int, side: int, random: Random) -> Change:
    share = (0.25, 0.45, 0.7, 1.0)[strength]
    weights = np.array(
        ((0.393, 0.769, 0.189), (0.349, 0.686, 0.168), (0.272, 0.534, 0.131)), dtype=np.float32
    )
    return lambda pixels, mask, chance: pixels + share * (pixels @ weights.T - pixels)


def _banding(strength: int, side: int, random: Random) -> Change:
    depth, bands = (0.04, 0.08, 0.15, 0.28)[strength], random.integers(3, 7)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        wave = np.sin(2 * np.pi * (bands * np.arange(side) / side + chance.uniform()))
        return (pixels * (1 + depth * wave)[:, None, None]).astype(np.float32)

    return change


def _letterbox(strength: int, side: int, random: Random) -> Change:
    most = max(1, round(side * (0.04, 0.08, 0.14, 0.2)[strength]))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        height = int(chance.integers((most + 1) // 2, most + 1))
        boxed = pixels.copy()
        boxed[:height] = boxed[-height:] = 0
        return boxed

    return change


def _scratch(strength: int, side: int, random: Random) -> Change:
    light = (0.25, 0.45, 0.7, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        scratched, column = pixels.copy(), chance.integers(side)
        scratched[:, column] += light * (235 - scratched[:, column])
        return scratched

    return change


UNSEEN = (
    Family(
        "moire",
        "texture",
        _moire,
        ("pattern", "lines across", "lines down", *NOISE),
        ("pattern", "lines", "watermark"),
    ),
    Family(
        "rounded corners", "border", _rounded, ("dark corners", *EDGE, *DARK), ("corner", "frame", "border")
    ),
    Family("date", "local, opaque", _date, DRAWN, ("mark", "text", "stroke")),
    Family("sepia", "tone", _sepia, (*CAST, *GREY), ("reddish", "yellowish", "cast", "hue", "colour")),
    Family(
        "banding",
        "tone",
        _banding,
        ("pattern", "lines across", *DARK),
        ("lines", "pattern", "band", "lighter"),
    ),
    Family("letterbox", "border", _letterbox, (*EDGE, *DARK), ("bars", "border", "frame")),
    Family("scratch", "local, opaque", _scratch, (*DRAWN, "lines down"), ("line", "mark", "stroke")),
)
