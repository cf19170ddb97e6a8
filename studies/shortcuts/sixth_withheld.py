"""A sixth set of withheld kinds: what post, pools, darkrooms, films, wards, parcels, notebooks and phones add."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import distance_transform_edt, gaussian_filter
from scipy.spatial import cKDTree

from studies.shortcuts.families import BLOCKS, CAST, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)
INKS = ((25, 25, 30), (30, 40, 110), (110, 25, 40))
TRACES = ((40, 255, 90), (60, 225, 255), (255, 215, 40))
WIRES = ((195, 200, 205), (205, 40, 45), (40, 90, 190))
GLINTS = ((255, 255, 255), (255, 240, 170), (255, 200, 235))


def _postmark(strength: int, side: int, random: Random) -> Change:
    opacity, radius = (0.5, 0.65, 0.8, 0.95)[strength], FINE * side * (0.12, 0.15, 0.19, 0.24)[strength]
    ink, line = np.array(INKS[random.integers(len(INKS))], dtype=np.float32), max(3, round(radius / 8))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A ring with the date, and waves that run out of it; rubber never prints evenly.
        x, y = FINE * side * chance.uniform((0.2, 0.25), (0.5, 0.75))
        stamp = Image.new("L", (FINE * side, FINE * side), 0)
        draw = ImageDraw.Draw(stamp)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=255, width=line)
        date = f"{chance.integers(1, 29)}.{chance.integers(1, 13)}"
        draw.text((x, y), date, fill=255, font_size=0.8 * radius, anchor="mm")
        along = np.linspace(1.15, 3.2, 40)
        for row in (-0.6, -0.2, 0.2, 0.6):
            wave = row + 0.11 * np.sin(6 * along)
            places = np.stack([x + radius * along, y + radius * wave], axis=-1)
            draw.line([(float(a), float(b)) for a, b in places], fill=255, width=line)
        turned = stamp.rotate(float(chance.uniform(-25, 25)), Image.Resampling.BILINEAR, center=(x, y))
        pressed = gaussian_filter(chance.normal(size=(side, side)), side / 20, mode="wrap")
        even = np.clip(0.8 + 0.25 * pressed / pressed.std(), 0.3, 1).astype(np.float32)[:, :, None]
        return pixels + even * (drawn_on(pixels, turned, opacity, ink) - pixels)

    return change


def _caustics(strength: int, side: int, random: Random) -> Change:
    gain, shade = (0.14, 0.27, 0.46, 0.75)[strength], (0.97, 0.93, 0.87, 0.79)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Waves of a pool gather the sun into a net of light on its ground.
        waves = gaussian_filter(chance.normal(size=(2, side, side)), (0, side / 14, side / 14), mode="wrap")
        waves /= waves.std()
        net = np.max(np.exp(-((waves / 0.25) ** 2)), axis=0)[:, :, None]
        return (pixels * (shade + gain * net)).astype(np.float32)

    return change


def _solarised(strength: int, side: int, random: Random) -> Change:
    turning = (205, 180, 152, 122)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The paper saw light while it was developed: beyond some tone, what is lighter comes out darker.
        tone = np.float32(turning + chance.uniform(-5, 5))
        return np.where(pixels > tone, tone - np.float32(0.8) * (pixels - tone), pixels)

    return change


def _mist_filter(strength: int, side: int, random: Random) -> Change:
    share, wide = (0.15, 0.32, 0.55, 0.85)[strength], side / 14

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Fine droplets in the glass spread the lights over their surroundings; what is sharp stays sharp.
        lights = pixels * (pixels @ LUMINANCE)[:, :, None] / 255
        glow = share * chance.uniform(0.9, 1.1) * gaussian_filter(lights, (wide, wide, 0))
        return (255 - (255 - pixels) * (1 - glow / 255)).astype(np.float32)

    return change


def _unfocused_channel(strength: int, side: int, random: Random) -> Change:
    deviation, channel = (0.7, 1.2, 2.0, 3.4)[strength] * (side / 48) ** 0.5, (0, 2)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A lens that brings two colours to one focus, and not the third.
        seen = pixels.copy()
        seen[:, :, channel] = gaussian_filter(pixels[:, :, channel], deviation)
        return seen

    return change


def _relief(strength: int, side: int, random: Random) -> Change:
    depth, angle = (0.2, 0.4, 0.75, 1.3)[strength], random.uniform(0, 2 * np.pi)
    down, right = 0.8 * np.sin(angle), 0.8 * np.cos(angle)
    y, x = np.mgrid[:side, :side].astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # In a microscope with oblique light, slopes are light on one side and dark on the other.
        slopes = read_at(pixels, y + down, x + right) - read_at(pixels, y - down, x - right)
        return pixels + depth * (slopes @ LUMINANCE)[:, :, None]

    return change


def _wrong_vectors(strength: int, side: int, random: Random) -> Change:
    most, block = side * (0.018, 0.034, 0.058, 0.095)[strength], side // 6
    y, x = np.mgrid[:side, :side]
    row, column = y // block, x // block

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A film whose frames are made of blocks of the frame before, fetched from wrong places.
        vectors = np.rint(chance.uniform(-most, most, size=(2, 8, 8))).astype(np.intp)
        down, right = vectors[:, row, column]
        return pixels[np.clip(y + down, 0, side - 1), np.clip(x + right, 0, side - 1)]

    return change


def _bubble_wrap(strength: int, side: int, random: Random) -> Change:
    bend, shine = (0.12, 0.25, 0.42, 0.65)[strength], (8, 15, 25, 38)[strength]
    apart = side * random.uniform(0.2, 0.25)
    row, column = np.mgrid[-2:12, -2:12]
    places = apart * np.stack([row * np.sqrt(0.75), column + row % 2 / 2], axis=-1).reshape(-1, 2)
    pixel = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2).astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Each cushion of air is a lens, light where it faces the window.
        moved = places + apart * chance.uniform(-0.5, 0.5, size=2)
        _, nearest = cKDTree(moved).query(pixel)
        down, right = (pixel - moved[nearest]).T.reshape(2, side, side)
        away = np.hypot(down, right) / (0.46 * apart)
        inside = np.clip((1 - away) * apart / 2 + 0.5, 0, 1)
        y, x = pixel.T.reshape(2, side, side)
        behind = read_at(pixels, y + bend * inside * down, x + bend * inside * right)
        facing = -(down + right) / apart * inside + 0.9 * np.exp(-(((away - 0.95) / 0.16) ** 2)) - 0.3
        return (behind + shine * facing[:, :, None]).astype(np.float32)

    return change


def _spiral_binding(strength: int, side: int, random: Random) -> Change:
    wide, apart = FINE * side * (0.05, 0.075, 0.11, 0.16)[strength], FINE * side / 7
    turn = 90 * int(random.integers(4))
    cover = (25, 60)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A page of a notebook: holes along an edge, and the wire that comes out of them.
        holes = Image.new("L", (FINE * side, FINE * side), 0)
        wires = holes.copy()
        start = chance.uniform(-1, 0) * apart
        for left in np.arange(start, FINE * side + apart, apart):
            hole = (left - 0.22 * apart, 0.55 * wide, left + 0.22 * apart, wide)
            ImageDraw.Draw(holes).rounded_rectangle(hole, 0.15 * apart, fill=255)
            loop = [(left + 0.12 * apart, 0.8 * wide), (left - 0.12 * apart, -1)]
            ImageDraw.Draw(wires).line(loop, fill=255, width=max(3, round(0.16 * apart)))
        page = drawn_on(pixels, holes.rotate(turn), 1.0, cover)
        return drawn_on(page, wires.rotate(turn), 1.0, 205)

    return change


def _paper_clip(strength: int, side: int, random: Random) -> Change:
    long = FINE * side * (0.24, 0.32, 0.42, 0.54)[strength]
    width = max(3, round(0.065 * long))
    colour = np.array(WIRES[random.integers(len(WIRES))], dtype=np.float32)
    bow = np.linspace(0, np.pi, 12)
    # One wire with three bends, from its inner end to its outer one, in lengths of the clip.
    parts = [[(-0.09, 0.3)]]
    for middle, half, end, way in ((0.0, 0.09, 0.74, 1), (-0.035, 0.125, 0.12, -1), (0.0, 0.16, 0.84, 1)):
        parts.append([(middle - way * half * np.cos(t), end + way * half * np.sin(t)) for t in bow])
    wire = np.array([*(place for part in parts for place in part), (0.16, 0.2)])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Over the upper edge of a print, with its shadow beside it.
        lean, middle = chance.uniform(-0.35, 0.35), FINE * side * chance.uniform(0.2, 0.8)
        turned = wire @ np.array(((np.cos(lean), np.sin(lean)), (-np.sin(lean), np.cos(lean))))
        clipped = pixels
        for by, opacity, shade in ((0.45 * width, 0.45, 0), (0.0, 1.0, colour)):
            drawing = Image.new("L", (FINE * side, FINE * side), 0)
            places = long * turned + (middle + by, by)
            line = [(float(x), float(y)) for x, y in places]
            ImageDraw.Draw(drawing).line(line, fill=255, width=width, joint="curve")
            clipped = drawn_on(clipped, drawing, opacity, shade)
        return clipped

    return change


def _dot_crawl(strength: int, side: int, random: Random) -> Change:
    share = (0.25, 0.5, 0.9, 1.5)[strength]
    y, x = np.mgrid[:side, :side]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Television by one wire: colours travel as a fine wave, which the set takes for brightness.
        light = pixels @ LUMINANCE
        blue, red = 0.493 * (pixels[:, :, 2] - light), 0.877 * (pixels[:, :, 0] - light)
        carrier = 2 * np.pi * (x / 4 + y / 2 + chance.integers(4) / 4)
        wave = blue * np.sin(carrier) + red * np.cos(carrier)
        return (pixels + share * wave[:, :, None]).astype(np.float32)

    return change


def _jigsaw(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.22, 0.38, 0.6, 0.9)[strength], max(2, round(FINE * side * 0.014))
    piece = FINE * side / 4
    around = np.linspace(-0.25 * np.pi, 1.25 * np.pi, 16)[::-1]
    # From corner to corner of a piece, with the knob in the middle.
    knob = np.stack([0.5 + 0.13 * np.cos(around), 0.17 + 0.13 * np.sin(around)], axis=-1)
    edge = np.concatenate([[(0.0, 0.0), (0.4, 0.03)], knob, [(0.6, 0.03), (1.0, 0.0)]])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A puzzle of the picture: cuts between its pieces, whose rims catch the light.
        cuts = Image.new("L", (FINE * side, FINE * side), 0)
        top, left = chance.uniform(-0.9, -0.1, size=2)
        for row in range(6):
            for column in range(6):
                for down in (0, 1):
                    out = edge * (1, chance.choice((-1, 1)))
                    begun = np.array((left + column, top + row)) + (out[:, ::-1] if down else out)
                    line = [(float(a), float(b)) for a, b in piece * begun]
                    ImageDraw.Draw(cuts).line(line, fill=255, width=wide, joint="curve")
        rims = Image.new("L", cuts.size, 0)
        rims.paste(cuts, (wide, wide))
        return drawn_on(drawn_on(pixels, rims, 0.5 * opacity, 245), cuts, opacity, 30)

    return change


def _heart_trace(strength: int, side: int, random: Random) -> Change:
    height, opacity = FINE * side * (0.1, 0.15, 0.21, 0.28)[strength], (0.5, 0.65, 0.82, 1.0)[strength]
    width, row = round(FINE * side * (0.014, 0.018, 0.023, 0.03)[strength]), random.uniform(0.6, 0.85)
    colour = np.array(TRACES[random.integers(len(TRACES))], dtype=np.float32)
    # One beat, as monitors show it: times, and heights.
    times = (0, 0.12, 0.17, 0.22, 0.3, 0.34, 0.38, 0.42, 0.46, 0.58, 0.66, 0.74, 1)
    heights = (0, 0, 0.14, 0, 0, -0.12, 1, -0.3, 0, 0, 0.24, 0, 0)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        beats, phase = chance.uniform(1.6, 2.6), chance.uniform()
        x = np.linspace(0, 1, 4 * side)
        curve = FINE * side * row - height * np.interp((beats * x + phase) % 1, times, heights)
        screen = Image.new("L", (FINE * side, FINE * side), 0)
        line = [(float(a), float(b)) for a, b in zip(FINE * side * x, curve, strict=True)]
        ImageDraw.Draw(screen).line(line, fill=255, width=width, joint="curve")
        return drawn_on(pixels, screen, opacity, colour)

    return change


def _sparkles(strength: int, side: int, random: Random) -> Change:
    count, largest = (2, 3, 5, 8)[strength], FINE * side * (0.08, 0.1, 0.125, 0.15)[strength]
    colour = np.array(GLINTS[random.integers(len(GLINTS))], dtype=np.float32)
    angles = np.arange(8) * np.pi / 4

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A phone's filter strews stars with four points.
        stars = Image.new("L", (FINE * side, FINE * side), 0)
        for _ in range(count):
            x, y = FINE * side * chance.uniform(0.08, 0.92, size=2)
            reach = largest * chance.uniform(0.6, 1) * np.where(np.arange(8) % 2, 0.22, 1)
            points = [(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(reach, angles, strict=True)]
            ImageDraw.Draw(stars).polygon(points, fill=255)
        return drawn_on(pixels, stars, 1.0, colour)

    return change


def _app_icons(strength: int, side: int, random: Random) -> Change:
    half, opacity = FINE * side * (0.045, 0.06, 0.08, 0.1)[strength], (0.55, 0.7, 0.85, 1.0)[strength]
    right = bool(random.integers(2))
    x = FINE * side * (0.98 if right else 0.02) + (-1 if right else 1) * 1.1 * half
    tops = [FINE * side * 0.96 - (1.1 + 2.5 * k) * half for k in range(4)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A film on a phone, with what one may tap: share, comment, like, and whose it is.
        share, comment, like, owner = (Image.new("L", (FINE * side, FINE * side), 0) for _ in range(4))
        arrow = [
            (x - half, tops[0] + 0.7 * half),
            (x, tops[0] - 0.8 * half),
            (x + half, tops[0] + 0.7 * half),
        ]
        ImageDraw.Draw(share).polygon(arrow, fill=255)
        bubble = (x - half, tops[1] - 0.8 * half, x + half, tops[1] + 0.5 * half)
        ImageDraw.Draw(comment).rounded_rectangle(bubble, 0.4 * half, fill=255)
        tail = [(x - 0.6 * half, tops[1]), (x + 0.2 * half, tops[1]), (x - 0.6 * half, tops[1] + half)]
        ImageDraw.Draw(comment).polygon(tail, fill=255)
        for lobe in (-0.48, 0.48):
            middle = x + lobe * half
            box = (middle - 0.52 * half, tops[2] - 0.8 * half, middle + 0.52 * half, tops[2] + 0.24 * half)
            ImageDraw.Draw(like).ellipse(box, fill=255)
        tip = [(x - 0.95 * half, tops[2]), (x + 0.95 * half, tops[2]), (x, tops[2] + 0.95 * half)]
        ImageDraw.Draw(like).polygon(tip, fill=255)
        ImageDraw.Draw(owner).ellipse((x - half, tops[3] - half, x + half, tops[3] + half), fill=255)
        liked = np.array((250, 45, 85) if chance.integers(2) else (255, 255, 255), dtype=np.float32)
        portrait = chance.uniform(30, 230, size=3).astype(np.float32)
        shown = drawn_on(drawn_on(pixels, share, opacity, 255), comment, opacity, 255)
        return drawn_on(drawn_on(shown, like, opacity, liked), owner, opacity, portrait)

    return change


def _stage_light(strength: int, side: int, random: Random) -> Change:
    depth, reach = (0.25, 0.45, 0.7, 0.97)[strength], side * 0.25

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A phone turns the lamps of the room off around whoever it takes.
        away = distance_transform_edt(~mask)
        gone = depth * np.clip(0.4 + 0.6 * away / reach, 0, 1) * ~mask
        return (pixels * (1 - gone[:, :, None])).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
SIXTH_WITHHELD = (
    Family(
        "postmark",
        "local, translucent",
        _postmark,
        (*DRAWN, *DARK),
        ("circle", "curve", "dark", "ellipse", "line", "mark", "overlay", "ring", "stamp", "stroke", "text"),
    ),
    Family(
        "caustics",
        "local, translucent",
        _caustics,
        (*DRAWN, *DARK, *FLAT, "pattern"),
        ("bright", "curve", "light", "line", "mark", "mesh", "net", "pattern", "ripple", "streak", "wav"),
    ),
    Family(
        "solarised",
        "tone",
        _solarised,
        (*DARK, *FLAT, *CAST, *GREY),
        ("clip", "colour", "contrast", "dark", "dim", "hue", "invert", "lightest", "negative", "solar"),
    ),
    Family(
        "mist filter",
        "tone",
        _mist_filter,
        (*DARK, *FLAT, *SMOOTH),
        ("blur", "bright", "contrast", "fog", "glow", "haz", "light", "mist", "pale", "soft"),
    ),
    Family(
        "unfocused channel",
        "resolution",
        _unfocused_channel,
        (*SMOOTH, *CAST, *GREY, "colour fringes across", "colour noise"),
        ("blur", "bluish", "channel", "colour", "fringe", "purplish", "reddish", "soft", "yellowish"),
    ),
    Family(
        "relief",
        "resolution",
        _relief,
        (*SMOOTH, *NOISE, "moved copy"),
        ("contrast", "crisp", "double", "edge", "emboss", "relief", "shad", "sharp", "strong fine detail"),
    ),
    Family(
        "wrong vectors",
        "geometry",
        _wrong_vectors,
        (*BLOCKS, *SMOOTH, "moved copy"),
        ("block", "broken", "distort", "jagged", "moved", "shift", "square", "warp"),
    ),
    Family(
        "bubble wrap",
        "geometry",
        _bubble_wrap,
        (*DRAWN, *SMOOTH, "pattern"),
        ("bubble", "circle", "disc", "dot", "grid", "mark", "mesh", "overlay", "pattern", "repeat", "ring"),
    ),
    Family(
        "spiral binding",
        "border",
        _spiral_binding,
        (*EDGE, *DRAWN, *DARK, "pattern"),
        ("bar", "bind", "border", "edge", "frame", "hole", "mark", "pattern", "spiral", "strip", "wire"),
    ),
    Family(
        "paper clip",
        "local, opaque",
        _paper_clip,
        (*DRAWN, *EDGE),
        ("clip", "curve", "ellipse", "line", "loop", "mark", "ring", "stroke", "wire"),
    ),
    Family(
        "dot crawl",
        "texture",
        _dot_crawl,
        (*NOISE, *BLOCKS, "lines across", "lines down", "pattern"),
        ("chequer", "dot", "grain", "grid", "line", "nois", "pattern", "strong fine detail"),
    ),
    Family(
        "jigsaw",
        "texture",
        _jigsaw,
        (*DRAWN, *NOISE, "lines across", "lines down", "pattern"),
        ("crack", "curve", "cut", "grid", "line", "mark", "mesh", "net", "pattern", "puzzle", "repeat"),
    ),
    Family(
        "heart trace",
        "local, opaque",
        _heart_trace,
        (*DRAWN, *CAST, "lines across"),
        ("curve", "graph", "line", "mark", "peak", "pulse", "spike", "stroke", "trace", "zigzag"),
    ),
    Family(
        "sparkles",
        "local, opaque",
        _sparkles,
        (*DRAWN, *NOISE, "lightest"),
        ("bright", "cross", "glint", "mark", "patch", "sparkle", "speck", "spot", "star", "white"),
    ),
    Family(
        "app icons",
        "local, opaque",
        _app_icons,
        (*DRAWN, *EDGE),
        ("blob", "button", "circle", "disc", "heart", "icon", "mark", "patch", "spot", "stroke", "white"),
    ),
    Family(
        "stage light",
        "background",
        _stage_light,
        (*DARK, *FLAT, *EDGE, "background", "dark corners"),
        ("background", "black", "corner", "dark", "dim", "off the object", "shad", "surround"),
        needs_regions=True,
    ),
)
