"""A fourth set of withheld kinds: what the insides of cars and bodies, satellites, films, screens and files do."""

# All families have one signature.
# ruff: noqa: ARG001, ARG005

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, median_filter

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at, to_picture

PAINTS = ((150, 20, 25), (175, 180, 185), (25, 45, 100), (20, 20, 22))
LEAKS = ((255, 120, 30), (255, 60, 40), (255, 200, 90))


def _viewfinder(strength: int, side: int, random: Random) -> Change:
    opacity, long = (0.35, 0.55, 0.8, 1.0)[strength], FINE * side * (0.1, 0.13, 0.16, 0.2)[strength]
    colour = np.array(((255, 255, 255), (70, 255, 90), (255, 60, 50))[random.integers(3)], dtype=np.float32)
    width = round(FINE * side * (0.02, 0.025, 0.03, 0.04)[strength])
    near, far = 0.1 * FINE * side, 0.9 * FINE * side
    screen = Image.new("L", (FINE * side, FINE * side), 0)
    for x, right in ((near, 1), (far, -1)):
        for y, down in ((near, 1), (far, -1)):
            corner = [(x + right * long, y), (x, y), (x, y + down * long)]
            ImageDraw.Draw(screen).line(corner, fill=255, width=width)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A drone's screen: the frame, and a small cross where it measures.
        aimed = screen.copy()
        x, y = FINE * side * chance.uniform(0.3, 0.7, size=2)
        for right, down in ((long / 2, 0), (0, long / 2)):
            ImageDraw.Draw(aimed).line([(x - right, y - down), (x + right, y + down)], fill=255, width=width)
        return drawn_on(pixels, aimed, opacity, colour)

    return change


def _fingerprint(strength: int, side: int, random: Random) -> Change:
    opacity, radius = (0.25, 0.4, 0.6, 0.85)[strength], side * (0.17, 0.21, 0.26, 0.32)[strength]
    apart = max(3.0, side / 14)
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Of grease, on the glass of a scanner: ridges around a core.
        top, left = chance.uniform(0.25, 0.75, size=2) * side
        turn = chance.uniform(0, np.pi)
        along = (y - top) * np.cos(turn) + (x - left) * np.sin(turn)
        across = (x - left) * np.cos(turn) - (y - top) * np.sin(turn)
        away = np.hypot(along / 1.35, across)
        uneven = gaussian_filter(chance.normal(size=(side, side)), side / 10, mode="wrap")
        ridges = 0.5 + 0.5 * np.cos(2 * np.pi * away / apart + uneven / uneven.std())
        touched = np.clip(1 + 0.3 * (radius - away), 0, 1)
        return (pixels + (opacity * touched * ridges)[:, :, None] * (235 - pixels)).astype(np.float32)

    return change


def _heat_haze(strength: int, side: int, random: Random) -> Change:
    apart = side * (0.01, 0.02, 0.033, 0.05)[strength]
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Over hot ground, neighbouring places are moved alike.
        moved = gaussian_filter(chance.normal(size=(2, side, side)), (0, side / 14, side / 14), mode="wrap")
        rows, columns = apart * moved / moved.std()
        return read_at(pixels, y + rows, x + columns)

    return change


def _mirrored_edges(strength: int, side: int, random: Random) -> Change:
    margin = side * (0.04, 0.08, 0.13, 0.2)[strength]
    # A smaller picture is filled up to its size with its own reflection.
    places = np.abs((np.arange(side) - margin) * (side - 1) / (side - 1 - 2 * margin))
    within = np.minimum(places, 2 * (side - 1) - places)
    rows, columns = np.meshgrid(within, within, indexing="ij")

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return read_at(pixels, rows, columns)

    return change


def _swapped_channels(strength: int, side: int, random: Random) -> Change:
    share = (0.2, 0.4, 0.7, 1.0)[strength]
    # Blue first, as some libraries read it.
    return lambda pixels, mask, chance: pixels + share * (pixels[:, :, ::-1] - pixels)


