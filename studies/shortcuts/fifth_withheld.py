"""A fifth set of withheld kinds: what lamps, trees, steam, books, old paint, wipers and browsers do to pictures."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, shift
from scipy.spatial import cKDTree

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at, to_picture

# From where nobody looked to where everybody did.
LOOKS = np.array(((0, 0, 255), (0, 210, 255), (40, 230, 60), (255, 225, 0), (255, 25, 0)))
# What colours the middle of a picture gets; its edges get the opposite.
SHADES = ((1.0, -0.6, 0.4), (-0.7, 0.8, -0.2), (0.8, 0.2, -0.9))


def _speech_bubble(strength: int, side: int, random: Random) -> Change:
    wide = FINE * side * (0.1, 0.14, 0.19, 0.25)[strength]
    high, line = 0.62 * wide, FINE * side * 0.015
    lean, paper = int(random.choice((-1, 1))), (255, 245)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        x, y = FINE * side * chance.uniform((0.25, 0.15), (0.75, 0.45))
        ends = wide * chance.uniform(0.1, 0.65, size=3)
        tail = [(x, y + 0.5 * high), (x + 0.9 * lean * wide, y + 1.7 * high), (x + 0.5 * lean * wide, y)]
        outline = Image.new("L", (FINE * side, FINE * side), 0)
        inside, words = outline.copy(), outline.copy()
        ImageDraw.Draw(outline).line([*tail, tail[0]], fill=255, width=round(2 * line), joint="curve")
        for drawing, more in ((outline, line), (inside, 0.0)):
            box = (x - wide - more, y - high - more, x + wide + more, y + high + more)
            ImageDraw.Draw(drawing).polygon(tail, fill=255)
            ImageDraw.Draw(drawing).ellipse(box, fill=255)
        for row, end in zip((-0.4, 0.0, 0.4), ends, strict=True):
            ends_of_line = [(x - 0.65 * wide, y + row * high), (x + end, y + row * high)]
            ImageDraw.Draw(words).line(ends_of_line, fill=255, width=round(0.16 * high))
        return drawn_on(drawn_on(drawn_on(pixels, outline, 1.0, 15), inside, 1.0, paper), words, 1.0, 40)

    return change


def _wiper(strength: int, side: int, random: Random) -> Change:
    long, wide = (0.45, 0.6, 0.75, 0.9)[strength], FINE * side * (0.025, 0.035, 0.05, 0.07)[strength]
    foot = np.array([(0.2, 0.8)[random.integers(2)], 1.06])
    inwards = 1 if foot[0] < 0.5 else -1

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Seen through the windscreen: a thin arm, and the blade that it moves.
        angle = chance.uniform(-0.25, 1.1)
        along = np.array([inwards * np.sin(angle), -np.cos(angle)])
        drawing = Image.new("L", (FINE * side, FINE * side), 0)
        for (begin, end), width in (((0.0, 0.6), 0.5 * wide), ((0.3, 1.0), wide)):
            places = [tuple(FINE * side * (foot + part * long * along)) for part in (begin, end)]
            ImageDraw.Draw(drawing).line(places, fill=255, width=round(width))
        return drawn_on(pixels, drawing, 1.0, 20)

    return change


def _gaze_map(strength: int, side: int, random: Random) -> Change:
    opacity, spread = (0.2, 0.33, 0.48, 0.66)[strength], side * (0.08, 0.09, 0.1, 0.11)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Where people looked at a page or a painting.
        places, lengths = chance.uniform(0.15, 0.85, size=(4, 2)) * side, chance.uniform(0.5, 1, size=4)
        looks = sum(
            length * np.exp(-((y - top) ** 2 + (x - left) ** 2) / (2 * spread**2))
            for (top, left), length in zip(places, lengths, strict=True)
        )
        heat = looks / np.max(looks)
        steps = np.linspace(0, 1, len(LOOKS))
        shown = np.stack([np.interp(heat, steps, colour) for colour in LOOKS.T], axis=-1)
        cover = opacity * np.clip(4 * heat, 0, 1)[:, :, None]
        return (pixels + cover * (shown - pixels)).astype(np.float32)

    return change


def _water_stain(strength: int, side: int, random: Random) -> Change:
    depth, radius = (0.2, 0.35, 0.5, 0.7)[strength], side * (0.18, 0.23, 0.29, 0.37)[strength]
    # Brown: blue light is lost first.
    absorbed = np.array((0.4, 0.68, 1.0))
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Water carried the dirt of the paper outwards, and left it where it dried.
        top, left = chance.uniform(0.15, 0.85, size=2) * side
        angle = np.arctan2(y - top, x - left)
        uneven = sum(
            height * np.cos(turns * angle + chance.uniform(0, 2 * np.pi))
            for turns, height in ((2, 0.16), (3, 0.1), (5, 0.06))
        )
        from_edge = np.hypot(y - top, x - left) - radius * (1 + uneven)
        wet = np.clip(0.5 - from_edge, 0, 1)
        tide = np.exp(-((from_edge / (0.035 * side)) ** 2))
        lost = depth * np.maximum(0.4 * wet, tide)[:, :, None] * absorbed
        return (pixels * (1 - lost)).astype(np.float32)

    return change


def _dappled(strength: int, side: int, random: Random) -> Change:
    shade, sun = (0.9, 0.78, 0.64, 0.48)[strength], (1.05, 1.12, 1.25, 1.45)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Below a tree, the sun falls through gaps between leaves.
        leaves = gaussian_filter(chance.normal(size=(side, side)), side / 16, mode="wrap")
        gaps = np.clip(1.1 * (leaves / leaves.std() - 0.6) + 0.5, 0, 1)[:, :, None]
        return (pixels * (shade + gaps * (sun - shade))).astype(np.float32)

    return change


def _gutter(strength: int, side: int, random: Random) -> Change:
    wide, depth = side * (0.14, 0.24, 0.36, 0.52)[strength], (0.35, 0.5, 0.65, 0.85)[strength]
    right = bool(random.integers(2))
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side].astype(np.float64)
    down = np.clip(1 - x / wide, 0, 1) ** 2
    # The page of a thick book bends down to its fold: it looks narrower there, and further away.
    columns, rows = x - 0.45 * wide * down, middle + (y - middle) * (1 + 0.2 * down)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        page = pixels[:, ::-1] if right else pixels
        light = 1 - depth * chance.uniform(0.85, 1) * down[:, :, None]
        bent = read_at(page, rows, columns)
        opposite = np.where(columns[:, :, None] < -0.5, np.float32(190), bent)
        shown = (opposite * light).astype(np.float32)
        return shown[:, ::-1] if right else shown

    return change


def _skewed(strength: int, side: int, random: Random) -> Change:
    lean, direction = (0.06, 0.13, 0.22, 0.34)[strength], int(random.choice((-1, 1)))
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # From a train: the sensor reads its lowest row last, when all has moved on.
        leaning = lean * chance.uniform(0.8, 1)
        return read_at(pixels, middle + y, middle + (1 - leaning) * x + direction * leaning * y)

    return change


def _colour_shading(strength: int, side: int, random: Random) -> Change:
    height = (10, 20, 36, 60)[strength]
    tone = np.array(SHADES[random.integers(len(SHADES))])
    y, x = np.mgrid[:side, :side] / (side - 1)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Light meets the filters of a sensor straight in the middle, and at an angle elsewhere.
        top, left = chance.uniform(0.44, 0.56, size=2)
        profile = np.clip(1 - 4 * ((y - top) ** 2 + (x - left) ** 2), -1, 1)
        return (pixels + height * profile[:, :, None] * tone).astype(np.float32)

    return change


def _flicker(strength: int, side: int, random: Random) -> Change:
    depth, bands = (0.1, 0.2, 0.36, 0.58)[strength], random.uniform(1.6, 3)
    # A lamp is yellower while it is darker.
    fading = depth * np.array((0.8, 1.0, 1.25))
    y = np.arange(side)[:, None, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Lamps of a hall go on and off while the sensor reads row after row.
        light = 0.5 + 0.5 * np.cos(2 * np.pi * (bands * y / side + chance.uniform()))
        return (pixels * (1 + 0.25 * depth - 1.25 * fading * (1 - light))).astype(np.float32)

    return change


def _zoom_burst(strength: int, side: int, random: Random) -> Change:
    reach = (0.06, 0.12, 0.2, 0.32)[strength]
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The lens is zoomed during the exposure, so that all but one place runs outwards.
        top, left = chance.uniform(0.4, 0.6, size=2) * side
        nearer = 1 - np.linspace(0, reach, 12)
        moments = [read_at(pixels, top + (y - top) * k, left + (x - left) * k) for k in nearer]
        return np.mean(moments, axis=0, dtype=np.float32)

    return change


def _still_loading(strength: int, side: int, random: Random) -> Change:
    loaded, cells = (0.82, 0.68, 0.54, 0.4)[strength], side // 3

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A browser shows a coarse preview below the rows that it has.
        preview = Image.fromarray(to_picture(pixels)).resize((cells, cells), Image.Resampling.BOX)
        shown = np.array(preview.resize((side, side), Image.Resampling.NEAREST), dtype=np.float32)
        rows = round(side * (loaded + chance.uniform(-0.06, 0.06)))
        shown[:rows] = pixels[:rows]
        return shown

    return change


def _torn_edge(strength: int, side: int, random: Random) -> Change:
    reach, rim = side * (0.05, 0.09, 0.14, 0.21)[strength], side * (0.02, 0.025, 0.03, 0.04)[strength]
    turns = int(random.integers(4))
    table = np.array(((28, 26, 25), (125, 95, 65), (70, 85, 95))[random.integers(3)], dtype=np.float32)
    y = np.arange(side)[:, None]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A print without one of its edges: white fibres, and the table on which it lies.
        walk = gaussian_filter(chance.normal(size=side), side / 16, mode="wrap")
        ragged = chance.normal(0, 0.008 * side, size=side)
        edge = reach * (1 + 0.4 * np.clip(walk / walk.std(), -1.5, 1.5)) + ragged
        fibres = rim * chance.uniform(0.4, 1.4, size=side)
        print_left = np.rot90(pixels, turns)
        for ends, colour in ((edge + fibres, np.float32(242)), (edge, table)):
            gone = np.clip(ends - y + 0.5, 0, 1)[:, :, None]
            print_left = print_left + gone * (colour - print_left)
        return np.rot90(print_left, -turns).astype(np.float32)

    return change


def _steamed(strength: int, side: int, random: Random) -> Change:
    thickness, clear = (0.25, 0.4, 0.56, 0.75)[strength], side * (0.46, 0.43, 0.4, 0.37)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A hand has wiped the middle of the pane; from there, drops ran down.
        top, left = chance.uniform(0.42, 0.58, size=2) * side
        lean = chance.uniform(-0.35, 0.35)
        away = np.hypot((y - top + lean * (x - left)) / 0.8, x - left) - clear
        runs = [
            np.abs(x - left - along * clear) + 99 * (y < top) - 0.02 * side
            for along in chance.uniform(-0.9, 0.9, size=3)
        ]
        fogged = np.clip(np.minimum(away / (0.12 * side), np.min(runs, axis=0)) + 0.5, 0, 1)[:, :, None]
        steam = gaussian_filter(pixels, (side / 24, side / 24, 0))
        steam += thickness * (np.float32(218) - steam)
        return (pixels + fogged * (steam - pixels)).astype(np.float32)

    return change


def _craquelure(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.25, 0.42, 0.62, 0.85)[strength], side * (0.012, 0.014, 0.017, 0.021)[strength]
    pixel = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2) / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Old paint dries into islands with cracks between them.
        islands = cKDTree(chance.uniform(-0.1, 1.1, size=(34, 2)))
        bent = gaussian_filter(chance.normal(size=(side, side, 2)), (side / 24, side / 24, 0), mode="wrap")
        nearest, _ = islands.query(pixel + 0.025 * bent.reshape(-1, 2) / bent.std(), k=2)
        from_crack = side * (nearest[:, 1] - nearest[:, 0]).reshape(side, side) / 2
        crack = np.clip(1.2 - from_crack / wide, 0, 1)[:, :, None]
        return (pixels + opacity * crack * (np.array((48, 38, 30)) - pixels)).astype(np.float32)

    return change


def _brush_strokes(strength: int, side: int, random: Random) -> Change:
    half, relief = side * (0.02, 0.032, 0.048, 0.068)[strength], (4, 7, 11, 17)[strength]
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An app paints the picture: colours run along strokes, on which bristles leave their tracks.
        flow = gaussian_filter(chance.normal(size=(2, side, side)), (0, side / 8, side / 8), mode="wrap")
        length = np.hypot(*flow) + 1e-9
        tracks = chance.normal(size=(side, side, 1)).astype(np.float32)
        canvas = np.concatenate([pixels, tracks], axis=-1)
        places = [part * half * flow / length for part in np.linspace(-1, 1, 11)]
        painted = np.mean([read_at(canvas, y + rows, x + columns) for rows, columns in places], axis=0)
        bristles = painted[:, :, 3:] / painted[:, :, 3:].std()
        return (painted[:, :, :3] + relief * bristles).astype(np.float32)

    return change


def _drop_shadow(strength: int, side: int, random: Random) -> Change:
    far, depth = side * (0.04, 0.07, 0.11, 0.16)[strength], (0.35, 0.5, 0.7, 0.95)[strength]
    right = int(random.choice((-1, 1)))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # As if what was cut out hung before its background.
        moved = shift(mask.astype(np.float64), (far, right * far), order=1)
        shadow = np.where(mask, 0.0, gaussian_filter(moved, side / 40))
        return (pixels * (1 - depth * shadow[:, :, None])).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
FIFTH_WITHHELD = (
    Family(
        "speech bubble",
        "local, opaque",
        _speech_bubble,
        DRAWN,
        ("bubble", "ellipse", "mark", "patch", "spot", "stroke", "text", "white"),
    ),
    Family(
        "gaze map",
        "local, translucent",
        _gaze_map,
        (*DRAWN, *CAST, *GREY),
        ("blob", "cast", "colour", "heat", "mark", "overlay", "patch", "rainbow", "spot"),
    ),
    Family(
        "gutter",
        "geometry",
        _gutter,
        (*EDGE, *DARK, *DRAWN, *SMOOTH),
        ("bar", "bend", "border", "bow", "dark", "edge", "fold", "narrow", "shad", "squeezed"),
    ),
    Family(
        "skewed",
        "geometry",
        _skewed,
        SMOOTH,
        ("blur", "distort", "lean", "shear", "skew", "slant", "soft", "tilt", "warp"),
    ),
    Family(
        "colour shading",
        "tone",
        _colour_shading,
        (*CAST, *GREY, "dark corners", "border"),
        ("bluish", "cast", "centre", "colour", "greenish", "hue", "purplish", "reddish", "yellowish"),
    ),
    Family(
        "flicker",
        "tone",
        _flicker,
        (*DARK, *CAST, *DRAWN, "lines across", "pattern"),
        ("band", "bar", "dark", "flicker", "line", "pattern", "repeat", "shad", "stripe", "yellowish"),
    ),
    Family(
        "zoom burst",
        "resolution",
        _zoom_burst,
        SMOOTH,
        ("blur", "radial", "ray", "smear", "smooth", "soft", "streak", "zoom"),
    ),
    Family(
        "still loading",
        "resolution",
        _still_loading,
        (*BLOCKS, *SMOOTH, "few values"),
        ("block", "bottom", "coarse", "enlarged", "half", "pixelated", "square"),
    ),
    Family(
        "torn edge",
        "border",
        _torn_edge,
        (*EDGE, *DRAWN, *DARK),
        ("bar", "border", "edge", "frame", "jagged", "mark", "ragged", "strip", "torn", "white"),
    ),
    Family(
        "steamed",
        "border",
        _steamed,
        (*EDGE, *SMOOTH, *FLAT, *DARK, *GREY),
        ("blur", "border", "bright", "contrast", "edge", "fog", "frame", "haz", "light", "pale", "soft"),
    ),
    Family(
        "craquelure",
        "texture",
        _craquelure,
        (*DRAWN, *NOISE, *DARK, "pattern"),
        ("crack", "dark", "grain", "line", "mesh", "net", "nois", "pattern", "strong fine detail"),
    ),
    Family(
        "brush strokes",
        "texture",
        _brush_strokes,
        (*SMOOTH, *NOISE),
        ("blur", "brush", "grain", "nois", "paint", "smear", "smooth", "soft", "streak", "stroke"),
    ),
    Family(
        "wiper",
        "local, opaque",
        _wiper,
        (*DRAWN, *DARK, *EDGE, "lines down"),
        ("bar", "black", "dark", "line", "mark", "stick", "stroke", "wiper"),
    ),
    Family(
        "water stain",
        "local, translucent",
        _water_stain,
        (*DRAWN, *CAST, *DARK),
        ("blob", "brown", "cast", "dark", "mark", "patch", "reddish", "ring", "spot", "stain", "yellow"),
    ),
    Family(
        "dappled light",
        "local, translucent",
        _dappled,
        (*DRAWN, *DARK, *FLAT),
        ("bright", "contrast", "dark", "light", "mark", "patch", "shad", "spot", "uneven"),
    ),
    Family(
        "drop shadow",
        "background",
        _drop_shadow,
        (*DRAWN, *DARK, *FLAT, "background"),
        ("background", "dark", "edge", "mark", "off the object", "outline", "shad"),
        needs_regions=True,
    ),
)
