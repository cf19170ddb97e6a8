"""A seventh set of withheld kinds: what games, detectors, albums, stages, winters, lenses and augmentations add."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from studies.shortcuts.families import BLOCKS, CAST, CORNERS, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at, to_picture

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)
BOXES = ((60, 255, 60), (255, 45, 45), (255, 225, 40), (50, 150, 255))
ENERGIES = ((225, 35, 35), (60, 210, 60), (255, 190, 30))
COATINGS = ((150, 255, 170), (255, 150, 235), (255, 205, 130), (150, 190, 255))
CARDS = ((22, 20, 20), (235, 225, 200), (120, 85, 45))
DESKS = ((30, 28, 28), (245, 245, 242), (125, 95, 65))
WATERS = ((45, 100, 150), (40, 115, 115))


def _bounding_box(strength: int, side: int, random: Random) -> Change:
    opacity = (0.4, 0.6, 0.8, 1.0)[strength]
    width = round(FINE * side * (0.018, 0.021, 0.025, 0.035)[strength])
    high = FINE * side * (0.05, 0.065, 0.085, 0.11)[strength]
    colour = np.array(BOXES[random.integers(len(BOXES))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A detector's box around the object, if it is known, and above it the label with its score.
        first, last = chance.uniform(((0.14, 0.08), (0.6, 0.6)), ((0.4, 0.4), (0.92, 0.92)))
        if mask.any():
            inside = np.argwhere(mask)
            first, last = inside.min(0) / side - 0.02, (inside.max(0) + 1) / side + 0.02
        (top, left), (bottom, right) = FINE * side * np.clip((first, last), 0.01, 0.99)
        frame = Image.new("L", (FINE * side, FINE * side), 0)
        ImageDraw.Draw(frame).rectangle((left, top, right, bottom), outline=255, width=width)
        above = max(top - high, 0)
        label = (left, above, left + 2.6 * high, above + high)
        ImageDraw.Draw(frame).rectangle(label, fill=255)
        words = Image.new("L", frame.size, 0)
        score = f"0.{chance.integers(50, 100)}"
        place = (left + 1.3 * high, above + 0.5 * high)
        ImageDraw.Draw(words).text(place, score, fill=255, font_size=0.95 * high, anchor="mm")
        return drawn_on(drawn_on(pixels, frame, opacity, colour), words, opacity, 15)

    return change


def _snowfall(strength: int, side: int, random: Random) -> Change:
    count, opacity = (10, 18, 32, 60)[strength], (0.5, 0.65, 0.8, 0.95)[strength]
    lean = random.uniform(-0.5, 0.5)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Small flakes that are far away, and a few near ones out of focus.
        far = Image.new("L", (FINE * side, FINE * side), 0)
        near = far.copy()
        for number in range(count):
            x, y, size = FINE * side * chance.uniform((0, 0, 0.009), (1, 1, 0.018))
            drawing, radius = (near, 2 * size) if number % 4 == 3 else (far, size)
            fallen = (x + lean * radius, y + radius)
            ImageDraw.Draw(drawing).line([(x, y), fallen], fill=255, width=round(2 * radius))
            for a, b in ((x, y), fallen):
                ImageDraw.Draw(drawing).ellipse((a - radius, b - radius, a + radius, b + radius), fill=255)
        soft = gaussian_filter(np.asarray(near, dtype=np.float32), FINE * side / 60)
        snowed = drawn_on(pixels, Image.fromarray(to_picture(soft)), 0.8 * opacity, 245)
        return drawn_on(snowed, far, opacity, 250)

    return change


def _health_bar(strength: int, side: int, random: Random) -> Change:
    long = FINE * side * (0.2, 0.28, 0.38, 0.5)[strength]
    high = FINE * side * (0.05, 0.065, 0.085, 0.11)[strength]
    opacity, rim = (0.5, 0.7, 0.85, 1.0)[strength], max(2, round(FINE * side * 0.014))
    down, right = CORNERS[random.integers(4)]
    colour = np.array(ENERGIES[random.integers(len(ENERGIES))], dtype=np.float32)
    left = FINE * side * 0.95 - long if right else FINE * side * 0.05
    top = FINE * side * 0.95 - high if down else FINE * side * 0.05

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A game shows how much of the player is left.
        case = Image.new("L", (FINE * side, FINE * side), 0)
        left_over = case.copy()
        ImageDraw.Draw(case).rectangle((left - rim, top - rim, left + long + rim, top + high + rim), fill=255)
        energy = chance.uniform(0.35, 1)
        ImageDraw.Draw(left_over).rectangle((left, top, left + energy * long, top + high), fill=255)
        return drawn_on(drawn_on(pixels, case, opacity, 20), left_over, opacity, colour)

    return change


def _aperture_ghosts(strength: int, side: int, random: Random) -> Change:
    opacity, blades = (0.14, 0.24, 0.36, 0.52)[strength], (5, 6, 8)[random.integers(3)]
    # Where they are on the line through the middle, from one edge of the picture to the other.
    places = np.array((-0.8, -0.42, 0.25, 0.55, 0.95)) + random.uniform(-0.08, 0.08, size=5)
    sizes = FINE * side * random.permutation((0.045, 0.06, 0.08, 0.11, 0.14))
    tints = random.permutation(np.array(COATINGS, dtype=np.float32))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A lamp outside the picture, mirrored between the glasses of the lens in the shape of its aperture.
        angle = chance.uniform(0, 2 * np.pi)
        seen = pixels
        for k, (place, size) in enumerate(zip(places, sizes, strict=True)):
            x, y = FINE * side * (0.5 + 0.5 * place * np.array((np.cos(angle), np.sin(angle))))
            ghost = Image.new("L", (FINE * side, FINE * side), 0)
            ImageDraw.Draw(ghost).regular_polygon((x, y, size), blades, rotation=15, fill=255)
            seen = drawn_on(seen, ghost, opacity, tints[k % len(tints)])
        return seen

    return change


def _grid_mask(strength: int, side: int, random: Random) -> Change:
    apart = FINE * side * random.uniform(0.22, 0.28)
    half, colour = apart * (0.05, 0.1, 0.16, 0.25)[strength], (0, 128)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An augmentation drops squares in rows and columns.
        dropped = Image.new("L", (FINE * side, FINE * side), 0)
        top, left = chance.uniform(0, apart, size=2)
        for y in np.arange(-1, 6) * apart + top:
            for x in np.arange(-1, 6) * apart + left:
                box = (x - half, y - half, x + half, y + half)
                ImageDraw.Draw(dropped).rectangle(box, fill=255)
        return drawn_on(pixels, dropped, 1.0, colour)

    return change


def _vivid(strength: int, side: int, random: Random) -> Change:
    saturation = (1.25, 1.6, 2.2, 3.4)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        light = (pixels @ LUMINANCE)[:, :, None]
        return light + np.float32(saturation) * (pixels - light)

    return change


def _equalised(strength: int, side: int, random: Random) -> Change:
    share = (0.14, 0.32, 0.6, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Each value of each colour as often as all others, as augmentations have it.
        equal = ImageOps.equalize(Image.fromarray(to_picture(pixels)))
        return pixels + np.float32(share) * (np.asarray(equal, dtype=np.float32) - pixels)

    return change


def _swirl(strength: int, side: int, random: Random) -> Change:
    most = (0.22, 0.45, 0.8, 1.5)[strength] * random.choice((-1, 1))
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A brush of editors turns the middle, and less what is further away.
        top, left = chance.uniform(0.42, 0.58, size=2) * side
        down, right = y - top, x - left
        turn = most * np.clip(1 - np.hypot(down, right) / (0.62 * side), 0, 1)
        rows = top + down * np.cos(turn) - right * np.sin(turn)
        return read_at(pixels, rows, left + down * np.sin(turn) + right * np.cos(turn))

    return change


def _glitch(strength: int, side: int, random: Random) -> Change:
    count, furthest = (3, 4, 6, 8)[strength], side * (0.06, 0.1, 0.16, 0.24)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A damaged file, or an app that plays one: bands of rows jump aside, and red jumps further.
        broken = pixels.copy()
        for begin in np.linspace(0, side, count, endpoint=False):
            height = max(2, round(side * chance.uniform(0.06, 0.13)))
            top = int(begin + chance.uniform(0, max(side / count - height, 1)))
            by = chance.uniform(0.5, 1) * furthest * chance.choice((-1, 1))
            rows = slice(top, top + height)
            for channel, more in enumerate((1.5, 1.0, 1.0)):
                broken[rows, :, channel] = np.roll(pixels[rows, :, channel], round(more * by), axis=1)
        return broken

    return change


def _superpixels(strength: int, side: int, random: Random) -> Change:
    cells, share = (380, 260, 150, 75)[strength], (0.4, 0.65, 0.9, 1.0)[strength]
    pixel = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2) / side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An app makes stained glass of it: cells with one colour each.
        _, cell = cKDTree(chance.uniform(size=(cells, 2))).query(pixel)
        count = np.maximum(np.bincount(cell, minlength=cells), 1)
        means = [np.bincount(cell, channel, cells) / count for channel in pixels.reshape(-1, 3).T]
        glass = np.stack(means, axis=-1)[cell].reshape(pixels.shape)
        return (pixels + share * (glass - pixels)).astype(np.float32)

    return change


def _row_noise(strength: int, side: int, random: Random) -> Change:
    deviation, turned = (3, 6, 11, 20)[strength], bool(random.integers(2))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # An amplifier for each row of the sensor (or column), none of them quiet.
        read = chance.normal(0, deviation, side).astype(np.float32)
        return pixels + (read[None, :, None] if turned else read[:, None, None])

    return change


def _album_corners(strength: int, side: int, random: Random) -> Change:
    leg, rim = FINE * side * (0.08, 0.12, 0.17, 0.24)[strength], max(2, round(FINE * side * 0.015))
    colour = np.array(CARDS[random.integers(len(CARDS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Card holds a print at its four corners.
        holders = Image.new("L", (FINE * side, FINE * side), 0)
        rims, end = holders.copy(), FINE * side
        for (down, right), long in zip(CORNERS, leg * chance.uniform(0.85, 1.1, size=4), strict=True):
            x, y = right * end, down * end
            beside, below = (x + (1 - 2 * right) * long, y), (x, y + (1 - 2 * down) * long)
            ImageDraw.Draw(holders).polygon([(x, y), beside, below], fill=255)
            ImageDraw.Draw(rims).line([beside, below], fill=255, width=rim)
        return drawn_on(drawn_on(pixels, holders, 1.0, colour), rims, 0.8, 0.6 * colour + 50)

    return change


def _page_curl(strength: int, side: int, random: Random) -> Change:
    reach, right = side * (0.1, 0.17, 0.26, 0.38)[strength], bool(random.integers(2))
    desk = np.array(DESKS[random.integers(len(DESKS))], dtype=np.float32)
    y, x = side - 1 - np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The corner of the page is turned up: one sees its back, and what lies below.
        leg = reach * chance.uniform(0.85, 1.1)
        # From the corner, in units of how far away the fold is.
        from_corner = (y + x) / leg
        page = pixels if right else pixels[:, ::-1]
        below = np.clip(leg * (1 - from_corner) + 0.5, 0, 1)[:, :, None]
        back = np.clip(leg - np.maximum(y, x) + 0.5, 0, 1)[:, :, None]
        shade = np.clip(0.55 + 0.75 * (from_corner - 1), 0, 1)[:, :, None]
        dark = 1 - 0.45 * np.clip(from_corner, 0, 1)[:, :, None]
        turned = page + back * (150 + 95 * shade - page)
        shown = (turned + below * (desk * dark - turned)).astype(np.float32)
        return shown if right else shown[:, ::-1]

    return change


def _status_bar(strength: int, side: int, random: Random) -> Change:
    high, opacity = FINE * side * (0.06, 0.08, 0.1, 0.14)[strength], (0.35, 0.55, 0.75, 1.0)[strength]
    paper, ink = ((10, 245), (248, 20))[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A picture of a phone's screen: the time, how well it hears, and what its battery has.
        bar = Image.new("L", (FINE * side, FINE * side), 0)
        signs, end = bar.copy(), FINE * side
        ImageDraw.Draw(bar).rectangle((0, 0, end, high), fill=255)
        draw = ImageDraw.Draw(signs)
        time = f"{chance.integers(1, 24)}:{chance.integers(10, 60)}"
        draw.text((0.5 * high, 0.5 * high), time, fill=255, font_size=0.95 * high, anchor="lm")
        draw.rectangle((end - 1.7 * high, 0.25 * high, end - 0.4 * high, 0.75 * high), outline=255, width=2)
        charge = chance.uniform(0.2, 1)
        draw.rectangle(
            (end - 1.7 * high, 0.25 * high, end - (1.7 - 1.3 * charge) * high, 0.75 * high), fill=255
        )
        for k in range(4):
            left = end - (3.6 - 0.38 * k) * high
            draw.rectangle((left, (0.62 - 0.14 * k) * high, left + 0.22 * high, 0.78 * high), fill=255)
        return drawn_on(drawn_on(pixels, bar, opacity, paper), signs, opacity, ink)

    return change


def _audience(strength: int, side: int, random: Random) -> Change:
    highest, opacity = FINE * side * (0.1, 0.16, 0.23, 0.32)[strength], (0.45, 0.65, 0.85, 1.0)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Taken from a seat: heads and shoulders of those in front, against the light.
        seats = Image.new("L", (FINE * side, FINE * side), 0)
        draw, end, apart = ImageDraw.Draw(seats), FINE * side, 0.95 * highest
        for left in np.arange(chance.uniform(-0.5, 0.5) * apart, end + apart, apart):
            top = end - highest * chance.uniform(0.75, 1)
            middle, wide = left + chance.uniform(-0.1, 0.1) * apart, 0.24 * highest
            draw.ellipse((middle - wide, top, middle + wide, top + 2.5 * wide), fill=255)
            draw.ellipse(
                (middle - 2.2 * wide, top + 2.2 * wide, middle + 2.2 * wide, end + highest), fill=255
            )
        return drawn_on(pixels, seats, opacity, 14)

    return change


def _open_water(strength: int, side: int, random: Random) -> Change:
    opacity = (0.2, 0.38, 0.62, 0.95)[strength]
    colour = np.array(WATERS[random.integers(len(WATERS))], dtype=np.float32)
    y = np.arange(side)[:, None]
    # Waves look shorter where they are further away.
    phase = 2 * np.pi * 7 * np.sqrt((y + 1) / side)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # What was cut out swims now.
        bent = gaussian_filter(chance.normal(size=(side, side)), (side / 16, side / 8), mode="wrap")
        waves = np.sin(2 * phase + 1.6 * bent / bent.std() + chance.uniform(0, 2 * np.pi))
        water = colour + 30 * waves[:, :, None] + 25 * (0.5 - y / side)[:, :, None]
        return np.where(mask[:, :, None], pixels, pixels + opacity * (water - pixels)).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
SEVENTH_WITHHELD = (
    Family(
        "bounding box",
        "local, opaque",
        _bounding_box,
        (*DRAWN, *EDGE, "lines across", "lines down"),
        ("box", "frame", "line", "mark", "outline", "rectangle", "square", "stroke"),
    ),
    Family(
        "health bar",
        "local, opaque",
        _health_bar,
        (*DRAWN, *EDGE),
        ("bar", "corner", "line", "mark", "patch", "rectangle", "strip", "stroke"),
    ),
    Family(
        "snowfall",
        "local, translucent",
        _snowfall,
        (*DRAWN, *NOISE, "lightest"),
        ("bright", "dot", "flake", "mark", "snow", "speck", "spot", "streak", "white"),
    ),
    Family(
        "aperture ghosts",
        "local, translucent",
        _aperture_ghosts,
        (*DRAWN, "brightness", "lightest"),
        ("blob", "bright", "circle", "disc", "flare", "ghost", "glow", "mark", "patch", "polygon", "spot"),
    ),
    Family(
        "vivid",
        "tone",
        _vivid,
        GREY,
        ("bright colour", "colourful", "intense", "saturated", "strong colour", "vivid"),
    ),
    Family(
        "equalised",
        "tone",
        _equalised,
        (*FLAT, *DARK, *CAST, *GREY, "missing values"),
        ("bright", "cast", "colour", "contrast", "dark", "equalis", "histogram", "hue", "missing", "tones"),
    ),
    Family(
        "swirl",
        "geometry",
        _swirl,
        SMOOTH,
        ("blur", "distort", "rotat", "soft", "spiral", "swirl", "turned", "twirl", "twist", "warp"),
    ),
    Family(
        "glitch",
        "geometry",
        _glitch,
        (*BLOCKS, *SMOOTH, "colour fringes across", "lines across", "moved copy"),
        ("band", "broken", "distort", "fringe", "glitch", "jagged", "line", "moved", "shift", "strip"),
    ),
    Family(
        "superpixels",
        "resolution",
        _superpixels,
        (*BLOCKS, *SMOOTH, "few values"),
        ("block", "blur", "cell", "coarse", "flat", "jagged", "mosaic", "pixelated", "polygon", "smooth"),
    ),
    Family(
        "row noise",
        "texture",
        _row_noise,
        (*NOISE, "lines across", "lines down", "pattern"),
        ("band", "column", "grain", "line", "nois", "pattern", "streak", "strip"),
    ),
    Family(
        "album corners",
        "border",
        _album_corners,
        (*EDGE, *DRAWN, *DARK, "dark corners"),
        ("border", "corner", "edge", "frame", "mark", "triang"),
    ),
    Family(
        "page curl",
        "border",
        _page_curl,
        (*EDGE, *DRAWN),
        ("border", "corner", "curl", "edge", "fold", "mark", "page", "paper", "patch", "triang"),
    ),
    Family(
        "status bar",
        "border",
        _status_bar,
        (*EDGE, *DRAWN, *DARK),
        ("bar", "battery", "border", "clock", "edge", "frame", "mark", "strip", "top"),
    ),
    Family(
        "audience",
        "border",
        _audience,
        (*EDGE, *DRAWN, *DARK),
        ("audience", "black", "border", "bottom", "crowd", "dark", "edge", "mark", "shad", "silhouette"),
    ),
    Family(
        "grid mask",
        "local, opaque",
        _grid_mask,
        (*DRAWN, *BLOCKS, *NOISE, "darkest", "pattern"),
        ("block", "dot", "grid", "mark", "patch", "pattern", "repeat", "speck", "square"),
    ),
    Family(
        "open water",
        "background",
        _open_water,
        (*CAST, *GREY, *FLAT, "background", "midtones", "pattern"),
        ("background", "bluish", "greenish", "off the object", "pattern", "ripple", "surround", "wav"),
        needs_regions=True,
    ),
)
