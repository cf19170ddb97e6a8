"""Kinds of plants by someone who had not read the rules: what microscopes, scanners, cameras and editors leave."""

# All families have one signature.
# ruff: noqa: ARG001, ARG005

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import convolve, gaussian_filter

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, to_picture

CHART = ((200, 40, 40), (40, 150, 60), (40, 60, 170), (240, 210, 30), (245, 245, 245), (15, 15, 15))
HOT = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
OWNERS = ("A. Berg", "J. Smith", "Kim Lee", "M. Rossi", "Ortiz", "P. Novak", "Studio 7")


def _scale_bar(strength: int, side: int, random: Random) -> Change:
    length, unit = side * (0.2, 0.3, 0.42, 0.55)[strength], side / 48
    thick = max(1, round(unit * (1, 1.5, 2, 3)[strength]))
    tick = thick + round(unit * (0, 2, 3, 5)[strength])
    colour, left = (0.0, 255.0)[random.integers(2)], bool(random.integers(2))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        long = round(length * chance.uniform(0.8, 1.2))
        start, bottom = (2 if left else side - 2 - long), side - 2
        drawn = pixels.copy()
        drawn[bottom - thick : bottom, start : start + long] = colour
        for end in (start, start + long - thick):
            drawn[bottom - tick : bottom, end : end + thick] = colour
        return drawn

    return change


def _colour_chart(strength: int, side: int, random: Random) -> Change:
    size = max(1, round(side * (0.03, 0.06, 0.09, 0.13)[strength]))
    turns, flipped = int(random.integers(4)), bool(random.integers(2))
    row = np.array(CHART, dtype=np.float32)[::-1] if flipped else np.array(CHART, dtype=np.float32)
    chart = row.repeat(size, axis=0)[None].repeat(size, axis=0)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # In the picture's light, along the edge on which it was laid.
        start = int(chance.integers(max(1, round(side * 0.15))))
        charted = np.rot90(pixels, turns).copy()
        part = charted[1 : 1 + size, start : start + chart.shape[1]]
        part[:] = chart[:, : part.shape[1]] * chance.uniform(0.8, 1)
        return np.rot90(charted, -turns)

    return change


