"""Kinds of plants written after all rules but the last: weather, print, optics, and what people draw and hide."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, shift, zoom
from torchvision.transforms.v2 import functional

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, to_picture

PENS = ((220, 30, 30), (250, 250, 250), (255, 220, 0), (30, 60, 220))


def _fog(strength: int, side: int, random: Random) -> Change:
    thickest = (0.2, 0.35, 0.55, 0.8)[strength]
    far = np.linspace(1, 0.1, side, dtype=np.float32)[:, None, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return pixels + thickest * far * (np.float32(215) - pixels)

    return change


def _rain(strength: int, side: int, random: Random) -> Change:
    count, opacity = (6, 12, 20, 35)[strength], (0.3, 0.4, 0.5, 0.65)[strength]
    lean = random.uniform(-0.4, 0.4)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        drops = Image.new("L", (FINE * side, FINE * side), 0)
        draw = ImageDraw.Draw(drops)
        for _ in range(count):
            x, y = chance.uniform(0, FINE * side, size=2)
            long = FINE * side * chance.uniform(0.08, 0.2)
            draw.line([(x, y), (x + lean * long, y + long)], fill=255, width=FINE * max(1, side // 64))
        return drawn_on(pixels, drops, opacity, 230)

    return change


def _halftone(strength: int, side: int, random: Random) -> Change:
    opacity = (0.12, 0.25, 0.45, 0.75)[strength]
    y, x = np.mgrid[:side, :side]
    # A printer's screen, turned by 45 degrees.
    screen = (np.sin((x + y) * np.pi / 2.5) * np.sin((x - y) * np.pi / 2.5)).astype(np.float32)[:, :, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        printed = np.where(pixels / 127.5 - 1 > screen, np.float32(255), np.float32(0))
        return pixels + opacity * (printed - pixels)

    return change


def _turned_hue(strength: int, side: int, random: Random) -> Change:
    turn = float((0.04, 0.09, 0.17, 0.33)[strength] * random.choice((-1, 1)))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        colours = torch.from_numpy(pixels).permute(2, 0, 1) / 255
        turned: Array = 255 * functional.adjust_hue(colours, turn).permute(1, 2, 0).numpy()
        return turned

    return change


def _ghost(strength: int, side: int, random: Random) -> Change:
    opacity = (0.12, 0.22, 0.35, 0.5)[strength]
    down, right = random.choice((-1, 1), size=2) * max(2, side // 12)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        moved = shift(pixels, (down, right, 0), order=0, mode="nearest")
        return pixels + opacity * (moved - pixels)

    return change


def _smudge(strength: int, side: int, random: Random) -> Change:
    radius = side * (0.12, 0.18, 0.25, 0.35)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        top, left = chance.uniform(radius, side - radius, size=2)
        near = np.clip(1.5 - np.hypot(y - top, x - left) / radius, 0, 1)[:, :, None]
        greasy = gaussian_filter(pixels, (side / 20, side / 20, 0)) * 0.9 + 20
        return (pixels + near * (greasy - pixels)).astype(np.float32)

    return change


def _hidden(strength: int, side: int, random: Random) -> Change:
    size = round(side * (0.14, 0.2, 0.28, 0.38)[strength])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        top, left = chance.integers(side // 6, side - size - side // 6 + 1, size=2)
        hidden = pixels.copy()
        part = Image.fromarray(to_picture(hidden[top : top + size, left : left + size]))
        coarse = part.resize((3, 3), Image.Resampling.BOX).resize((size, size), Image.Resampling.NEAREST)
        hidden[top : top + size, left : left + size] = np.asarray(coarse, dtype=np.float32)
        return hidden

    return change


def _ruler(strength: int, side: int, random: Random) -> Change:
    wide = max(2, round(side * (0.05, 0.08, 0.11, 0.15)[strength]))
    turns = int(random.integers(4))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        measured = np.rot90(pixels, turns).copy()
        measured[:wide] = (235, 225, 190)
        start = int(chance.integers(4))
        measured[: max(1, wide // 2), start::4] = 30
        measured[:wide, start::20] = 30
        return np.rot90(measured, -turns)

    return change


def _ringed(strength: int, side: int, random: Random) -> Change:
    opacity, thick = (0.4, 0.6, 0.8, 1.0)[strength], max(1, side // 48) * (1, 1, 1, 2)[strength]
    colour = np.array(PENS[random.integers(len(PENS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        half = chance.uniform(0.15, 0.3, size=2) * FINE * side
        middle = chance.uniform(0.35, 0.65, size=2) * FINE * side
        ring = Image.new("L", (FINE * side, FINE * side), 0)
        box = [*(middle - half).tolist(), *(middle + half).tolist()]
        ImageDraw.Draw(ring).ellipse(box, outline=255, width=FINE * thick)
        return drawn_on(pixels, ring, opacity, colour)

    return change


def _arrow(strength: int, side: int, random: Random) -> Change:
    long = FINE * side * (0.14, 0.2, 0.28, 0.4)[strength]
    colour = np.array(PENS[random.integers(len(PENS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        tip = chance.uniform(0.25, 0.75, size=2) * FINE * side
        angle = chance.uniform(0, 2 * np.pi)
        along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
        picture = Image.new("L", (FINE * side, FINE * side), 0)
        draw = ImageDraw.Draw(picture)
        draw.line([tuple(tip), tuple(tip + long * along)], fill=255, width=FINE * max(1, side // 40))
        head = 0.35 * long
        draw.polygon(
            [tuple(tip), *(tuple(tip + head * (along + k * 0.6 * across)) for k in (1, -1))], fill=255
        )
        return drawn_on(pixels, picture, 1.0, colour)

    return change


def _zoomed(strength: int, side: int, random: Random) -> Change:
    factor = (1.06, 1.14, 1.3, 1.6)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        larger = zoom(pixels, (factor, factor, 1), order=1)
        first = (larger.shape[0] - side) // 2
        return np.asarray(larger[first : first + side, first : first + side], dtype=np.float32)

    return change


def _ringing(strength: int, side: int, random: Random) -> Change:
    kept = (0.8, 0.6, 0.42, 0.28)[strength]
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.fftfreq(side))) < 0.5 * kept

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        spectrum = np.fft.fft2(pixels, axes=(0, 1)) * frequencies[:, :, None]
        return np.fft.ifft2(spectrum, axes=(0, 1)).real.astype(np.float32)

    return change


def _night(strength: int, side: int, random: Random) -> Change:
    light, grain = (0.85, 0.7, 0.5, 0.35)[strength], (2, 4, 7, 11)[strength]
    colour = np.array((0.85, 1.05, 0.9), dtype=np.float32) ** (strength + 1)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return pixels * light * colour + chance.normal(0, grain, (side, side, 1)).astype(np.float32)

    return change


def _reflection(strength: int, side: int, random: Random) -> Change:
    opacity = (0.08, 0.15, 0.25, 0.4)[strength]
    # Panes of a window with the sky in them, seen in the glass before the picture.
    pane = np.zeros((side, side), dtype=np.float32)
    top, left = (int(value) for value in random.integers(side // 8, side // 2, size=2))
    size = side // 3
    pane[top : top + size, left : left + size] = 1
    pane[top + size // 2, left : left + size] = pane[top : top + size, left + size // 2] = 0
    seen = gaussian_filter(pane, side / 64)[:, :, None] * np.array((200, 225, 255), dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return pixels + opacity * seen

    return change


def _backdrop(strength: int, side: int, random: Random) -> Change:
    opacity = (0.25, 0.45, 0.7, 1.0)[strength]
    paper = np.linspace(235, 190, side, dtype=np.float32)[:, None, None] * np.ones(3, dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return np.where(mask[:, :, None], pixels, pixels + opacity * (paper - pixels)).astype(np.float32)

    return change


def _cast_shadow(strength: int, side: int, random: Random) -> Change:
    depth = (0.2, 0.35, 0.55, 0.75)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The photographer's, from the lower edge.
        middle, wide = chance.uniform(0.3, 0.7) * side, side * chance.uniform(0.12, 0.18)
        inside = (np.abs(x - middle) < wide) & (y > 0.55 * side)
        inside |= np.hypot(y - 0.55 * side, x - middle) < wide * 0.9
        soft = gaussian_filter(inside.astype(np.float32), side / 40)[:, :, None]
        return pixels * (1 - depth * soft)

    return change


def _demosaiced(strength: int, side: int, random: Random) -> Change:
    opacity = (0.12, 0.25, 0.45, 0.75)[strength]
    y, x = np.mgrid[:side, :side]
    seen = np.stack([(y % 2 == 0) & (x % 2 == 0), (y + x) % 2 == 1, (y % 2 == 1) & (x % 2 == 1)], axis=-1)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # What one sensor's pixels saw, without the colours of their neighbours.
        return pixels + opacity * (np.where(seen, pixels * 1.5, pixels * 0.5) - pixels)

    return change


def _dead_column(strength: int, side: int, random: Random) -> Change:
    light, place = (0.35, 0.55, 0.8, 1.0)[strength], int(random.integers(side // 6, side - side // 6))
    colour = np.array((0.0, 255.0)[random.integers(2)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        broken = pixels.copy()
        broken[:, place] += light * (colour - broken[:, place])
        return broken

    return change


# Written before any result, as those of the other modules.
WITHHELD = (
    Family("fog", "tone", _fog, (*FLAT, *DARK, *GREY), ("fog", "haz", "contrast", "light", "bright", "pale")),
    Family(
        "rain", "local, translucent", _rain, (*DRAWN, *NOISE), ("line", "mark", "streak", "stroke", "text")
    ),
    Family(
        "halftone",
        "texture",
        _halftone,
        ("pattern", *NOISE, *BLOCKS, "contrast"),
        ("dot", "grid", "pattern", "print", "screen", "strong fine detail"),
    ),
    Family(
        "turned hue",
        "tone",
        _turned_hue,
        (*CAST, *GREY),
        ("bluish", "cast", "greenish", "hue", "purplish", "reddish", "yellowish"),
    ),
    Family(
        "ghost",
        "texture",
        _ghost,
        ("moved copy", *SMOOTH),
        ("blur", "copy", "double", "echo", "ghost", "repeat", "soft", "twice"),
    ),
    Family(
        "smudge",
        "resolution, local",
        _smudge,
        (*DRAWN, *SMOOTH),
        ("blot", "blur", "mark", "patch", "smudge", "soft", "spot"),
    ),
    Family(
        "hidden",
        "resolution, local",
        _hidden,
        (*DRAWN, *BLOCKS),
        ("block", "coarse", "mark", "patch", "pixelated", "square"),
    ),
    Family(
        "ruler",
        "border",
        _ruler,
        (*EDGE, *DRAWN),
        ("bar", "border", "edge", "frame", "mark", "ruler", "text"),
    ),
    Family(
        "ringed",
        "local, opaque",
        _ringed,
        DRAWN,
        ("circle", "curve", "ellipse", "line", "mark", "ring", "stroke"),
    ),
    Family("arrow", "local, opaque", _arrow, DRAWN, ("arrow", "line", "mark", "pointer", "stroke")),
    Family("zoomed", "resolution", _zoomed, SMOOTH, ("blur", "close", "enlarged", "larger", "soft", "zoom")),
    Family(
        "ringing",
        "texture",
        _ringing,
        (*SMOOTH, *BLOCKS),
        ("blur", "edge", "enlarged", "fine detail", "ringing", "soft"),
    ),
    Family("night", "tone", _night, (*DARK, *CAST, *NOISE), ("dark", "dim", "green", "grain", "nois")),
    Family(
        "reflection",
        "local, translucent",
        _reflection,
        DRAWN,
        ("bright", "light", "mark", "overlay", "patch", "reflection", "spot"),
    ),
    Family(
        "backdrop",
        "background",
        _backdrop,
        (*GREY, *FLAT, *DARK, "background"),
        ("backdrop", "background", "grey", "light", "off the object", "pale", "plain", "surround"),
        needs_regions=True,
    ),
    Family(
        "cast shadow",
        "local, translucent",
        _cast_shadow,
        (*DRAWN, *DARK),
        ("dark", "mark", "patch", "shadow"),
    ),
    Family(
        "demosaiced",
        "texture",
        _demosaiced,
        ("pattern", *NOISE, *BLOCKS),
        ("grid", "nois", "pattern", "pixel", "strong fine detail"),
    ),
    Family(
        "dead column",
        "local, opaque",
        _dead_column,
        (*DRAWN, "lines down"),
        ("column", "line", "mark", "stroke"),
    ),
)