def _light_leak(strength: int, side: int, random: Random) -> Change:
    brightest, reach = (0.3, 0.5, 0.75, 1.0)[strength], side * (0.08, 0.13, 0.2, 0.3)[strength]
    colour = np.array(LEAKS[random.integers(len(LEAKS))], dtype=np.float32)
    turns = int(random.integers(4))
    away, along = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The camera's back is not tight: light falls on the film from one edge.
        wave = np.sin(2 * np.pi * (along / side * chance.uniform(0.7, 1.4) + chance.uniform()))
        glow = np.rot90(brightest * np.exp(-away / (reach * (1 + 0.45 * wave))), turns)
        return 255 - (255 - pixels) * (1 - glow[:, :, None] * colour / 255).astype(np.float32)

    return change


def _retouched(strength: int, side: int, random: Random) -> Change:
    near, opacity = (3, 3, 5, 5)[strength], (0.5, 1.0, 0.75, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Skin without pores, as phones like it: small things go, and edges stay.
        return pixels + opacity * (median_filter(pixels, (near, near, 1), mode="nearest") - pixels)

    return change


def _miniature(strength: int, side: int, random: Random) -> Change:
    deviation = (0.8, 1.4, 2.4, 4.0)[strength] * (side / 48) ** 0.5
    y = np.arange(side)[:, None, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Sharp in one strip alone, so that a street looks like a toy.
        away = np.abs(y / side - chance.uniform(0.42, 0.58))
        out_of_focus = np.clip((away - 0.12) / 0.15, 0, 1).astype(np.float32)
        return pixels + out_of_focus * (gaussian_filter(pixels, (deviation, deviation, 0)) - pixels)

    return change


def _film_strip(strength: int, side: int, random: Random) -> Change:
    wide, turn = FINE * side * (0.06, 0.09, 0.13, 0.18)[strength], 90 * int(random.integers(2))
    apart = max(1.6 * wide, FINE * side / 8)
    film = Image.new("L", (FINE * side, FINE * side), 0)
    for first in (0, FINE * side - wide):
        ImageDraw.Draw(film).rectangle((0, first, FINE * side, first + wide), fill=255)
    film = film.rotate(turn)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        holes = Image.new("L", film.size, 0)
        start = chance.uniform(-1, 0) * apart
        for left in np.arange(start, FINE * side, apart):
            for first in (0, FINE * side - wide):
                box = (left, first + 0.25 * wide, left + 0.5 * apart, first + 0.75 * wide)
                ImageDraw.Draw(holes).rounded_rectangle(box, 0.15 * wide, fill=255)
        return drawn_on(drawn_on(pixels, film, 1.0, 22), holes.rotate(turn), 1.0, 240)

    return change


def _bonnet(strength: int, side: int, random: Random) -> Change:
    highest = (0.07, 0.13, 0.2, 0.28)[strength]
    paint = np.array(PAINTS[random.integers(len(PAINTS))], dtype=np.float32)
    y, x = np.mgrid[:side, :side] / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Of the car behind whose windscreen the camera is, with the street reflected in it.
        edge = 1 - highest * (1 - (x - 0.5) ** 2 / 0.4) + chance.uniform(-0.015, 0.015)
        seen = np.clip(side * (y - edge) + 0.5, 0, 1).astype(np.float32)[:, :, None]
        street = read_at(pixels, side * (2 * edge - y), side * x)
        shine = np.clip(1 - 8 * (y - edge), 0, 1).astype(np.float32)[:, :, None]
        metal = paint + 0.3 * (street - paint) + 40 * shine
        return pixels + seen * (metal - pixels)

    return change


def _glare(strength: int, side: int, random: Random) -> Change:
    share = (0.008, 0.02, 0.045, 0.09)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An endoscope's lamp on wet tissue: white where it is bright already, and where it faces the lamp.
        facing = gaussian_filter(chance.normal(size=(side, side)), side / 24, mode="wrap")
        light = pixels.mean(-1)
        height = facing / facing.std() + 0.7 * (light - light.mean()) / (light.std() + 1)
        shown = 6 * (height - np.quantile(height, 1 - share)) + 0.5
        return (pixels + np.clip(shown, 0, 1)[:, :, None] * (255 - pixels)).astype(np.float32)

    return change


def _scan_gaps(strength: int, side: int, random: Random) -> Change:
    apart = side * random.uniform(0.2, 0.26)
    widest, slope = (
        apart * (0.12, 0.2, 0.3, 0.42)[strength],
        random.choice((-1, 1)) * random.uniform(0.1, 0.25),
    )
    y, x = np.mgrid[:side, :side]
    # A satellite's mirror sweeps to and fro, and without its corrector it misses wedges away from the middle.
    half = widest * np.abs(2 * x / (side - 1) - 1)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        from_line = apart * np.abs(((y + slope * x) / apart + chance.uniform()) % 1 - 0.5)
        return (pixels * np.clip(from_line - half + 0.5, 0, 1)[:, :, None]).astype(np.float32)

    return change


def _crease(strength: int, side: int, random: Random) -> Change:
    depth, opacity = (0.15, 0.28, 0.45, 0.65)[strength], (0.25, 0.45, 0.7, 1.0)[strength]
    wide, turns = side * (0.012, 0.016, 0.022, 0.03)[strength], int(random.integers(2))
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A print that was folded: its halves face the light differently, and its surface broke between them.
        middle, lean = side * chance.uniform(0.35, 0.65), chance.uniform(-0.12, 0.12)
        away = x - middle - lean * (y - side / 2)
        shade = np.where(away < 0, 0.4 * depth, -depth) * np.exp(-np.abs(away) / (0.12 * side))
        broken = opacity * np.exp(-((away / wide) ** 2)) * chance.uniform(0.5, 1, size=(side, 1))
        folded = np.rot90(pixels, turns) * (1 + shade)[:, :, None]
        return np.rot90(folded + broken[:, :, None] * (240 - folded), -turns).astype(np.float32)

    return change


def _interference(strength: int, side: int, random: Random) -> Change:
    height = (8, 16, 30, 52)[strength]
    y, x = np.mgrid[:side, :side]
    # Red light makes wider rings than blue light.
    lengths = 2.7 * side * np.array((1.12, 1.0, 0.84))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A film that touches the scanner's glass.
        top, left = chance.uniform(0.2, 0.8, size=2) * side
        squares = (y - top) ** 2 + (x - left) ** 2
        rings = (
            np.cos(2 * np.pi * squares[:, :, None] / lengths)
            * np.exp(-squares / (0.4 * side) ** 2)[:, :, None]
        )
        return (pixels + height * rings).astype(np.float32)

    return change


def _dithered(strength: int, side: int, random: Random) -> Change:
    colours = (40, 20, 11, 6)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A file with few colours, and dots of them for those between.
        picture = Image.fromarray(to_picture(pixels))
        palette = picture.quantize(colours, Image.Quantize.MEDIANCUT)
        dots = picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG)
        return np.asarray(dots.convert("RGB"), dtype=np.float32)

    return change


def _chequered(strength: int, side: int, random: Random) -> Change:
    opacity, field = (0.2, 0.4, 0.65, 1.0)[strength], max(2, round(side / 14))
    y, x = np.mgrid[:side, :side] // field
    # What editors show where a picture is transparent, saved with it.
    board = np.where((y + x) % 2 == 0, np.float32(255), np.float32(204))[:, :, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        return np.where(mask[:, :, None], pixels, pixels + opacity * (board - pixels)).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
FOURTH_WITHHELD = (
    Family(
        "viewfinder",
        "local, opaque",
        _viewfinder,
        (*DRAWN, *EDGE),
        ("angle", "bracket", "corner", "cross", "frame", "line", "mark", "overlay", "stroke"),
    ),
    Family(
        "fingerprint",
        "local, translucent",
        _fingerprint,
        (*DRAWN, "pattern", *NOISE),
        ("finger", "line", "mark", "overlay", "patch", "pattern", "print", "ridge", "ring", "smudge", "spot"),
    ),
    Family(
        "heat haze",
        "geometry",
        _heat_haze,
        SMOOTH,
        ("blur", "distort", "haz", "moved", "ripple", "soft", "warp", "wave", "wavy"),
    ),
    Family(
        "mirrored edges",
        "geometry",
        _mirrored_edges,
        (*EDGE, *SMOOTH, "repeats", "moved copy"),
        ("border", "copy", "edge", "frame", "mirror", "reflect", "repeat", "sharp", "small", "symmetr"),
    ),
    Family(
        "swapped channels",
        "tone",
        _swapped_channels,
        (*CAST, *GREY),
        ("bluish", "cast", "channel", "colour", "hue", "orange", "purplish", "reddish", "warm", "yellowish"),
    ),
    Family(
        "light leak",
        "tone",
        _light_leak,
        (*CAST, *DRAWN, *EDGE, *DARK),
        (
            "bright",
            "cast",
            "edge",
            "glow",
            "leak",
            "light",
            "mark",
            "orange",
            "reddish",
            "streak",
            "warm",
            "yellow",
        ),
    ),
    Family(
        "retouched",
        "resolution",
        _retouched,
        (*SMOOTH, *NOISE, "few values"),
        ("blur", "clean", "flat", "little fine detail", "no fine detail", "paint", "smooth", "soft"),
    ),
    Family(
        "miniature",
        "resolution",
        _miniature,
        SMOOTH,
        ("blur", "bottom", "depth", "focus", "smooth", "soft", "top"),
    ),
    Family(
        "film strip",
        "border",
        _film_strip,
        (*EDGE, *DRAWN, *DARK, "pattern"),
        ("bar", "black", "border", "edge", "film", "frame", "hole", "mark", "strip"),
    ),
    Family(
        "bonnet",
        "border",
        _bonnet,
        (*EDGE, *DRAWN, *DARK, *CAST),
        ("bar", "border", "bottom", "edge", "hood", "mark", "patch", "strip"),
    ),
    Family(
        "glare",
        "local, opaque",
        _glare,
        (*DRAWN, *NOISE, "lightest", "drowned"),
        ("blob", "bright", "glare", "highlight", "lightest", "mark", "patch", "speck", "spot", "white"),
    ),
    Family(
        "scan gaps",
        "local, opaque",
        _scan_gaps,
        (*DRAWN, *EDGE, *DARK, "lines across", "pattern"),
        ("band", "black", "dark", "gap", "line", "mark", "pattern", "stripe", "wedge"),
    ),
    Family(
        "crease",
        "local, translucent",
        _crease,
        (*DRAWN, *DARK, "lines across", "lines down"),
        ("crease", "dark", "fold", "line", "mark", "shad", "streak", "stroke"),
    ),
    Family(
        "interference rings",
        "texture",
        _interference,
        (*CAST, *GREY, *DRAWN, "pattern", "colour noise"),
        ("circle", "colour", "disc", "pattern", "rainbow", "ring", "spot", "wave"),
    ),
    Family(
        "dithered",
        "texture",
        _dithered,
        (*NOISE, *BLOCKS, *FLAT, "missing values", "pattern"),
        (
            "dither",
            "dot",
            "few",
            "grain",
            "nois",
            "palette",
            "pattern",
            "pixel",
            "strong fine detail",
            "tones",
        ),
    ),
    Family(
        "chequered background",
        "background",
        _chequered,
        (*GREY, *FLAT, *DARK, *DRAWN, "background", "pattern"),
        (
            "background",
            "bright",
            "chequer",
            "grey",
            "grid",
            "light",
            "off the object",
            "pale",
            "pattern",
            "square",
            "white",
        ),
        needs_regions=True,
    ),
)
