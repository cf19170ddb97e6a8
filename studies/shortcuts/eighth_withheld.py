"""An eighth set of withheld kinds: what maps, labellers, photo booths, stamps, canvases, filters and chips add."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)
PINS = ((225, 45, 40), (45, 110, 220), (35, 150, 75))
METALS = ((190, 110, 65), (205, 170, 80), (190, 192, 195))
LABELS = ((255, 40, 200), (0, 225, 235), (150, 255, 30), (255, 130, 20))
VELVETS = ((150, 18, 30), (35, 45, 120), (25, 95, 55))
GLASSES = ((165, 95, 25), (45, 95, 190), (200, 60, 125))
ALBUMS = ((25, 22, 22), (70, 80, 95), (125, 90, 60))
# A body from 0 to 1 across and down: head, neck, then shoulders, elbows, wrists, hips, knees and ankles in pairs.
JOINTS = np.array(
    (
        *((0.5, 0.03), (0.5, 0.19), (0.3, 0.23), (0.7, 0.23), (0.17, 0.41), (0.83, 0.41), (0.1, 0.58)),
        *((0.9, 0.58), (0.38, 0.54), (0.62, 0.54), (0.34, 0.76), (0.66, 0.76), (0.3, 0.97), (0.7, 0.97)),
    )
)
BONES = (
    *((0, 1), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7)),
    *((1, 8), (1, 9), (8, 9), (8, 10), (9, 11), (10, 12), (11, 13)),
)


def _span(mask: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Return the middle of an object across and down, and half of its size there, as shares of the picture."""
    first, last = np.full(2, 0.22), np.full(2, 0.78)
    if mask.any():
        inside = np.argwhere(mask)[:, ::-1]
        first, last = inside.min(0) / len(mask), (inside.max(0) + 1) / len(mask)
    half = np.clip((last - first) / 2, 0.2, 0.42)
    middle = np.clip((first + last) / 2, half, 1 - half)
    return middle.astype(np.float32), half.astype(np.float32)


