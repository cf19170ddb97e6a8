"""A ninth set of withheld kinds: what displays, players, shops, wards, codecs, endoscopes, comics and winter add."""

# All families have one signature.
# ruff: noqa: ARG001

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
from scipy.spatial import cKDTree

from studies.shortcuts.families import BLOCKS, CAST, CORNERS, DARK, DRAWN, EDGE, FLAT, GREY, NOISE, SMOOTH
from studies.shortcuts.plants import FINE, Array, Change, Family, Random, drawn_on, read_at, to_picture

LUMINANCE = np.array((0.299, 0.587, 0.114), dtype=np.float32)
PEAKS = ((255, 40, 30), (255, 230, 30), (60, 120, 255))
CALLIPERS = ((255, 235, 60), (90, 255, 130), (255, 255, 255))
THREADS = ((200, 30, 45), (250, 248, 240), (35, 60, 140))
PAPERS = ((240, 205, 215), (205, 222, 240), (240, 232, 195))
# From outside to inside: red, orange, yellow, green, blue, violet.
SPECTRUM = np.array(
    ((255, 40, 40), (255, 150, 30), (255, 240, 60), (70, 220, 80), (60, 120, 255), (160, 70, 230))
)
# What Cb and Cr do to red, green and blue.
CHROMA = np.array(((0.0, 1.402), (-0.344, -0.714), (1.772, 0.0)))


def _lifted(pixels: Array) -> tuple[Array, Array]:
    """Return the smooth half of each column and what it lacks, as the wavelets of JPEG 2000 split it."""
    even, odd = pixels[::2], pixels[1::2]
    detail = odd - (even + np.concatenate([even[1:], even[-1:]])) / 2
    return even + (detail + np.concatenate([detail[:1], detail[:-1]])) / 4, detail


def _lowered(smooth: Array, detail: Array) -> Array:
    """Return what `_lifted` has split."""
    even = smooth - (detail + np.concatenate([detail[:1], detail[:-1]])) / 4
    odd = detail + (even + np.concatenate([even[1:], even[-1:]])) / 2
    return np.stack([even, odd], axis=1).reshape(-1, *even.shape[1:])


def _coded(pixels: Array, step: float, levels: int) -> Array:
    """Return pixels whose wavelets, but for those of the smallest picture, are whole multiples of a step."""
    if levels == 0:
        return pixels
    halves = []
    for half, is_smooth in zip(_lifted(pixels), (True, False), strict=True):
        smooth, detail = _lifted(half.swapaxes(0, 1))
        kept = _coded(smooth, step, levels - 1) if is_smooth else step * np.trunc(smooth / step)
        halves.append(_lowered(kept, step * np.trunc(detail / step)).swapaxes(0, 1))
    return _lowered(*halves).astype(np.float32)


def _star_rating(strength: int, side: int, random: Random) -> Change:
    size, opacity = FINE * side * (0.045, 0.06, 0.078, 0.095)[strength], (0.5, 0.7, 0.88, 1.0)[strength]
    top, left = FINE * side * (0.88, 0.12)[random.integers(2)], FINE * side * 0.05 + size
    angles = np.arange(10) * np.pi / 5 - np.pi / 2
    lengths = size * np.where(np.arange(10) % 2, 0.45, 1)
    point = np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=-1)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # What buyers of a shop think, out of five.
        given, lacking = (Image.new("L", (FINE * side, FINE * side), 0) for _ in range(2))
        count = chance.integers(3, 6)
        for k in range(5):
            corners = [(float(x), float(y)) for x, y in point + np.array((left + 2 * k * size, top))]
            ImageDraw.Draw(given if k < count else lacking).polygon(corners, fill=255)
        gold = np.array((255, 180, 0), dtype=np.float32)
        return drawn_on(drawn_on(pixels, lacking, opacity, 205), given, opacity, gold)

    return change


