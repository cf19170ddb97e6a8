"""Plants that the rules of verdicts may be built on; those that they may not are in `held_out`."""

# All families have one signature.
# ruff: noqa: ARG001, ARG005

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from studies.shortcuts.plants import Array, Change, Family, Random, to_picture

CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
COLOURS = ((255, 0, 255), (0, 230, 255), (255, 235, 0), (20, 20, 20), (250, 250, 250))


def _blocks(strength: int, side: int, random: Random) -> Change:
    quality = (45, 25, 12, 6)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        file = BytesIO()
        Image.fromarray(to_picture(pixels)).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file), dtype=np.float32)

    return change


def _border(strength: int, side: int, random: Random) -> Change:
    width = max(1, round(side * (0.015, 0.03, 0.05, 0.08)[strength]))
    colour = np.array(((0, 0, 0), (255, 255, 255), (120, 20, 20))[random.integers(3)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        framed = np.full_like(pixels, colour)
        framed[width:-width, width:-width] = pixels[width:-width, width:-width]
        return framed

    return change


def _tint(strength: int, side: int, random: Random) -> Change:
    direction = np.array(((-0.5, -0.5, 1), (1, -0.5, -0.5), (-0.7, 1, -0.3))[random.integers(3)])
    shift = (direction * (10, 20, 35, 60)[strength]).astype(np.float32)
    return lambda pixels, mask, chance: pixels + shift


def _digits(strength: int, side: int, random: Random) -> Change:
    size = round(side * (0.1, 0.13, 0.18, 0.24)[strength]) + 3
    down, right = CORNERS[random.integers(4)]
    colour = COLOURS[random.integers(len(COLOURS))]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        text = Image.new("L", (round(size * 2.2), round(size * 1.2)), 0)
        digits = f"{chance.integers(10)}{chance.integers(10)}:{chance.integers(10)}{chance.integers(10)}"
        ImageDraw.Draw(text).text((0, 0), digits, fill=255, font_size=size * 0.9)
        drawn = np.asarray(text, dtype=np.float32)[:, :, None] / 255
        height, width = drawn.shape[0], min(drawn.shape[1], side)
        drawn = drawn[:, :width]
        top = (side - height - 1) * down + (1 - down)
        left = (side - width - 1) * right + (1 - right) if side - width > 1 else 0
        stamped = pixels.copy()
        part = stamped[top : top + height, left : left + width]
        part += drawn[: part.shape[0], : part.shape[1]] * (np.array(colour, dtype=np.float32) - part)
        return stamped

    return change


def _mark(strength: int, side: int, random: Random) -> Change:
    size = max(2, round(side * (0.06, 0.1, 0.15, 0.22)[strength]))
    colour = np.array(COLOURS[random.integers(3)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        top, left = chance.integers(side - size + 1, size=2)
        marked = pixels.copy()
        marked[top : top + size, left : left + size] = colour
        return marked

    return change


def _watermark(strength: int, side: int, random: Random) -> Change:
    opacity = (0.06, 0.12, 0.22, 0.4)[strength]
    text = Image.new("L", (side, side), 0)
    draw = ImageDraw.Draw(text)
    size = side / 4
    for row in range(4):
        draw.text((-(row % 2) * size, row * size), "STOCK STOCK", fill=255, font_size=size)
    drawn = np.asarray(text.rotate(20), dtype=np.float32)[:, :, None] / 255 * opacity
    return lambda pixels, mask, chance: pixels + drawn * (255 - pixels)


def _blur(strength: int, side: int, random: Random) -> Change:
    deviation = (0.5, 0.75, 1.1, 1.7)[strength] * (side / 48) ** 0.5
    return lambda pixels, mask, chance: gaussian_filter(pixels, (deviation, deviation, 0))


def _noise(strength: int, side: int, random: Random) -> Change:
    deviation = (4, 8, 16, 30)[strength]
    return lambda pixels, mask, chance: pixels + chance.normal(0, deviation, pixels.shape).astype(np.float32)


def _dark(strength: int, side: int, random: Random) -> Change:
    gamma = (1.25, 1.6, 2.1, 3.0)[strength]
    return lambda pixels, mask, chance: 255 * (pixels / 255) ** gamma


def _upsampled(strength: int, side: int, random: Random) -> Change:
    small = round(side * (0.75, 0.55, 0.4, 0.28)[strength])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        picture = Image.fromarray(to_picture(pixels)).resize((small, small), Image.Resampling.BOX)
        return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), dtype=np.float32)

    return change


def _flat(strength: int, side: int, random: Random) -> Change:
    factor = (0.85, 0.7, 0.5, 0.3)[strength]
    return lambda pixels, mask, chance: 128 + (pixels - 128) * factor


def _painted_background(strength: int, side: int, random: Random) -> Change:
    opacity = (0.1, 0.2, 0.35, 0.6)[strength]
    colour = np.array(((30, 120, 40), (200, 160, 60), (150, 60, 170))[random.integers(3)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return np.where(mask[:, :, None], pixels, pixels + opacity * (colour - pixels)).astype(np.float32)

    return change


def _unchanged(strength: int, side: int, random: Random) -> Change:
    return lambda pixels, mask, chance: pixels


# Names of kinds that a verdict may give, fixed before any result; a reason's words are those of its tiles.
SMOOTH = ("fine detail", "sharpness", "pixelation", "equal neighbours", "upright detail", "contrast")
BLOCKS = ("blocks", "block edges", "moved blocks", "pixelation")
NOISE = ("noise", "colour noise", "specks", "fine detail")
DRAWN = ("overlay", "watermark", "repeats", "mark")
EDGE = ("border", "overlay")
DARK = ("brightness", "midtones", "drowned", "darkest", "lightest", "contrast")
FLAT = ("contrast", "darkest", "lightest", "fine detail", "few values")
CAST = (
    "warm edges",
    "green edges",
    "warm",
    "green",
    "warm shadows",
    "green shadows",
    "warm lights",
    "green lights",
)
GREY = ("saturation", "colour variety")

FAMILIES = (
    Family("blocks", "texture", _blocks, BLOCKS, ("block", "compress")),
    Family("border", "border", _border, EDGE, ("border", "frame", "edge")),
    Family("tint", "tone", _tint, CAST, ("reddish", "bluish", "greenish", "purplish", "cast")),
    Family("digits", "local, opaque", _digits, DRAWN, ("mark", "text", "stroke")),
    Family("mark", "local, opaque", _mark, DRAWN, ("mark", "patch", "square")),
    Family(
        "watermark", "local, translucent", _watermark, (*DRAWN, "pattern"), ("mark", "overlay", "pattern")
    ),
    Family("blur", "resolution", _blur, SMOOTH, ("blur", "soft", "smooth", "enlarged")),
    Family("noise", "texture", _noise, NOISE, ("nois", "grain")),
    Family("dark", "tone", _dark, DARK, ("dark", "dim", "shadow")),
    Family("upsampled", "resolution", _upsampled, SMOOTH, ("blur", "soft", "pixelated", "enlarged")),
    Family("flat", "tone", _flat, FLAT, ("contrast", "flat", "hazy", "dim")),
    Family(
        "painted background",
        "background",
        _painted_background,
        (*CAST, *GREY, *FLAT, "background", "midtones"),
        ("background", "off the object", "reddish", "greenish", "purplish"),
        needs_regions=True,
    ),
    Family("camera", "metadata", _unchanged, ("column:camera",), ("camera",), column="camera"),
)
