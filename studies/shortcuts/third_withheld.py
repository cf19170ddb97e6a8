"""A third set of withheld kinds: what is done to pictures in shops, archives and networks, and seen through glass."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from studies.shortcuts.families import BLOCKS, CAST, CORNERS, DARK, DRAWN, EDGE, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at

# What colours darker and lighter pixels get, as in films and filters of phones.
TONES = (
    ((-0.9, 0.2, 0.7), (1.0, 0.3, -0.9)),
    ((0.8, -0.5, 0.5), (0.3, 0.8, -0.6)),
)
LAMPS = ((255, 190, 90), (255, 235, 190), (255, 120, 110), (150, 200, 255))


def _split_toned(strength: int, side: int, random: Random) -> Change:
    height = (12, 24, 42, 70)[strength]
    shadows, lights = (np.array(tone, dtype=np.float32) for tone in TONES[random.integers(len(TONES))])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        light = pixels.mean(-1, keepdims=True) / 255
        return pixels + height * ((1 - light) * shadows + light * lights)

    return change


def _swath_edge(strength: int, side: int, random: Random) -> Change:
    reach = side * (0.2, 0.3, 0.42, 0.55)[strength]
    down, right = CORNERS[random.integers(4)]
    angle = random.uniform(np.pi / 6, np.pi / 3)
    y, x = np.mgrid[:side, :side]
    away = np.abs(y - down * (side - 1)) * np.cos(angle) + np.abs(x - right * (side - 1)) * np.sin(angle)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A satellite saw nothing beyond the strip that it flew over.
        seen = away > reach * chance.uniform(0.85, 1.1)
        return pixels * seen[:, :, None]

    return change


def _colour_blotches(strength: int, side: int, random: Random) -> Change:
    deviation = (4, 8, 16, 30)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A phone in little light, that has smoothed the noise of brightness but not that of colours.
        blotches = gaussian_filter(chance.normal(size=pixels.shape), (side / 20, side / 20, 0), mode="wrap")
        blotches -= blotches.mean(-1, keepdims=True)
        return pixels + (deviation / blotches.std() * blotches).astype(np.float32)

    return change


def _tape(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.3, 0.45, 0.6, 0.8)[strength], (0.11, 0.14, 0.18, 0.23)[strength]
    down = int(random.integers(2))
    colour = np.array((214, 182, 104), dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Old and yellow, from beyond an edge on to the picture.
        lean, middle = chance.uniform(-0.4, 0.4), chance.uniform(0.25, 0.75)
        along, across = np.array([np.sin(lean), np.cos(lean)]), np.array([np.cos(lean), -np.sin(lean)])
        beyond, end = (np.array([middle, 0.0]) + k * along for k in (-0.3, chance.uniform(0.28, 0.36)))
        edge = wide / 2 * across
        corners = (beyond - edge, beyond + edge, end + edge, end - edge)
        strip = Image.new("L", (FINE * side, FINE * side), 0)
        places = [(FINE * side * x, FINE * side * (1 - y if down else y)) for x, y in corners]
        ImageDraw.Draw(strip).polygon(places, fill=255)
        return drawn_on(pixels, strip, opacity, colour)

    return change


def _frosted(strength: int, side: int, random: Random) -> Change:
    apart = side * (0.008, 0.016, 0.027, 0.042)[strength]
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Through a rough pane, each pixel shows a place near its own.
        rows, columns = chance.normal(0, apart, (2, side, side))
        return read_at(pixels, y + rows, x + columns)

    return change


def _play_button(strength: int, side: int, random: Random) -> Change:
    opacity, radius = (0.35, 0.5, 0.7, 0.9)[strength], (0.1, 0.13, 0.17, 0.22)[strength]
    places = FINE * side * (0.5 + radius * np.array((-1, 1)))
    disc = Image.new("L", (FINE * side, FINE * side), 0)
    ImageDraw.Draw(disc).ellipse(places[[0, 0, 1, 1]].tolist(), fill=255)
    triangle = Image.new("L", disc.size, 0)
    corners = [(-0.35, -0.5), (-0.35, 0.5), (0.55, 0.0)]
    ImageDraw.Draw(triangle).polygon(
        [(FINE * side * (0.5 + radius * x), FINE * side * (0.5 + radius * y)) for x, y in corners], fill=255
    )

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return drawn_on(drawn_on(pixels, disc, 0.7 * opacity, 15), triangle, opacity, 255)

    return change


def _keystone(strength: int, side: int, random: Random) -> Change:
    narrower, turns = (0.08, 0.17, 0.3, 0.45)[strength], int(random.integers(4))
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side].astype(np.float64)
    # The further edge of a screen that is looked at from the opposite side; its room is dark.
    width = 1 - narrower * (1 - y / (side - 1))
    rows, columns = y / width, middle + (x - middle) / width
    room = np.rot90(np.abs(columns - middle) > side / 2, -turns)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        leaning = np.rot90(read_at(np.rot90(pixels, turns), rows, columns), -turns)
        return np.where(room[:, :, None], np.float32(18), leaning)

    return change


def _drops(strength: int, side: int, random: Random) -> Change:
    count, largest = (2, 3, 5, 7)[strength], side * (0.09, 0.11, 0.13, 0.16)[strength]
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Each drop on the lens is a lens itself, which turns what is around it upside down.
        wet = pixels
        for _ in range(count):
            (top, left), radius = chance.uniform(0, side, size=2), largest * chance.uniform(0.7, 1)
            away = np.hypot(y - top, x - left) / radius
            inside = np.clip((1 - away) * radius + 0.5, 0, 1).astype(np.float32)[:, :, None]
            turned = read_at(pixels, top - 3 * (y - top), left - 3 * (x - left))
            light = (1.15 - 0.6 * np.clip(away, 0, 1) ** 4 - 0.15 * (y - top) / radius).astype(np.float32)
            wet = wet + inside * (turned * light[:, :, None] - wet)
        return wet

    return change


def _rolled(strength: int, side: int, random: Random) -> Change:
    furthest, bar = (0.07, 0.14, 0.23, 0.34)[strength], round(side * (0.03, 0.06, 0.09, 0.12)[strength])
    direction = int(random.choice((-1, 1)))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A television that has lost its hold: the picture begins anew below a dark bar.
        by = direction * round(side * furthest * chance.uniform(0.7, 1))
        begun = pixels.copy()
        begun[:bar] = 12
        return np.roll(begun, by, axis=0)

    return change


def _ribbon(strength: int, side: int, random: Random) -> Change:
    reach = FINE * side * (0.15, 0.2, 0.27, 0.35)[strength]
    colour = np.array(((215, 25, 35), (20, 130, 60), (25, 70, 190))[random.integers(3)], dtype=np.float32)
    word, turn = ("NEW", "SALE", "-30%")[random.integers(3)], (-45, 45)[random.integers(2)]
    # Drawn level, and turned about the middle into a corner; twice as large, for there is more outside.
    row, half = FINE * side * (1 - np.sqrt(0.5)) + reach, 0.3 * reach
    band = Image.new("L", (2 * FINE * side, 2 * FINE * side), 0)
    ImageDraw.Draw(band).rectangle((0, row - half, 2 * FINE * side, row + half), fill=255)
    letters = Image.new("L", band.size, 0)
    ImageDraw.Draw(letters).text((FINE * side, row), word, fill=255, font_size=1.5 * half, anchor="mm")
    box = (FINE * side // 2, FINE * side // 2, FINE * side * 3 // 2, FINE * side * 3 // 2)
    band, letters = (drawing.rotate(turn).crop(box) for drawing in (band, letters))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return drawn_on(drawn_on(pixels, band, 1.0, colour), letters, 1.0, 255)

    return change


def _mosaic(strength: int, side: int, random: Random) -> Change:
    depth, fields = (0.12, 0.25, 0.42, 0.7)[strength], random.uniform(2.2, 4)
    y, x = np.mgrid[:side, :side] * fields / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Fields of a microscope side by side, each darker away from its middle.
        first, second = chance.uniform(size=2)
        away = 2 * (((y + first) % 1 - 0.5) ** 2 + ((x + second) % 1 - 0.5) ** 2)
        return pixels * (1 - depth * away).astype(np.float32)[:, :, None]

    return change


def _cracks(strength: int, side: int, random: Random) -> Change:
    count, opacity = (4, 6, 9, 13)[strength], (0.45, 0.6, 0.8, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Broken glass: jagged lines away from where it was hit.
        hit = chance.uniform(0.15, 0.85, size=2)
        glass = Image.new("L", (FINE * side, FINE * side), 0)
        for turn in range(count):
            angle = 2 * np.pi * (turn + chance.uniform(-0.3, 0.3)) / count
            angles = angle + np.cumsum(chance.normal(0, 0.25, size=7))
            steps = 0.11 * chance.uniform(0.6, 1.4, size=(7, 1))
            path = hit + np.cumsum(steps * np.stack([np.cos(angles), np.sin(angles)], axis=-1), axis=0)
            points = [(FINE * side * a, FINE * side * b) for a, b in (hit, *path)]
            ImageDraw.Draw(glass).line(points, fill=255, width=max(2, FINE * side // 56))
        return drawn_on(pixels, glass, opacity, 240)

    return change


def _blurred_sides(strength: int, side: int, random: Random) -> Change:
    wide = round(side * (0.06, 0.11, 0.17, 0.25)[strength])
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side].astype(np.float64)
    nearer = middle + (x - middle) * (1 - 2 * wide / side)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An upright picture in a wide frame, filled with itself.
        filled = gaussian_filter(read_at(pixels, y, nearer), (side / 12, side / 12, 0))
        filled[:, wide:-wide] = pixels[:, wide:-wide]
        return filled

    return change


def _laser(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.35, 0.55, 0.8, 1.0)[strength], side * (0.02, 0.025, 0.03, 0.04)[strength]
    colour = np.array(((255, 30, 50), (60, 255, 80))[random.integers(2)], dtype=np.float32)
    y = np.arange(side)[:, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A line that measures how high things are, and bends where they are.
        row = chance.uniform(0.3, 0.7) * side
        heights = gaussian_filter(pixels.mean(-1), side / 16)[int(row)] / 128 - 1
        line = np.exp(-(((y - row - 0.12 * side * heights) / wide) ** 2))
        return (pixels + opacity * line[:, :, None] * (colour - pixels)).astype(np.float32)

    return change


def _tube(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.35, 0.5, 0.7, 0.9)[strength], FINE * side * (0.045, 0.06, 0.075, 0.1)[strength]
    down = int(random.integers(2))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A drain as X-rays show it, with light walls, in a bow from an edge.
        begin, bow, end = (
            chance.uniform(low, high, size=2)
            for low, high in (((0.1, -0.1), (0.9, 0.0)), ((0, 0.3), (1, 0.6)), ((0.2, 0.6), (0.8, 0.9)))
        )
        t = np.linspace(0, 1, 40)[:, None]
        path = (1 - t) ** 2 * begin + 2 * t * (1 - t) * bow + t**2 * end
        points = [(FINE * side * x, FINE * side * (1 - y if down else y)) for x, y in path]
        walls = Image.new("L", (FINE * side, FINE * side), 0)
        ImageDraw.Draw(walls).line(points, fill=255, width=round(wide), joint="curve")
        ImageDraw.Draw(walls).line(points, fill=90, width=round(wide / 2), joint="curve")
        return drawn_on(pixels, walls, opacity, 245)

    return change


def _bokeh(strength: int, side: int, random: Random) -> Change:
    count, opacity = (6, 10, 16, 26)[strength], (0.35, 0.5, 0.7, 0.9)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Lamps far behind the object, out of focus.
        lit = pixels
        for _ in range(count):
            middle, radius = chance.uniform(0, 1, size=2), chance.uniform(0.04, 0.09)
            lamp = Image.new("L", (FINE * side, FINE * side), 0)
            box = (FINE * side * np.concatenate([middle - radius, middle + radius])).tolist()
            ImageDraw.Draw(lamp).ellipse(box, fill=255)
            colour = np.array(LAMPS[chance.integers(len(LAMPS))], dtype=np.float32)
            lit = drawn_on(lit, lamp, opacity * chance.uniform(0.5, 1), colour)
        return np.where(mask[:, :, None], pixels, lit).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
THIRD_WITHHELD = (
    Family(
        "split toned",
        "tone",
        _split_toned,
        (*CAST, *GREY),
        (
            "bluish",
            "cast",
            "colour",
            "greenish",
            "hue",
            "orange",
            "purplish",
            "reddish",
            "tone",
            "warm",
            "yellowish",
        ),
    ),
    Family(
        "swath edge",
        "border",
        _swath_edge,
        (*EDGE, *DRAWN, *DARK, "dark corners"),
        ("black", "border", "corner", "dark", "edge", "mark", "patch", "triangle"),
    ),
    Family(
        "colour blotches",
        "texture",
        _colour_blotches,
        (*NOISE, *CAST, *GREY),
        ("blot", "cast", "colour", "nois", "patch", "strong colours"),
    ),
    Family(
        "tape",
        "local, translucent",
        _tape,
        (*DRAWN, *EDGE, *CAST),
        ("band", "brown", "mark", "patch", "square", "strip", "tape", "yellow"),
    ),
    Family(
        "frosted",
        "texture",
        _frosted,
        (*NOISE, *SMOOTH, *BLOCKS),
        ("blur", "frost", "grain", "jagged", "nois", "pixel", "scatter", "soft", "strong fine detail"),
    ),
    Family(
        "play button",
        "local, translucent",
        _play_button,
        DRAWN,
        ("button", "centre", "circle", "disc", "mark", "overlay", "patch", "triangle", "watermark"),
    ),
    Family(
        "keystone",
        "geometry",
        _keystone,
        (*EDGE, *DARK, *SMOOTH, "dark corners"),
        ("black", "border", "corner", "dark", "distort", "edge", "frame", "narrow", "perspective", "warp"),
    ),
    Family(
        "drops",
        "local, opaque",
        _drops,
        (*DRAWN, *SMOOTH),
        ("blob", "circle", "disc", "drop", "mark", "patch", "spot", "upside down"),
    ),
    Family(
        "rolled",
        "geometry",
        _rolled,
        (*DRAWN, *EDGE, *DARK, "lines across"),
        ("band", "bar", "black", "dark", "edge", "line", "mark", "moved", "roll", "seam", "shift", "wrap"),
    ),
    Family(
        "ribbon",
        "local, opaque",
        _ribbon,
        (*DRAWN, *EDGE, *CAST),
        ("band", "banner", "corner", "mark", "patch", "ribbon", "stroke", "text"),
    ),
    Family(
        "mosaic",
        "tone",
        _mosaic,
        ("pattern", "repeats", "watermark", "dark corners", *DARK),
        ("dark", "field", "grid", "lines", "mosaic", "pattern", "repeat", "shad", "uneven"),
    ),
    Family(
        "cracks",
        "local, opaque",
        _cracks,
        (*DRAWN, *NOISE),
        ("crack", "line", "mark", "ray", "star", "streak", "stroke"),
    ),
    Family(
        "blurred sides",
        "border",
        _blurred_sides,
        (*EDGE, *SMOOTH, "background"),
        ("bar", "blur", "border", "edge", "fill", "frame", "sides", "smooth", "soft"),
    ),
    Family(
        "laser",
        "local, translucent",
        _laser,
        (*DRAWN, *CAST, "lines across"),
        ("curve", "green", "line", "mark", "red", "streak", "stroke"),
    ),
    Family(
        "tube",
        "local, translucent",
        _tube,
        DRAWN,
        ("band", "bow", "curve", "line", "mark", "pipe", "stroke", "tube"),
    ),
    Family(
        "bokeh",
        "background",
        _bokeh,
        (*DRAWN, *CAST, *SMOOTH, "background", "lightest"),
        (
            "background",
            "blob",
            "bright",
            "circle",
            "disc",
            "lamp",
            "light",
            "mark",
            "off the object",
            "orange",
            "spot",
        ),
        needs_regions=True,
    ),
)