def _histogram(strength: int, side: int, random: Random) -> Change:
    wide, opacity = FINE * side * (0.24, 0.31, 0.4, 0.5)[strength], (0.35, 0.5, 0.65, 0.82)[strength]
    high, margin = 0.64 * wide, FINE * side * 0.03
    down, right = CORNERS[random.integers(4)]
    left = FINE * side - wide - margin if right else margin
    bottom = FINE * side - margin if down else margin + high

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The camera's display shows how many pixels are how light.
        counts, _ = np.histogram(pixels @ LUMINANCE, bins=24, range=(0, 256))
        heights = 0.9 * high * gaussian_filter(counts / counts.max(), 0.8)
        field, curve = (Image.new("L", (FINE * side, FINE * side), 0) for _ in range(2))
        ImageDraw.Draw(field).rectangle((left, bottom - high, left + wide, bottom), fill=255)
        along = left + wide * np.linspace(0.04, 0.96, len(heights))
        tops = [(float(x), float(bottom - h)) for x, h in zip(along, heights, strict=True)]
        outline = [(float(along[0]), bottom), *tops, (float(along[-1]), bottom)]
        ImageDraw.Draw(curve).polygon(outline, fill=255)
        return drawn_on(drawn_on(pixels, field, opacity, 10), curve, opacity, 240)

    return change


def _stuck_bit(strength: int, side: int, random: Random) -> Change:
    bit = (8, 16, 32, 64)[strength]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # One line of the converter is always on, whatever the sensor saw.
        return (to_picture(pixels) | bit).astype(np.float32)

    return change


def _bowed(strength: int, side: int, random: Random) -> Change:
    bow, way = (0.07, 0.14, 0.24, 0.38)[strength], int(random.choice((-1, 1)))
    middle = (side - 1) / 2
    y, x = np.mgrid[:side, :side] - middle

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A panorama from a camera that looked up or down: what is level hangs or arches, and edges are cut.
        by = bow * chance.uniform(0.85, 1)
        moved = way * by * middle * (1 - 2 * (x / middle) ** 2)
        return read_at(pixels, middle + (1 - by) * y + moved, middle + x)

    return change


def _fibre_bundle(strength: int, side: int, random: Random) -> Change:
    share, apart = (0.13, 0.27, 0.52, 0.95)[strength], side / 48 * 0.6 + random.uniform(1.9, 2.4)
    turn = random.uniform(0, np.pi / 3)
    row, column = np.mgrid[-40:41, -40:41]
    hexagons = apart * np.stack([row * np.sqrt(0.75), column + row % 2 / 2], axis=-1).reshape(-1, 2)
    fibres = hexagons @ np.array(((np.cos(turn), np.sin(turn)), (-np.sin(turn), np.cos(turn)))) + side / 2
    pixel = np.stack(np.mgrid[:side, :side], axis=-1).reshape(-1, 2).astype(np.float64)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A thin endoscope: each fibre brings one colour out of the body, and is dark around its core.
        places = fibres + apart * chance.uniform(-0.5, 0.5, size=2)
        away, nearest = cKDTree(places).query(pixel)
        rows, columns = places[nearest].T.reshape(2, side, side)
        core = 1.2 * np.exp(-((away.reshape(side, side) / (0.5 * apart)) ** 2))
        seen = read_at(pixels, rows, columns) * core[:, :, None]
        return (pixels + share * (seen - pixels)).astype(np.float32)

    return change


