"""Edits that lay a material over a picture, or damage it as one: cloth, bricks, nets, scratches, creases, mud."""

from functools import partial

import numpy as np

from nearsight.diagnosis.attributes.edits import Floats, Pixels, Way, random_for
from nearsight.diagnosis.attributes.kinds import LAID_OVER, MATERIAL
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import DARK, LIGHT, toward
from nearsight.diagnosis.attributes.photo.sampling import places, smooth_field

_BROWN = (70.0, 50.0, 30.0)
# Nets and walls have so many cells to the shorter side.
_CELLS = 6


def _woven(pixels: Pixels, amplitude: float) -> Floats:
    """Lay threads over a picture that pass over and under each other, two pixels wide."""
    random, (down, across) = random_for(pixels), places(pixels)
    rows, columns = (np.pi * (axis + random.integers(4)) / 2 for axis in (down, across))
    over = (down // 2 + across // 2) % 2
    threads = np.where(over, np.sin(rows + np.pi / 4), np.sin(columns + np.pi / 4)) - over / 2
    return np.asarray(pixels + np.float32(amplitude) * (threads + 0.25))


def _walled(tone: tuple[float, ...], pixels: Pixels, share: float) -> Floats:
    """Draw the joints of a wall of bricks, each row moved by half a brick."""
    random, (down, across) = random_for(pixels), places(pixels)
    high = max(3, min(pixels.shape[1:]) // _CELLS)
    down, across = down + random.integers(high), across + random.integers(2 * high)
    moved = across + high * (down // high % 2)
    return toward(pixels, tone, share * ((down % high < 1) | (moved % (2 * high) < 1)))


def _netted(tone: tuple[float, ...], pixels: Pixels, share: float) -> Floats:
    random, (down, across) = random_for(pixels), places(pixels)
    side = max(3, min(pixels.shape[1:]) // _CELLS)
    rows, columns = ((axis + random.integers(side)) % side < 1 for axis in (down, across))
    return toward(pixels, tone, share * (rows | columns))


def _hatched(sign: int, pixels: Pixels, amplitude: float) -> Floats:
    """Lay slanted fine lines over a picture, four pixels apart."""
    down, across = places(pixels)
    start = random_for(pixels).uniform(0, 4)
    return np.asarray(pixels + np.float32(amplitude) * np.cos(np.pi * (down + sign * across + start) / 2))


def _scratched(tone: tuple[float, ...], pixels: Pixels, number: float) -> Floats:
    """Draw upright scratches of different lengths, as old films have."""
    random, (height, width) = random_for(pixels), pixels.shape[1:]
    over = np.zeros((height, width), dtype=np.float32)
    for start, at, length in random.uniform((-0.3, 0, 0.4), (0.8, 1, 1.2), (int(number), 3)):
        top, end = (round(height * where) for where in (start, start + length))
        over[max(0, top) : max(0, end), int(width * at)] = 0.6
    return toward(pixels, tone, over)


def _creased(pixels: Pixels, octaves: float) -> Floats:
    """Fold a picture once each way: light on one side of a crease, dark on the other."""
    random = random_for(pixels)
    light = np.zeros(pixels.shape[1:], dtype=np.float32)
    for axis, length in zip(places(pixels), pixels.shape[1:], strict=True):
        away = axis - length * random.uniform(0.35, 0.65)
        light += np.sign(away) * np.exp(-np.abs(away) / max(1.0, length / 16))
    return np.asarray(pixels * 2 ** (np.float32(octaves) * light))


def _splashed(tone: tuple[float, ...], pixels: Pixels, share: float) -> Floats:
    """Cover a share of a picture with splashes."""
    field = smooth_field(pixels, max(1.0, min(pixels.shape[1:]) / 20))
    return toward(pixels, tone, 0.85 * (field > np.quantile(field, 1 - share)))


def _dropped(pixels: Pixels, number: float) -> Floats:
    """Lay drops on a lens: in each the surroundings are seen upside down."""
    random, (down, across) = random_for(pixels), places(pixels)
    height, width = down.shape
    made = pixels.astype(np.float32)
    for top, left, size in random.uniform((0, 0, 0.04), (height, width, 0.12), (int(number), 3)):
        radius = max(1.5, size * min(height, width))
        inside = np.hypot(down - top, across - left) <= radius
        rows, columns = (
            np.clip(np.rint(middle - 2.5 * (axis[inside] - middle)).astype(int), 0, length - 1)
            for axis, middle, length in ((down, top, height), (across, left, width))
        )
        made[:, inside] = 0.85 * pixels[:, rows, columns] + 30
    return made


def _uneven(axis: int, pixels: Pixels, amplitude: float) -> Floats:
    """Make each row (0) or column (1) as a whole lighter or darker, as bad sensors do."""
    length = pixels.shape[1 + axis]
    offsets = random_for(pixels).normal(0, amplitude, (length,)).astype(np.float32)
    return np.asarray(pixels + np.expand_dims(offsets, 1 - axis))


def _speckled(pixels: Pixels, by: float) -> Floats:
    """Add noise that is stronger where a picture is lighter."""
    noise = random_for(pixels).normal(0, by, pixels.shape[1:]).astype(np.float32)
    return np.asarray(pixels * (1 + noise))


_AMPLITUDES, _OPAQUE = (4, 8, 12, 18, 26, 40, 60), (0.15, 0.25, 0.4, 0.6, 0.85)
_NUMBERS, _COVERED = (1, 2, 4, 7, 12), (0.03, 0.06, 0.1, 0.17, 0.28)

MATERIALS = (
    Likeness(MATERIAL, "woven, as on canvas", Way("woven", _woven, _AMPLITUDES), (18,)),
    *(
        Likeness(MATERIAL, words, Way(words, partial(change, tone), _OPAQUE), (0.4,))
        for words, change, tone in (
            ("light joints, as of bricks", _walled, LIGHT),
            ("dark joints, as of bricks", _walled, DARK),
            ("a grid of thin light lines", _netted, LIGHT),
            ("a grid of thin dark lines", _netted, DARK),
        )
    ),
    *(
        Likeness(
            MATERIAL,
            f"fine lines from the {corner}",
            Way(f"hatched from the {corner}", partial(_hatched, sign), _AMPLITUDES),
            (18,),
        )
        for corner, sign in (("top left", -1), ("bottom left", 1))
    ),
    *(
        Likeness(MATERIAL, words, Way(words, partial(_scratched, tone), _NUMBERS), (4,))
        for words, tone in (
            ("upright light scratches, as on old films", LIGHT),
            ("upright dark scratches, as on old films", DARK),
        )
    ),
    Likeness(
        MATERIAL, "creased, as folded paper", Way("creased", _creased, (0.15, 0.3, 0.5, 0.8, 1.2)), (0.5,)
    ),
    *(
        Likeness(MATERIAL, words, Way(words, partial(_splashed, tone), _COVERED), (0.1,))
        for words, tone in (("dark splashes, as of mud", _BROWN), ("light splashes", LIGHT))
    ),
    Likeness(MATERIAL, "drops on the lens", Way("drops", _dropped, _NUMBERS), (4,)),
    *(
        Likeness(LAID_OVER, words, Way(words, partial(_uneven, axis), (2, 4, 7, 12, 20)), (7,))
        for words, axis in (("rows of uneven brightness", 0), ("columns of uneven brightness", 1))
    ),
    Likeness("noise", "speckled", Way("speckled", _speckled, (0.05, 0.1, 0.17, 0.28, 0.45)), (0.17,)),
)
