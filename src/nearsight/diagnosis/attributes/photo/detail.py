"""Edits of detail: relief, outlines, halos, paint, glow, copies, and blur along a path or in a part."""

from functools import partial

import numpy as np
from PIL import ImageFilter
from scipy.ndimage import gaussian_filter, uniform_filter

from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes.edits import LUMA, Floats, Pixels, Way, as_picture, as_pixels, axes
from nearsight.diagnosis.attributes.kinds import PARTLY_BLURRED
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.blending import by_shares
from nearsight.diagnosis.attributes.photo.sampling import moved, turned


def _relief(toward: tuple[int, int], pixels: Pixels, by: float) -> Floats:
    """Light one side of each slope, and shade the other."""
    luma = (pixels * LUMA).sum(0)
    down, across = toward
    slope = np.roll(luma, (-down, -across), (0, 1)) - np.roll(luma, (down, across), (0, 1))
    return np.asarray(pixels + np.float32(by) * slope)


def _grey_relief(pixels: Pixels) -> Floats:
    luma = (pixels * LUMA).sum(0)
    slope = 128 + 1.5 * (np.roll(luma, (-1, -1), (0, 1)) - luma)
    return np.asarray(np.broadcast_to(slope, pixels.shape))


def _outlined(pixels: Pixels) -> Floats:
    return as_pixels(as_picture(pixels).filter(ImageFilter.CONTOUR))


def _haloed(pixels: Pixels, by: float) -> Floats:
    """Sharpen what is large, so that edges get light and dark seams."""
    channels, sigma = pixels.astype(np.float32), max(2.0, min(pixels.shape[1:]) / 20)
    return np.asarray(channels + np.float32(by) * (channels - gaussian_filter(channels, (0, sigma, sigma))))


def _painted(pixels: Pixels, side: float) -> Floats:
    """Give each pixel the mean of the calmest square that touches it (Kuwahara et al., 1976)."""
    size, half = int(side), int(side) // 2
    channels = pixels.astype(np.float32)
    luma = (channels * LUMA).sum(0)
    mean = np.stack([uniform_filter(channel, size, mode="nearest") for channel in channels])
    spread = uniform_filter(luma**2, size, mode="nearest") - uniform_filter(luma, size, mode="nearest") ** 2
    toward = [(down, across) for down in (-half, half) for across in (-half, half)]
    calmest = np.argmin([np.roll(spread, by, (0, 1)) for by in toward], axis=0)
    return np.asarray(np.choose(calmest, [np.roll(mean, by, (1, 2)) for by in toward]))


def _bloomed(pixels: Pixels, by: float) -> Floats:
    """Let what is light glow over its surroundings."""
    channels, sigma = pixels.astype(np.float32) / 255, min(pixels.shape[1:]) / 16
    glow = gaussian_filter(channels**2, (0, sigma, sigma))
    return np.asarray(255 - 255 * (1 - channels) * (1 - np.float32(by) * glow))


def _smeared(angle: float, pixels: Pixels, length: float) -> Floats:
    """Blur along a slanted line."""
    along = np.arange(-int(length), int(length) + 1) / 2
    whole = np.zeros(pixels.shape, dtype=np.float32)
    for k in along:
        whole += moved(pixels, k * np.sin(angle), k * np.cos(angle)) / len(along)
    return whole


def _doubled(toward: tuple[int, int], pixels: Pixels, share: float) -> Floats:
    """Lay a faint copy beside the picture."""
    by = max(2, round(min(pixels.shape[1:]) / 12))
    copy = moved(pixels, toward[0] * by, toward[1] * by)
    return np.asarray(pixels + np.float32(share) * (copy - pixels))


def _zoomed(pixels: Pixels, reach: float) -> Floats:
    near = np.linspace(1 - reach, 1, 6)
    return np.asarray(np.mean([turned(pixels, 0.0, scale) for scale in near], axis=0))


def _whirled(pixels: Pixels, reach: float) -> Floats:
    angles = np.linspace(-reach, reach, 6)
    return np.asarray(np.mean([turned(pixels, angle) for angle in angles], axis=0))


def _blurred_in_part(side: int, pixels: Pixels, sigma: float) -> Floats:
    """Blur the upper part (−1), the lower part (1) or both (0), and leave the middle sharp."""
    down = axes(pixels)[0]
    far = side * down if side else np.abs(down)
    share = np.clip((far - 0.1) / 0.4, 0, 1).astype(np.float32)
    channels = pixels.astype(np.float32)
    return np.asarray(channels + share * (gaussian_filter(channels, (0, sigma, sigma)) - channels))


_DEPTHS, _REACHES = (0.1, 0.2, 0.35, 0.6, 0.9, 1.3), (0.05, 0.1, 0.16, 0.24, 0.35)
_FAINT, _SIGMAS = (0.06, 0.1, 0.15, 0.22, 0.32, 0.45, 0.6), (0.6, 1.0, 1.5, 2.2, 3.0)
_FOUR_WAYS = ((0, 1), (0, -1), (1, 0), (-1, 0))
_RELIEFS = tuple(Way(f"relief {toward}", partial(_relief, toward), _DEPTHS) for toward in _FOUR_WAYS)
_SLANTS = (("the top right", -np.pi / 4), ("the bottom right", np.pi / 4))
_PARTS = (("above and below the middle", 0), ("above", -1), ("below", 1))

DETAILS = (
    *(Likeness("sharpness", "embossed: a relief", way, (0.35, 0.9)) for way in _RELIEFS),
    Likeness("sharpness", "embossed: a grey relief", by_shares("grey relief", _grey_relief), (0.4,)),
    Likeness("sharpness", "outlined", by_shares("outlined", _outlined), (0.4,)),
    Likeness("sharpness", "edges with halos", Way("halos", _haloed, _DEPTHS), (0.6,)),
    Likeness("fine detail", "smoothed: patches with sharp edges", edits.MEDIAN, (3, 5)),
    Likeness("fine detail", "as if painted", Way("painted", _painted, (3, 5, 7)), (3, 5)),
    Likeness("contrast", "glowing lights", Way("bloomed", _bloomed, (0.2, 0.35, 0.5, 0.7, 0.9)), (0.5,)),
    *(
        Likeness(
            "upright detail",
            f"blurred towards {corner}",
            Way(f"blurred towards {corner}", partial(_smeared, angle), (2, 3, 4, 6, 9)),
            (3, 6),
        )
        for corner, angle in _SLANTS
    ),
    *(
        Likeness(
            "moved copy",
            "a faint second picture beside it",
            Way(f"doubled {toward}", partial(_doubled, toward), _FAINT),
            (0.22, 0.45),
        )
        for toward in _FOUR_WAYS
    ),
    Likeness(
        "fine detail",
        "blurred outwards, as by zooming",
        Way("zoomed", _zoomed, _REACHES),
        (0.16,),
    ),
    Likeness("fine detail", "blurred around the middle", Way("whirled", _whirled, _REACHES), (0.16,)),
    *(
        Likeness(
            PARTLY_BLURRED,
            f"blurred {where}",
            Way(f"blurred {where}", partial(_blurred_in_part, side), _SIGMAS),
            (1.5,),
        )
        for where, side in _PARTS
    ),
)