def _map_pin(strength: int, side: int, random: Random) -> Change:
    radius, opacity = FINE * side * (0.045, 0.06, 0.085, 0.12)[strength], (0.75, 0.85, 0.95, 1.0)[strength]
    colour = np.array(PINS[random.integers(len(PINS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A map's page marks the place that its needle's point stands on.
        x, y = FINE * side * chance.uniform((0.15, 0.15), (0.85, 0.6))
        pin = Image.new("L", (FINE * side, FINE * side), 0)
        hole = pin.copy()
        ImageDraw.Draw(pin).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        shoulders = [(x - 0.94 * radius, y + 0.35 * radius), (x + 0.94 * radius, y + 0.35 * radius)]
        ImageDraw.Draw(pin).polygon([*shoulders, (x, y + 2.6 * radius)], fill=255)
        inner = 0.42 * radius
        ImageDraw.Draw(hole).ellipse((x - inner, y - inner, x + inner, y + inner), fill=255)
        return drawn_on(drawn_on(pixels, pin, opacity, colour), hole, opacity, 250)

    return change


def _skeleton(strength: int, side: int, random: Random) -> Change:
    opacity = (0.45, 0.65, 0.85, 1.0)[strength]
    width = round(FINE * side * (0.014, 0.018, 0.023, 0.032)[strength])
    radius = FINE * side * (0.014, 0.018, 0.024, 0.034)[strength]
    bone, joint = np.array(LABELS, dtype=np.float32)[random.permutation(len(LABELS))[:2]]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # What finds poses finds one in anything, on the object if it is known.
        middle, half = _span(mask)
        posed = JOINTS + chance.uniform(-0.06, 0.06, size=JOINTS.shape)
        places = FINE * side * (middle + half * (2 * posed - 1))
        bones = Image.new("L", (FINE * side, FINE * side), 0)
        joints = bones.copy()
        for begin, end in BONES:
            ImageDraw.Draw(bones).line([tuple(places[begin]), tuple(places[end])], fill=255, width=width)
        for x, y in places:
            ImageDraw.Draw(joints).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return drawn_on(drawn_on(pixels, bones, opacity, bone), joints, opacity, joint)

    return change


def _coin(strength: int, side: int, random: Random) -> Change:
    size = FINE * side * (0.05, 0.075, 0.105, 0.15)[strength]
    metal = np.array(METALS[random.integers(len(METALS))], dtype=np.float32)
    value = ("1", "2", "5")[random.integers(3)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Laid beside stones and finds, so that one sees how large they are.
        x, y = FINE * side * chance.uniform((0.17, 0.5), (0.83, 0.83))
        laid = pixels
        for radius, down, opacity, colour in (
            (1.05 * size, 0.12 * size, 0.55, np.zeros(3, dtype=np.float32)),
            (size, 0.0, 1.0, 0.6 * metal),
            (0.86 * size, 0.0, 1.0, metal),
        ):
            disc = Image.new("L", (FINE * side, FINE * side), 0)
            box = (x - radius, y + down - radius, x + radius, y + down + radius)
            ImageDraw.Draw(disc).ellipse(box, fill=255)
            laid = drawn_on(laid, disc, opacity, colour)
        relief = Image.new("L", (FINE * side, FINE * side), 0)
        ImageDraw.Draw(relief).text((x, y), value, fill=255, font_size=1.3 * size, anchor="mm")
        turned = relief.rotate(float(chance.uniform(0, 360)), Image.Resampling.BILINEAR, center=(x, y))
        return drawn_on(laid, turned, 0.8, 0.45 * metal)

    return change


def _segment(strength: int, side: int, random: Random) -> Change:
    opacity, rim = (0.16, 0.27, 0.4, 0.56)[strength], (0.35, 0.55, 0.75, 1.0)[strength]
    colour = np.array(LABELS[random.integers(len(LABELS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Someone clicked around the object; a labelling tool fills what is inside, and draws the outline.
        middle, half = _span(mask)
        angles = np.linspace(0, 2 * np.pi, 11, endpoint=False) + chance.uniform(-0.2, 0.2, size=11)
        lengths = chance.uniform(0.7, 1.05, size=(11, 1))
        clicked = middle + half * lengths * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
        corners = [(float(x), float(y)) for x, y in FINE * side * clicked]
        area = Image.new("L", (FINE * side, FINE * side), 0)
        outline = area.copy()
        ImageDraw.Draw(area).polygon(corners, fill=255)
        ImageDraw.Draw(outline).polygon(corners, outline=255, width=FINE)
        return drawn_on(drawn_on(pixels, area, opacity, colour), outline, rim, colour)

    return change


def _sunbeams(strength: int, side: int, random: Random) -> Change:
    opacity = (0.26, 0.4, 0.56, 0.75)[strength]
    sun = np.array((255, 242, 205), dtype=np.float32)
    y, x = np.mgrid[:side, :side] / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Dust in the air shows where the sun comes through from above.
        down, right = y + 0.25, x - chance.uniform(0, 1)
        angle = np.arctan2(right, down)
        middles = np.arctan2(np.linspace(-0.9, 0.9, 7) + chance.uniform(-0.1, 0.1, size=7), 1)
        widths = chance.uniform(0.04, 0.09, size=7)
        beams = np.exp(-(((angle[..., None] - middles) / widths) ** 2)).max(-1)
        light = opacity * beams * np.clip(1.25 - 0.7 * np.hypot(down, right), 0, 1)
        return (pixels + light[:, :, None] * (sun - pixels)).astype(np.float32)

    return change


def _thirds(strength: int, side: int, random: Random) -> Change:
    opacity = (0.35, 0.5, 0.7, 0.95)[strength]
    half = FINE * side * (0.007, 0.009, 0.012, 0.018)[strength]
    grid = Image.new("L", (FINE * side, FINE * side), 0)
    for place in (FINE * side / 3, 2 * FINE * side / 3):
        ImageDraw.Draw(grid).rectangle((place - half, 0, place + half, FINE * side), fill=255)
        ImageDraw.Draw(grid).rectangle((0, place - half, FINE * side, place + half), fill=255)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A camera's screen helps to compose, and was saved with its help.
        return drawn_on(pixels, grid, opacity, 255)

    return change


def _perforated(strength: int, side: int, random: Random) -> Change:
    margin = FINE * side * (0.035, 0.05, 0.07, 0.1)[strength]
    album = np.array(ALBUMS[random.integers(len(ALBUMS))], dtype=np.float32)
    count, end = round(FINE * side / (2.1 * margin)), FINE * side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A stamp on the page of an album: white paper around it, torn off along a row of holes.
        paper = Image.new("L", (end, end), 255)
        holes = Image.new("L", (end, end), 0)
        inner = margin * chance.uniform(0.9, 1.1, size=4)
        ImageDraw.Draw(paper).rectangle((inner[0], inner[1], end - inner[2], end - inner[3]), fill=0)
        radius = 0.6 * margin
        for along in (np.arange(count) + 0.5) * end / count:
            for x, y in ((along, 0), (along, end), (0, along), (end, along)):
                ImageDraw.Draw(holes).ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        return drawn_on(drawn_on(pixels, paper, 1.0, 246), holes, 1.0, album)

    return change


def _curtains(strength: int, side: int, random: Random) -> Change:
    wide, folds = side * (0.035, 0.07, 0.12, 0.2)[strength], random.uniform(0.06, 0.085) * side
    velvet = np.array(VELVETS[random.integers(len(VELVETS))], dtype=np.float32)
    y, x = np.mgrid[:side, :side].astype(np.float64)
    from_edge = np.minimum(x, side - 1 - x)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A photo booth, or a stage: drapes at both sides, that hang in folds.
        begin, sway = chance.uniform(0, 2 * np.pi, size=2)
        hem = wide * chance.uniform(0.85, 1.1) + 0.15 * wide * np.sin(3 * y / side + sway)
        light = 0.85 + 0.45 * np.sin(2 * np.pi * from_edge / folds + begin + 1.5 * y / side)
        hung = np.clip(hem - from_edge, 0, 1)[:, :, None]
        return (pixels + hung * (light[:, :, None] * velvet - pixels)).astype(np.float32)

    return change


def _canvas(strength: int, side: int, random: Random) -> Change:
    depth, thread = (0.08, 0.14, 0.23, 0.38)[strength], random.uniform(2.4, 3.2)
    y, x = np.mgrid[:side, :side] / thread

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Printed on linen: threads go over and under each other in turn, round in their middles.
        down, right = y + chance.uniform(0, 2), x + chance.uniform(0, 2)
        across = (np.floor(down) + np.floor(right)) % 2 == 0
        height = np.where(across, np.abs(np.sin(np.pi * down)), 0.75 * np.abs(np.sin(np.pi * right)))
        return pixels * (1 + depth * (2 * height - 1.1)).astype(np.float32)[:, :, None]

    return change


def _pencil(strength: int, side: int, random: Random) -> Change:
    share, near = (0.13, 0.28, 0.55, 1.0)[strength], side / 30

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An app's drawing: what is darker than its surroundings gets a stroke, and all else stays paper.
        light = pixels @ LUMINANCE
        drawing = 255 * np.clip((light + 4) / (gaussian_filter(light, near) + 4), 0, 1) ** 2
        return (pixels + share * (drawing[:, :, None] - pixels)).astype(np.float32)

    return change


def _hard_contrast(strength: int, side: int, random: Random) -> Change:
    factor = (1.25, 1.6, 2.2, 3.6)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Copied from a copy.
        return pixels + np.float32(factor - 1) * (pixels - pixels.mean())

    return change


def _graduated(strength: int, side: int, random: Random) -> Change:
    depth = (0.22, 0.42, 0.68, 1.0)[strength]
    absorbed = 1 - np.array(GLASSES[random.integers(len(GLASSES))], dtype=np.float32) / 255
    y = np.arange(side)[:, None, None] / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Half of the glass before the lens is coloured, for skies.
        glass = 1 / (1 + np.exp(14 * (y - chance.uniform(0.42, 0.55))))
        return (pixels * (1 - depth * glass * absorbed)).astype(np.float32)

    return change


def _stretched(strength: int, side: int, random: Random) -> Change:
    factor, turned = (1.13, 1.28, 1.55, 2.1)[strength], bool(random.integers(2))
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A wide picture in a narrow frame, or the reverse, filled in one direction alone.
        down, right = (factor, 1.0) if turned else (1.0, factor)
        return read_at(pixels, middle + y / down, middle + x / right)

    return change


def _reeded(strength: int, side: int, random: Random) -> Change:
    apart, more = side * random.uniform(0.1, 0.13), (0.4, 0.9, 1.8, 3.2)[strength]
    gloss, turned = (0.03, 0.06, 0.1, 0.16)[strength], bool(random.integers(2))
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A door's pane of upright rods: each shows a wider view in itself, and a line of light.
        scene = pixels.transpose(1, 0, 2) if turned else pixels
        from_middle = (x / apart + chance.uniform()) % 1 - 0.5
        rods = read_at(scene, y, x + more * apart * from_middle)
        light = (1 + gloss * np.cos(2 * np.pi * from_middle)).astype(np.float32)[:, :, None]
        return (rods * light).transpose(1, 0, 2) if turned else rods * light

    return change


def _two_colours(strength: int, side: int, random: Random) -> Change:
    size, share = (3, 4, 6, 8)[strength], (0.7, 0.9, 1.0, 1.0)[strength]
    across = -(-side // size)
    y, x = np.mgrid[:side, :side] // size
    block = (across * y + x).ravel()

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Old films and games keep two colours of each block, and one bit of each pixel.
        light = (pixels @ LUMINANCE).ravel()
        means = np.bincount(block, light) / np.bincount(block)
        cell = 2 * block + (light > means[block])
        count = np.maximum(np.bincount(cell), 1)
        colours = np.stack([np.bincount(cell, one) / count for one in pixels.reshape(-1, 3).T], axis=-1)
        return (pixels + share * (colours[cell].reshape(pixels.shape) - pixels)).astype(np.float32)

    return change


def _brick_wall(strength: int, side: int, random: Random) -> Change:
    opacity = (0.18, 0.36, 0.62, 0.95)[strength]
    high, long = side * random.uniform(0.1, 0.13), side * random.uniform(0.22, 0.28)
    brick, mortar = np.array(((158, 78, 58), (200, 192, 180)), dtype=np.float32)
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # What was cut out stands before a wall, each course half a brick further than the last.
        first, second = chance.uniform(size=2)
        course, down = np.divmod(y / high + first, 1)
        number, right = np.divmod(x / long + second + 0.5 * (course % 2), 1)
        burnt = chance.uniform(0.75, 1.2, size=(16, 16))[course.astype(int), number.astype(int)]
        joint = (down * high < 1.2) | (right * long < 1.2)
        wall = np.where(joint[:, :, None], mortar, burnt[:, :, None] * brick)
        return np.where(mask[:, :, None], pixels, pixels + opacity * (wall - pixels)).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
EIGHTH_WITHHELD = (
    Family(
        "map pin",
        "local, opaque",
        _map_pin,
        DRAWN,
        ("blob", "disc", "drop", "mark", "patch", "pointer", "spot"),
    ),
    Family(
        "skeleton",
        "local, opaque",
        _skeleton,
        (*DRAWN, "specks"),
        ("dot", "line", "mark", "skeleton", "stick figure", "stroke"),
    ),
    Family(
        "segment",
        "local, translucent",
        _segment,
        (*DRAWN, *CAST, *GREY),
        ("blob", "mark", "outline", "overlay", "patch", "polygon", "segment", "strong colour"),
    ),
    Family(
        "sunbeams",
        "local, translucent",
        _sunbeams,
        (*DRAWN, *FLAT, "brightness", "midtones"),
        ("beam", "bright", "glow", "lighter", "mark", "rays", "streak", "sun"),
    ),
    Family(
        "hard contrast",
        "tone",
        _hard_contrast,
        (*FLAT, *GREY, "drowned", "midtones"),
        ("clip", "contrast", "harsh", "lightest", "strong colour"),
    ),
    Family(
        "graduated",
        "tone",
        _graduated,
        (*CAST, *DARK, *GREY),
        ("bluish", "cast", "dark", "filter", "gradient", "orange", "purplish", "reddish", "top", "yellowish"),
    ),
    Family(
        "stretched",
        "geometry",
        _stretched,
        SMOOTH,
        ("blur", "distort", "enlarged", "flatten", "soft", "squash", "squeez", "stretch", "zoom"),
    ),
    Family(
        "reeded glass",
        "geometry",
        _reeded,
        (*SMOOTH, "lines across", "lines down", "moved copy", "pattern", "repeats"),
        ("distort", "jagged", "line", "pattern", "reed", "repeat", "ribbed", "strip", "warp"),
    ),
    Family(
        "two-colour blocks",
        "resolution",
        _two_colours,
        (*BLOCKS, *SMOOTH, "few values"),
        (
            "block",
            "coarse",
            "compress",
            "few colours",
            "few tones",
            "few values",
            "jagged",
            "mosaic",
            "pixelated",
        ),
    ),
    Family(
        "canvas",
        "texture",
        _canvas,
        (*NOISE, "lines across", "lines down", "pattern", "repeats"),
        ("canvas", "chequer", "cloth", "fabric", "grain", "grid", "mesh", "nois", "pattern", "weav"),
    ),
    Family(
        "perforated",
        "border",
        _perforated,
        (*EDGE, *DRAWN, "pattern"),
        ("border", "edge", "frame", "hole", "jagged", "perforat", "scallop", "stamp", "tooth"),
    ),
    Family(
        "curtains",
        "border",
        _curtains,
        (*EDGE, *DRAWN, "lines down"),
        ("bar", "border", "cloth", "curtain", "edge", "frame", "sides", "strip"),
    ),
    Family(
        "coin",
        "local, opaque",
        _coin,
        DRAWN,
        ("blob", "circle", "coin", "disc", "mark", "patch", "spot"),
    ),
    Family(
        "thirds",
        "local, translucent",
        _thirds,
        (*DRAWN, "lines across", "lines down", "lightest"),
        ("grid", "line", "mark", "overlay", "pattern", "stroke"),
    ),
    Family(
        "pencil sketch",
        "texture",
        _pencil,
        (*GREY, *FLAT, *DARK, *NOISE),
        (
            "bright",
            "drawing",
            "grey",
            "lighter",
            "little colour",
            "outline",
            "pale",
            "pencil",
            "sketch",
            "white",
        ),
    ),
    Family(
        "brick wall",
        "background",
        _brick_wall,
        (*CAST, *GREY, *FLAT, "background", "midtones", "pattern"),
        ("background", "brick", "off the object", "orange", "pattern", "reddish", "surround", "wall"),
        needs_regions=True,
    ),
)