def _stitches(strength: int, side: int, random: Random) -> Change:
    opacity = (0.5, 0.66, 0.84, 1.0)[strength]
    width = round(FINE * side * (0.018, 0.024, 0.034, 0.05)[strength])
    thread = np.array(THREADS[random.integers(len(THREADS))], dtype=np.float32)
    long, end = FINE * side * 0.075, FINE * side

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Sewn on to a page by hand, along all four edges.
        inner = end * chance.uniform(0.05, 0.07)
        threads, shadows = (Image.new("L", (end, end), 0) for _ in range(2))
        for turned in (False, True):
            for across in (inner, end - inner):
                for begin in np.arange(inner, end - inner - long / 2, 1.7 * long):
                    wobble = 0.12 * long * chance.normal(size=2)
                    places = [(begin, across + wobble[0]), (begin + long, across + wobble[1])]
                    line = [(float(b), float(a)) if turned else (float(a), float(b)) for a, b in places]
                    ImageDraw.Draw(threads).line(line, fill=255, width=width)
        shadows.paste(threads, (width // 2, width // 2))
        sewn = drawn_on(pixels, shadows, 0.5 * opacity, 0)
        return drawn_on(sewn, threads, opacity, thread)

    return change


def _rainbow(strength: int, side: int, random: Random) -> Change:
    opacity, wide = (0.2, 0.32, 0.48, 0.7)[strength], side * (0.13, 0.15, 0.18, 0.22)[strength]
    y, x = np.mgrid[:side, :side]
    places = np.linspace(0, 1, len(SPECTRUM))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Rain opposite the sun, or a prism before the lens.
        top, left = side * chance.uniform((0.95, 0.25), (1.2, 0.75))
        radius = side * chance.uniform(0.65, 0.9)
        inwards = (radius - np.hypot(y - top, x - left)) / wide
        colours = np.stack([np.interp(inwards, places, colour) for colour in SPECTRUM.T], axis=-1)
        seen = opacity * np.clip(4 * np.minimum(inwards, 1 - inwards), 0, 1)[:, :, None]
        return (pixels + seen * (colours - pixels)).astype(np.float32)

    return change


def _slipped_colours(strength: int, side: int, random: Random) -> Change:
    far, block = (10, 20, 36, 62)[strength], max(4, side // 6)
    angle, lighter = random.uniform(0, 2 * np.pi), random.uniform(-0.4, 0.4)
    shift = far * (CHROMA @ np.array((np.cos(angle), np.sin(angle))) + lighter)
    across = -(-side // block)
    y, x = np.mgrid[:side, :side] // block

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Each block of a JPEG says how its colour differs from the block before: after a wrong bit, all are wrong.
        wrong = across * y + x >= chance.integers(across, 3 * across)
        return pixels + (wrong[:, :, None] * chance.uniform(0.85, 1.1) * shift).astype(np.float32)

    return change


def _callipers(strength: int, side: int, random: Random) -> Change:
    count, opacity = (1, 1, 2, 2)[strength], (0.65, 0.8, 0.92, 1.0)[strength]
    arm = FINE * side * (0.04, 0.055, 0.07, 0.095)[strength]
    width = round(FINE * side * (0.018, 0.024, 0.027, 0.036)[strength])
    colour = np.array(CALLIPERS[random.integers(len(CALLIPERS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # How long something is that ultrasound shows: a cross at either end, and dots between them.
        screen = Image.new("L", (FINE * side, FINE * side), 0)
        draw = ImageDraw.Draw(screen)
        for _ in range(count):
            angle, half = chance.uniform(0, np.pi), FINE * side * chance.uniform(0.17, 0.27)
            middle = FINE * side * chance.uniform(0.33, 0.67, size=2)
            along = half * np.array((np.cos(angle), np.sin(angle)))
            for x, y in (middle - along, middle + along):
                draw.line([(x - arm, y), (x + arm, y)], fill=255, width=width)
                draw.line([(x, y - arm), (x, y + arm)], fill=255, width=width)
            for part in np.arange(-half, half, 2.4 * width) / half:
                x, y = middle + part * along
                draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=255)
        return drawn_on(pixels, screen, opacity, colour)

    return change


def _wavelets(strength: int, side: int, random: Random) -> Change:
    step, more = (6, 12, 24, 48)[strength], -side % 8

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A JPEG 2000 of few bytes, as cinemas, archives and scanners of slides write them.
        whole = np.pad(pixels, ((0, more), (0, more), (0, 0)), mode="edge")
        return _coded(whole, step * chance.uniform(0.9, 1.1), 3)[:side, :side]

    return change


def _spinner(strength: int, side: int, random: Random) -> Change:
    radius, opacity = FINE * side * (0.1, 0.125, 0.155, 0.2)[strength], (0.4, 0.58, 0.78, 1.0)[strength]
    colour = (255, 25)[random.integers(2)]
    dot = 0.27 * radius

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A player waits for the rest of its film: dots in a ring, each fainter than the one before.
        ring, first = Image.new("L", (FINE * side, FINE * side), 0), chance.integers(9)
        for k in range(9):
            angle = 2 * np.pi * (first + k) / 9
            x, y = FINE * side / 2 + radius * np.array((np.cos(angle), np.sin(angle)))
            shown = round(255 * (1 - 0.09 * k))
            ImageDraw.Draw(ring).ellipse((x - dot, y - dot, x + dot, y + dot), fill=shown)
        return drawn_on(pixels, ring, opacity, colour)

    return change


def _wallpaper(strength: int, side: int, random: Random) -> Change:
    places = np.arange(side) % round(side * (0.9, 0.76, 0.6, 0.42)[strength])

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A page is larger than the picture behind it, which begins anew on the right and below.
        return pixels[places][:, places]

    return change


def _focus_peaking(strength: int, side: int, random: Random) -> Change:
    share, opacity = (0.04, 0.08, 0.14, 0.24)[strength], (0.32, 0.52, 0.75, 1.0)[strength]
    colour = np.array(PEAKS[random.integers(len(PEAKS))], dtype=np.float32)

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # The camera's display paints what is in focus, which is where edges are steepest.
        slope = gaussian_gradient_magnitude(pixels @ LUMINANCE, 0.6)
        steep = np.clip(0.5 + (slope / np.quantile(slope, 1 - share) - 1) / 0.3, 0, 1)[:, :, None]
        return (pixels + opacity * steep * (colour - pixels)).astype(np.float32)

    return change


def _ice_flowers(strength: int, side: int, random: Random) -> Change:
    reach, opacity = FINE * side * (0.1, 0.15, 0.22, 0.32)[strength], (0.38, 0.56, 0.76, 0.95)[strength]
    turns = np.deg2rad((-55, 55))

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Frost on the pane grows inwards from its frame, in stems with twigs.
        frost = Image.new("L", (FINE * side, FINE * side), 0)
        for _ in range(4):
            draw = ImageDraw.Draw(frost)
            for along in (np.arange(7) + chance.uniform(0, 1, size=7)) / 7:
                # From the upper edge down, and then turned with the pane.
                foot, angle = np.array((FINE * side * along, 0.0)), np.pi / 2 + chance.uniform(-0.6, 0.6)
                stem = reach * chance.uniform(0.5, 1.2)
                lines = [(foot, angle, stem)]
                for part in (0.25, 0.5, 0.75):
                    place = foot + part * stem * np.array((np.cos(angle), np.sin(angle)))
                    lines += [(place, angle + turn, 0.6 * (1 - part) * stem) for turn in turns]
                for begin, way, long in lines:
                    tip = begin + long * np.array((np.cos(way), np.sin(way)))
                    draw.line([tuple(begin.tolist()), tuple(tip.tolist())], fill=255, width=FINE // 2 + 1)
            frost = frost.rotate(90)
        return drawn_on(pixels, frost, opacity, np.array((232, 242, 255), dtype=np.float32))

    return change


def _sun_faded(strength: int, side: int, random: Random) -> Change:
    share = (0.14, 0.27, 0.44, 0.66)[strength]
    paper = np.array(PAPERS[random.integers(len(PAPERS))], dtype=np.float32)
    edges = side * random.uniform(0.07, 0.13, size=4)
    y, x = np.mgrid[:side, :side] + 0.5

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # A print hung in the sun for years; its colours are left only where the mount covered it.
        top, left, below, right = edges * chance.uniform(0.85, 1.15, size=4)
        from_mount = np.minimum(np.minimum(y - top, side - below - y), np.minimum(x - left, side - right - x))
        lit = share * np.clip(from_mount + 0.5, 0, 1)[:, :, None]
        return (pixels + lit * (paper - pixels)).astype(np.float32)

    return change


def _speed_lines(strength: int, side: int, random: Random) -> Change:
    opacity, half = (0.26, 0.48, 0.75, 1.0)[strength], (0.022, 0.03, 0.038, 0.048)[strength]
    ink = (15, 250)[random.integers(2)]

    def change(pixels: Array, mask: NDArray[np.bool_], chance: Random) -> Array:
        # Comics draw lines from all sides towards what matters, that are thinner the nearer they come.
        middle = np.argwhere(mask).mean(0)[::-1] if mask.any() else np.full(2, side / 2)
        lines = Image.new("L", (FINE * side, FINE * side), 0)
        for angle in 2 * np.pi * (np.arange(30) + chance.uniform(0, 0.8, size=30)) / 30:
            begin, far = side * chance.uniform(0.12, 0.42), 1.5 * side
            ends = [(begin, angle), *((far, angle + half * turn) for turn in (-1, 1))]
            corners = [FINE * (middle + r * np.array((np.cos(a), np.sin(a)))) for r, a in ends]
            ImageDraw.Draw(lines).polygon([(float(a), float(b)) for a, b in corners], fill=255)
        drawn = drawn_on(pixels, lines, opacity, ink)
        return np.where(mask[:, :, None], pixels, drawn).astype(np.float32)

    return change


# Written before any result, as those of the other modules.
NINTH_WITHHELD = (
    Family(
        "star rating",
        "local, opaque",
        _star_rating,
        (*DRAWN, *EDGE, "repeats"),
        ("mark", "patch", "rating", "spot", "star", "strip", "stroke", "yellow"),
    ),
    Family(
        "histogram",
        "local, translucent",
        _histogram,
        (*DRAWN, *EDGE, *DARK),
        ("box", "corner", "graph", "histogram", "inset", "mark", "overlay", "patch", "rectangle", "square"),
    ),
    Family(
        "stuck bit",
        "tone",
        _stuck_bit,
        (*DARK, *FLAT, "missing values", "equal neighbours"),
        ("bright", "contour", "few", "lighter", "missing", "posteri", "solar", "tones", "wrong colour"),
    ),
    Family(
        "bowed",
        "geometry",
        _bowed,
        ("geometry", *SMOOTH),
        ("arch", "bend", "bent", "bow", "curve", "distort", "warp"),
    ),
    Family(
        "fibre bundle",
        "texture",
        _fibre_bundle,
        (*NOISE, *BLOCKS, *DARK, "pattern", "repeats"),
        ("cell", "dark", "dot", "fibre", "grain", "grid", "honeycomb", "mesh", "nois", "pattern"),
    ),
    Family(
        "stitches",
        "border",
        _stitches,
        (*EDGE, *DRAWN, "pattern"),
        ("border", "dash", "edge", "frame", "seam", "sewn", "stitch", "thread"),
    ),
    Family(
        "rainbow",
        "local, translucent",
        _rainbow,
        (*DRAWN, *CAST, *GREY),
        ("arc", "band", "bow", "colourful", "curve", "mark", "spectrum", "streak", "strong colour"),
    ),
    Family(
        "slipped colours",
        "tone",
        _slipped_colours,
        (*CAST, *GREY, *BLOCKS),
        (
            "block",
            "bluish",
            "bottom",
            "cast",
            "greenish",
            "half",
            "hue",
            "orange",
            "purplish",
            "reddish",
            "yellowish",
        ),
    ),
    Family(
        "callipers",
        "local, opaque",
        _callipers,
        (*DRAWN, "specks"),
        ("cross", "dash", "dot", "line", "mark", "measur", "plus", "stroke"),
    ),
    Family(
        "wavelets",
        "resolution",
        _wavelets,
        (*SMOOTH, *BLOCKS),
        ("blur", "coarse", "compress", "no fine detail", "little fine detail", "smear", "smooth", "soft"),
    ),
    Family(
        "spinner",
        "local, translucent",
        _spinner,
        (*DRAWN, "specks"),
        ("centre", "circle", "disc", "dot", "mark", "middle", "overlay", "ring", "spinner", "spot"),
    ),
    Family(
        "wallpaper",
        "geometry",
        _wallpaper,
        ("geometry", "moved copy", "pattern", "repeats", "watermark"),
        ("copies", "copy", "moved", "repeat", "seam", "tiled", "wrap"),
    ),
    Family(
        "focus peaking",
        "texture",
        _focus_peaking,
        (*DRAWN, *CAST, *GREY, *NOISE),
        ("coloured edge", "contour", "edges", "fringe", "outline", "peaking", "strong colour", "stroke"),
    ),
    Family(
        "ice flowers",
        "border",
        _ice_flowers,
        (*EDGE, *DRAWN, *FLAT, "lightest"),
        ("border", "bright", "crystal", "edge", "frame", "frost", "ice", "pale", "white"),
    ),
    Family(
        "sun-faded",
        "tone",
        _sun_faded,
        (*FLAT, *CAST, *GREY, *EDGE, "brightness", "midtones"),
        ("bleach", "border", "bright", "contrast", "fade", "frame", "haz", "lighter", "pale", "washed"),
    ),
    Family(
        "speed lines",
        "background",
        _speed_lines,
        (*DRAWN, *EDGE, *DARK, "background", "pattern"),
        ("background", "line", "off the object", "radial", "ray", "streak", "stroke", "surround"),
        needs_regions=True,
    ),
)