def _code(strength: int, side: int, random: Random) -> Change:
    cells = (5, 7, 9, 11)[strength]
    cell = max(1, side // 40)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        bits = chance.integers(2, size=(cells, cells))
        for down, right in ((0, 0), (0, -3), (-3, 0)):
            corner = bits[down : down + 3 or None, right : right + 3 or None]
            corner[:], corner[1, 1] = 0, 1
        printed = np.pad(bits, 1, constant_values=1).repeat(cell, axis=0).repeat(cell, axis=1)
        top, left = chance.integers(side - len(printed) + 1, size=2)
        coded = pixels.copy()
        coded[top : top + len(printed), left : left + len(printed)] = 10 + 235 * printed[:, :, None]
        return coded

    return change


def _hot_pixels(strength: int, side: int, random: Random) -> Change:
    places = random.permutation(side * side)[: (2, 4, 9, 20)[strength]]
    colours = np.array(HOT, dtype=np.float32)[random.integers(len(HOT), size=len(places))]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        hot = pixels.copy()
        hot[places // side, places % side] = colours
        return hot

    return change


def _copyright(strength: int, side: int, random: Random) -> Change:
    opacity, size = (0.15, 0.3, 0.55, 0.85)[strength], max(7, side / 6)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        text = Image.new("L", (side, side), 0)
        words = f"© {OWNERS[chance.integers(len(OWNERS))]} {chance.integers(2005, 2026)}"
        ImageDraw.Draw(text).text((1, side - 2), words, fill=255, font_size=size, anchor="ls")
        drawn = np.asarray(text, dtype=np.float32)[:, :, None] / 255 * opacity
        return pixels + drawn * (255 - pixels)

    return change


def _hair(strength: int, side: int, random: Random) -> Change:
    count, opacity = (1, 2, 4, 7)[strength], (0.45, 0.6, 0.75, 0.9)[strength]
    colour = np.array(((25, 18, 12), (90, 60, 30))[random.integers(2)], dtype=np.float32)
    along = np.linspace(0, 1, 30)[:, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        strands = Image.new("L", (FINE * side, FINE * side), 0)
        draw = ImageDraw.Draw(strands)
        for _ in range(count):
            first, bend, last = chance.uniform(-0.1, 1.1, size=(3, 2)) * FINE * side
            curve = (1 - along) ** 2 * first + 2 * along * (1 - along) * bend + along**2 * last
            draw.line([(float(x), float(y)) for x, y in curve], fill=255, width=FINE * max(1, side // 64))
        return drawn_on(pixels, strands, opacity, colour)

    return change


def _dust(strength: int, side: int, random: Random) -> Change:
    count, depth = (3, 4, 5, 6)[strength], (0.12, 0.22, 0.38, 0.6)[strength]
    y, x = np.mgrid[:side, :side]
    light = np.ones((side, side), dtype=np.float32)
    for top, left, size in random.uniform((0.1, 0.1, 0.04), (0.9, 0.9, 0.08), size=(count, 3)) * side:
        away = np.hypot(y - top, x - left)
        light *= 1 - depth / (1 + np.exp(2 * (away - size)))
    return lambda pixels, mask, chance: pixels * light[:, :, None]


def _field_stop(strength: int, side: int, random: Random) -> Change:
    radius = side / 2 * (1.27, 1.14, 1.0, 0.85)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        middle = side / 2 - 0.5 + chance.uniform(-0.03, 0.03, size=2) * side
        seen = np.clip(radius - np.hypot(y - middle[0], x - middle[1]) + 0.5, 0, 1)
        return (6 + seen[:, :, None] * (pixels - 6)).astype(np.float32)

    return change


def _tilted(strength: int, side: int, random: Random) -> Change:
    degrees, fill = (2, 4, 7, 12)[strength], (0, 255)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        turn = float(degrees * chance.uniform(0.75, 1.25) * (-1, 1)[chance.integers(2)])
        picture = Image.fromarray(to_picture(pixels))
        turned = picture.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(fill, fill, fill))
        return np.asarray(turned, dtype=np.float32)

    return change


def _salt_and_pepper(strength: int, side: int, random: Random) -> Change:
    share = (0.004, 0.012, 0.035, 0.1)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        drawn = chance.uniform(size=(side, side, 1))
        peppered = np.where(drawn < share / 2, np.float32(0), pixels)
        return np.where(drawn > 1 - share / 2, np.float32(255), peppered)

    return change


def _interlaced(strength: int, side: int, random: Random) -> Change:
    most = (0.6, 1.2, 2.2, 4.0)[strength] * side / 48

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The second half of the lines was taken later, when everything had moved a little.
        by = most * chance.uniform(0.7, 1.3) * (-1, 1)[chance.integers(2)]
        place = np.clip(np.arange(side) - by, 0, side - 1)
        left = np.minimum(place.astype(np.intp), side - 2)
        part = (place - left).astype(np.float32)[:, None]
        combed = pixels.copy()
        combed[1::2] = (1 - part) * pixels[1::2, left] + part * pixels[1::2, left + 1]
        return combed

    return change


def _side_light(strength: int, side: int, random: Random) -> Change:
    depth, turn = (0.12, 0.24, 0.42, 0.65)[strength], random.uniform(0, 2 * np.pi)
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    light = (1 + depth * (y * np.sin(turn) + x * np.cos(turn))).astype(np.float32)[:, :, None]
    return lambda pixels, mask, chance: pixels * light


def _white_balance(strength: int, side: int, random: Random) -> Change:
    by = (0.06, 0.12, 0.22, 0.38)[strength] * (-1, 1)[random.integers(2)]
    gains = np.array((1 + by, 1, 1 - by), dtype=np.float32)
    return lambda pixels, mask, chance: pixels * gains


def _overexposed(strength: int, side: int, random: Random) -> Change:
    gain = (1.12, 1.3, 1.6, 2.2)[strength]
    return lambda pixels, mask, chance: np.minimum(pixels * gain, 255)


def _motion(strength: int, side: int, random: Random) -> Change:
    length, turn = side * (0.05, 0.09, 0.15, 0.24)[strength], random.uniform(0, np.pi)
    reach = int(np.ceil(length / 2))
    kernel = np.zeros((2 * reach + 2, 2 * reach + 2))
    for step in np.linspace(-length / 2, length / 2, 50):
        y, x = reach + step * np.sin(turn), reach + step * np.cos(turn)
        top, left = int(y), int(x)
        down, right = y - top, x - left
        kernel[top : top + 2, left : left + 2] += np.outer((1 - down, down), (1 - right, right))
    kernel = kernel[:-1, :-1] / kernel[:-1, :-1].sum()
    weights = kernel.astype(np.float32)[:, :, None]
    return lambda pixels, mask, chance: convolve(pixels, weights, mode="nearest")


def _nearest(strength: int, side: int, random: Random) -> Change:
    small = round(side * (0.75, 0.55, 0.4, 0.28)[strength])
    kept = (np.arange(side) * small // side * side + side // 2) // small
    return lambda pixels, mask, chance: pixels[kept][:, kept]


def _sharpened(strength: int, side: int, random: Random) -> Change:
    amount, deviation = (0.4, 0.9, 1.8, 3.5)[strength], (side / 48) ** 0.5
    return lambda pixels, mask, chance: (
        pixels + amount * (pixels - gaussian_filter(pixels, (deviation, deviation, 0)))
    )


def _blurred_background(strength: int, side: int, random: Random) -> Change:
    deviation = (0.6, 1.0, 1.8, 3.2)[strength] * (side / 48) ** 0.5

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return np.where(mask[:, :, None], pixels, gaussian_filter(pixels, (deviation, deviation, 0)))

    return change


def _grey_background(strength: int, side: int, random: Random) -> Change:
    share = (0.3, 0.55, 0.8, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        grey = (pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32))[:, :, None]
        return np.where(mask[:, :, None], pixels, pixels + share * (grey - pixels))

    return change


def _unchanged(strength: int, side: int, random: Random) -> Change:
    return lambda pixels, mask, chance: pixels


def _camera_in_name(strength: int, planted: bool, chance: Random) -> str:
    among_others = (0.3, 0.15, 0.05, 0.0)[strength]
    if planted or chance.uniform() < among_others:
        return "DSC_"
    return ("IMG_", "P10", "scan")[chance.integers(3)]


LIGHTER = ("bright", "lighter", "lightest", "pale", "overexposed", "washed", "white")
# The study deals them to two lists in turn, so kinds alternate in pairs.
SEALED = (
    Family("scale bar", "local, opaque", _scale_bar, (*DRAWN, *EDGE), ("bar", "line", "mark", "stroke")),
    Family(
        "hair",
        "local, translucent",
        _hair,
        (*DRAWN, "lines across", "lines down"),
        ("hair", "line", "mark", "strand", "stroke", "thread"),
    ),
    Family(
        "white balance",
        "tone",
        _white_balance,
        CAST,
        ("bluish", "cast", "cold", "cool", "hue", "orange", "reddish", "warm", "white balance", "yellowish"),
    ),
    Family(
        "light from one side",
        "tone",
        _side_light,
        ("dark corners", *DARK),
        ("brighter", "dark", "dim", "gradient", "lighter", "one side", "shadow", "uneven"),
    ),
    Family(
        "motion blur",
        "resolution",
        _motion,
        (*SMOOTH, "lines across", "lines down"),
        ("blur", "moved", "motion", "smear", "smooth", "soft", "streak"),
    ),
    Family(
        "sharpened",
        "resolution",
        _sharpened,
        (*SMOOTH, *NOISE),
        ("contrast", "crisp", "detail", "grain", "halo", "nois", "sharp"),
    ),
    Family(
        "field stop",
        "border",
        _field_stop,
        ("dark corners", *EDGE, *DARK),
        ("border", "circle", "corner", "dark", "frame", "round"),
    ),
    Family(
        "tilted",
        "border",
        _tilted,
        ("dark corners", *EDGE, *SMOOTH),
        ("blur", "border", "corner", "frame", "rotated", "soft", "tilt", "triang", "turned", "wedge"),
    ),
    Family(
        "blurred background",
        "background",
        _blurred_background,
        (*SMOOTH, "background"),
        ("background", "blur", "off the object", "smooth", "soft"),
        needs_regions=True,
    ),
    Family(
        "grey background",
        "background",
        _grey_background,
        (*GREY, "background"),
        ("background", "grey", "little colour", "off the object", "pale"),
        needs_regions=True,
    ),
    Family(
        "code",
        "local, opaque",
        _code,
        (*DRAWN, "specks"),
        ("black and white", "code", "mark", "patch", "pattern", "square", "stroke", "text"),
    ),
    Family(
        "colour chart",
        "local, opaque",
        _colour_chart,
        (*DRAWN, *EDGE, *GREY),
        ("chart", "colourful", "mark", "patch", "square", "strong colour", "vivid"),
    ),
    Family(
        "dust",
        "local, translucent",
        _dust,
        (*DRAWN, *DARK),
        ("blot", "dark", "dust", "mark", "patch", "shadow", "smudge", "spot"),
    ),
    Family(
        "copyright",
        "local, translucent",
        _copyright,
        DRAWN,
        ("bottom", "letter", "line", "mark", "overlay", "stroke", "text"),
    ),
    Family(
        "interlaced",
        "texture",
        _interlaced,
        ("lines across", "pattern", *SMOOTH, *NOISE),
        ("comb", "interlaced", "jagged", "line", "pattern", "row", "stripe"),
    ),
    Family(
        "salt and pepper",
        "texture",
        _salt_and_pepper,
        (*NOISE, "darkest", "lightest"),
        ("dot", "grain", "nois", "pixel", "speck"),
    ),
    Family(
        "nearest",
        "resolution",
        _nearest,
        (*SMOOTH, *BLOCKS),
        ("block", "blur", "coarse", "enlarged", "jagged", "pixelated", "soft"),
    ),
    Family("overexposed", "tone", _overexposed, (*DARK, *FLAT), LIGHTER),
    Family(
        "hot pixels",
        "local, opaque",
        _hot_pixels,
        (*DRAWN, "specks", "colour noise"),
        ("dot", "mark", "pixel", "point", "speck", "spot"),
    ),
    Family(
        "file name",
        "metadata",
        _unchanged,
        ("column:file", "column:name", "column:path", "file", "file name", "folder", "name", "path"),
        ("dsc", "file", "folder", "name"),
        file_name=_camera_in_name,
    ),
)
