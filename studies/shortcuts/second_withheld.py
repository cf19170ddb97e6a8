"""A second set of withheld kinds: optics, faults of files and sensors, and what gets in front of a camera."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter, gaussian_filter1d, shift

from studies.shortcuts.families import BLOCKS, CAST, CORNERS, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at, to_picture

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)
# Colours of a thermal camera at equal steps of brightness, from cold to hot.
THERMAL = np.array(((0, 0, 20), (80, 0, 130), (210, 30, 90), (250, 150, 20), (255, 250, 200)))


def _fence(strength: int, side: int, random: Random) -> Change:
    opacity = (0.2, 0.35, 0.6, 0.9)[strength]
    mesh, wire = side * random.uniform(0.3, 0.4), side / 28
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The camera looks through a fence that is too near to be sharp.
        first, second = chance.uniform(size=2)
        from_wires = [
            np.abs((along / mesh + place) % 1 - 0.5) * mesh
            for along, place in ((y + x, first), (y - x, second))
        ]
        seen = np.clip(1.4 - np.minimum(*from_wires) / wire, 0, 1).astype(np.float32)[:, :, None]
        return pixels + opacity * seen * (np.float32(110) - pixels)

    return change


def _bubbles(strength: int, side: int, random: Random) -> Change:
    count, opacity = (2, 3, 5, 7)[strength], (0.4, 0.6, 0.8, 0.95)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        rims = Image.new("L", (FINE * side, FINE * side), 0)
        insides = rims.copy()
        for _ in range(count):
            middle = chance.uniform(0, FINE * side, size=2)
            radius = FINE * side * chance.uniform(0.05, 0.11)
            box = [*(middle - radius).tolist(), *(middle + radius).tolist()]
            ImageDraw.Draw(insides).ellipse(box, fill=255)
            ImageDraw.Draw(rims).ellipse(box, outline=255, width=round(0.35 * radius))
        return drawn_on(drawn_on(pixels, insides, 0.5 * opacity, 245), rims, opacity, 25)

    return change


def _seam(strength: int, side: int, random: Random) -> Change:
    down = max(1, round(side * (0.02, 0.045, 0.08, 0.13)[strength])) * random.choice((-1, 1))
    light = (1.06, 1.12, 1.22, 1.38)[strength] ** random.choice((-1, 1))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Two exposures side by side that do not quite fit.
        place = int(chance.integers(side // 3, 2 * side // 3))
        joined = pixels.copy()
        joined[:, place:] = light * shift(pixels[:, place:], (down, 0, 0), order=0, mode="nearest")
        return joined

    return change


def _lost_packets(strength: int, side: int, random: Random) -> Change:
    lost, height = (1, 2, 3, 4)[strength], side // 8

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        broken = pixels.copy()
        for row in chance.permutation(np.arange(1, 8))[:lost]:
            top, left = int(row) * height, int(chance.integers(side // 2))
            # The decoder repeats the last line that arrived.
            broken[top : top + height, left:] = pixels[top - 1, left:]
        return broken

    return change


def _fisheye(strength: int, side: int, random: Random) -> Change:
    bulge = (0.12, 0.3, 0.6, 1.2)[strength]
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle
    # Corners stay in their places; the middle is enlarged.
    nearer = (1 + bulge * (y**2 + x**2) / (2 * middle**2)) / (1 + bulge)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return read_at(pixels, middle + y * nearer, middle + x * nearer)

    return change


def _overflow(strength: int, side: int, random: Random) -> Change:
    gain = (1.08, 1.2, 1.4, 1.7)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Brightened in 8 bits without a limit: what is beyond white starts again at black.
        return np.rint(pixels * gain) % 256

    return change


def _local_contrast(strength: int, side: int, random: Random) -> Change:
    opacity, near = (0.15, 0.3, 0.55, 0.95)[strength], side / 8

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        light = pixels @ LUMINANCE
        around = gaussian_filter(light, near)
        spread = np.sqrt(gaussian_filter((light - around) ** 2, near))
        equalised = 128 + 70 * (light - around) / (spread + 6)
        return pixels + opacity * (equalised - light)[:, :, None]

    return change


def _wavy(strength: int, side: int, random: Random) -> Change:
    height, waves = side * (0.012, 0.025, 0.045, 0.08)[strength], random.uniform(2, 4)
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The scanner shook, or the tape ran unevenly.
        moved = height * np.sin(2 * np.pi * (waves * y / side + chance.uniform()))
        return read_at(pixels, y, x + moved)

    return change


def _bleeding_colours(strength: int, side: int, random: Random) -> Change:
    wide, saturation = side * (0.03, 0.06, 0.11, 0.2)[strength], (1.2, 1.4, 1.8, 2.4)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Video tape: brightness is sharp, and colours run on to the right.
        light = (pixels @ LUMINANCE)[:, :, None]
        colours = gaussian_filter1d(pixels - light, wide, axis=1, mode="nearest")
        return light + saturation * shift(colours, (0, wide, 0), order=1, mode="nearest")

    return change


def _metal_streaks(strength: int, side: int, random: Random) -> Change:
    height, radius = (10, 20, 38, 65)[strength], side * (0.025, 0.035, 0.045, 0.06)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        top, left = chance.uniform(0.25, 0.75, size=2) * side
        away, angle = np.hypot(y - top, x - left), np.arctan2(y - top, x - left)
        rays = sum(np.cos(turns * angle + chance.uniform(0, 2 * np.pi)) for turns in (3, 6, 10))
        streaks = height * rays / (1 + away / (0.3 * side))
        metal = np.clip(1 + radius - away, 0, 1)
        return (pixels + (streaks * (1 - metal) + 255 * metal)[:, :, None]).astype(np.float32)

    return change


def _inset(strength: int, side: int, random: Random) -> Change:
    size = round(side * (0.17, 0.24, 0.32, 0.42)[strength])
    down, right = CORNERS[random.integers(4)]
    top, left = (1 + one * (side - size - 2) for one in (down, right))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A detail of the picture, framed in its corner.
        middle = Image.fromarray(to_picture(pixels[side // 4 : -side // 4, side // 4 : -side // 4]))
        detail = middle.resize((size - 2, size - 2), Image.Resampling.BICUBIC)
        together = pixels.copy()
        together[top : top + size, left : left + size] = 250
        together[top + 1 : top + size - 1, left + 1 : left + size - 1] = np.asarray(detail, dtype=np.float32)
        return together

    return change


def _finger(strength: int, side: int, random: Random) -> Change:
    long = side * (0.16, 0.24, 0.34, 0.46)[strength]
    down, right = CORNERS[random.integers(4)]
    skin = np.array(((205, 130, 110), (120, 75, 55))[random.integers(2)], dtype=np.float32)
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Over the lens, far too near to be sharp.
        top, left = side * (np.array((down, right)) + chance.uniform(-0.06, 0.06, size=2))
        near = np.clip(1.7 - 1.3 * np.hypot((y - top) / 1.2, x - left) / long, 0, 1)
        return pixels + near.astype(np.float32)[:, :, None] * (skin - pixels)

    return change


def _grass(strength: int, side: int, random: Random) -> Change:
    count, highest = (4, 7, 11, 16)[strength], (0.3, 0.4, 0.5, 0.6)[strength]
    colour = np.array(((95, 125, 45), (175, 160, 95))[random.integers(2)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Blades that grow in front of a camera on the ground.
        blades = Image.new("L", (FINE * side, FINE * side), 0)
        for _ in range(count):
            foot, lean = chance.uniform(0, 1), chance.uniform(-0.15, 0.15)
            tip = (foot + lean, 1 - highest * chance.uniform(0.5, 1))
            half = chance.uniform(0.015, 0.03)
            corners = ((foot - half, 1.0), tip, (foot + half, 1.0))
            ImageDraw.Draw(blades).polygon([(FINE * side * a, FINE * side * b) for a, b in corners], fill=255)
        blurred = gaussian_filter(np.asarray(blades, dtype=np.float32), FINE * side / 80)
        return drawn_on(pixels, Image.fromarray(to_picture(blurred)), 0.9, colour)

    return change


def _clouds(strength: int, side: int, random: Random) -> Change:
    thickest = (0.25, 0.4, 0.6, 0.85)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Seen from above, with holes between them.
        heights = [
            part * gaussian_filter(chance.normal(size=(side, side)), side / scale, mode="wrap") * side / scale
            for part, scale in ((1, 8), (0.4, 20))
        ]
        height = sum(heights) - np.median(sum(heights))
        cover = np.clip(height / (1.5 * np.std(height)), 0, 1).astype(np.float32)[:, :, None]
        return pixels + thickest * np.minimum(1, 1.5 * cover) * (np.float32(245) - pixels)

    return change


def _false_colours(strength: int, side: int, random: Random) -> Change:
    opacity = (0.12, 0.25, 0.5, 1.0)[strength]
    steps = np.linspace(0, 255, len(THERMAL))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        light = pixels @ LUMINANCE
        shown = np.stack([np.interp(light, steps, colour) for colour in THERMAL.T], axis=-1)
        return (pixels + opacity * (shown - pixels)).astype(np.float32)

    return change


def _halo(strength: int, side: int, random: Random) -> Change:
    wide = side * (0.02, 0.045, 0.075, 0.12)[strength]
    colour = np.array(((255, 255, 255), (255, 225, 0))[random.integers(2)], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An outline around what was cut out, as in catalogues and on stickers.
        near = np.clip(1 + wide - distance_transform_edt(~mask), 0, 1) * ~mask
        return pixels + near.astype(np.float32)[:, :, None] * (colour - pixels)

    return change


# Written before any result, as those of the other modules.
SECOND_WITHHELD = (
    Family(
        "fence",
        "local, translucent",
        _fence,
        (*DRAWN, "pattern", "lines across", "lines down"),
        ("fence", "grid", "line", "mark", "mesh", "overlay", "pattern", "repeat"),
    ),
    Family(
        "bubbles",
        "local, translucent",
        _bubbles,
        DRAWN,
        ("blob", "bubble", "circle", "disc", "mark", "patch", "ring", "spot"),
    ),
    Family(
        "seam",
        "geometry",
        _seam,
        (*DRAWN, *DARK, "lines down"),
        ("bright", "dark", "edge", "half", "light", "line", "mark", "seam", "step"),
    ),
    Family(
        "lost packets",
        "texture",
        _lost_packets,
        (*BLOCKS, *SMOOTH, "lines down", "pattern"),
        ("block", "blurred up and down", "line", "repeat", "smear", "streak", "stretch"),
    ),
    Family(
        "fisheye",
        "geometry",
        _fisheye,
        SMOOTH,
        ("blur", "bulge", "curve", "distort", "enlarged", "larger", "soft", "warp", "zoom"),
    ),
    Family(
        "overflow",
        "tone",
        _overflow,
        (*DARK, *CAST, *GREY, *NOISE),
        ("clip", "colour", "contrast", "dark", "hue", "invert", "negative", "nois", "wrap", "wrong pixel"),
    ),
    Family(
        "local contrast",
        "tone",
        _local_contrast,
        (*FLAT, *DARK, *SMOOTH),
        ("contrast", "equal", "even", "halo", "sharp", "strong fine detail"),
    ),
    Family(
        "wavy",
        "geometry",
        _wavy,
        (*SMOOTH, "lines across", "pattern"),
        ("blur", "distort", "jagged", "moved", "ripple", "row", "warp", "wave", "wavy"),
    ),
    Family(
        "bleeding colours",
        "resolution",
        _bleeding_colours,
        (*GREY, *CAST, *SMOOTH, "colour fringes across"),
        ("bleed", "blur", "colour", "fringe", "grey", "pale", "smear"),
    ),
    Family(
        "metal streaks",
        "local, translucent",
        _metal_streaks,
        (*DRAWN, *NOISE, "lightest"),
        ("bright", "line", "mark", "ray", "spot", "star", "streak"),
    ),
    Family(
        "inset",
        "local, opaque",
        _inset,
        (*DRAWN, *EDGE),
        ("copy", "corner", "frame", "inset", "mark", "patch", "picture", "square"),
    ),
    Family(
        "finger",
        "border",
        _finger,
        (*EDGE, *DRAWN, *CAST, *SMOOTH, "dark corners"),
        ("blob", "blur", "brown", "corner", "finger", "mark", "patch", "reddish", "spot"),
    ),
    Family(
        "grass",
        "local, opaque",
        _grass,
        (*DRAWN, *EDGE, *CAST, "lines down"),
        ("blade", "bottom", "grass", "green", "line", "mark", "stroke", "yellow"),
    ),
    Family(
        "clouds",
        "local, translucent",
        _clouds,
        (*DRAWN, *FLAT, *DARK, *GREY),
        ("bright", "cloud", "fog", "haz", "light", "mark", "pale", "patch", "white"),
    ),
    Family(
        "false colours",
        "tone",
        _false_colours,
        (*CAST, *GREY, "few values"),
        ("cast", "colour", "hue", "orange", "palette", "purpl", "reddish", "thermal", "warm", "yellow"),
    ),
    Family(
        "halo",
        "background",
        _halo,
        (*DRAWN, *EDGE, *DARK, "background"),
        (
            "background",
            "border",
            "edge",
            "halo",
            "light",
            "line",
            "mark",
            "off the object",
            "outline",
            "ring",
        ),
        needs_regions=True,
    ),
)
