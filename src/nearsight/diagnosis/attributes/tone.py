"""Brightness, contrast, and how the light falls."""

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.percentiles import percentiles

Plane = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Grey levels that are added before taking a ratio of brightnesses.
_DARK = 8.0
# The share of values that are missing after tones were stretched to twice their range; with few levels, more are
# missing.
_MOST = 0.5
# The least number of levels between the extremes of a channel; with fewer, the histogram is not smooth at all.
_FEW_LEVELS = 8


def tone_measures(pixels: Pixels, luma: Plane) -> dict[str, float]:
    """Return how bright, how high in contrast and how evenly lit a picture is.

    >>> grey = np.full((3, 16, 16), 100, dtype=np.uint8)
    >>> found = tone_measures(grey, grey[0].astype(np.float32))
    >>> found["brightness"], found["contrast"], found["dark corners"]
    (100.0, 0.0, 0.0)

    `pixels` is uint8 (3, H, W) and `luma` float32 (H, W), of the same picture. In grey levels: "brightness" the
    mean, "contrast" the standard deviation, "darkest" and "lightest" percentiles 2 and 98. "midtones" is where
    the median lies between those, 0 to 1. "blown out" and "drowned" are the shares of values of 255 and 0, in
    per cent. "lowest" and "highest" are the extremes of all values, and "of a channel" those of the channel that goes
    least far. "dark corners" and "light
    corners" say by how much (log2) the lightest corner is darker, and the darkest lighter, than the middle;
    "light from the left" and "light from above" are ratios (log2) of the outer thirds.
    """
    low, middle, high = percentiles(luma.ravel(), (2, 50, 98))
    lowest, highest = pixels.min((1, 2)), pixels.max((1, 2))
    return {
        "brightness": float(luma.mean()),
        "contrast": float(luma.std()),
        "darkest": float(low),
        "lightest": float(high),
        "midtones": float((middle - low + 1) / (high - low + 2)),
        "blown out": float(100 * (pixels == 255).mean()),
        "drowned": float(100 * (pixels == 0).mean()),
        "lowest": float(lowest.min()),
        "lowest of a channel": float(lowest.max()),
        "highest": float(highest.max()),
        "highest of a channel": float(highest.min()),
        **_light(luma),
    }


def value_measures(pixels: Pixels) -> dict[str, float]:
    """Return which signs of a change a picture's values show.

    >>> steps = np.arange(0, 256, 16, dtype=np.uint8).repeat(16).reshape(1, 16, 16).repeat(3, 0)
    >>> round(value_measures(steps)["few values"], 2)
    0.05

    `pixels` is uint8 (3, H, W). "missing values" is the share of values between the extremes that no pixel has,
    minus the share to expect with so few pixels, as the mean of the channels. A change of tones leaves such gaps.
    It is at most a half; "few values" is what exceeds a half, as with few levels. "equal neighbours" is the share
    of neighbours that are equal in all channels, and neither black nor white.
    """
    missing = float(np.mean([_missing(channel) for channel in pixels]))
    return {
        "missing values": min(missing, _MOST),
        "few values": max(missing - _MOST, 0.0),
        "equal neighbours": _equal(pixels),
    }


def _missing(channel: Pixels) -> float:
    counts = np.bincount(channel.ravel(), minlength=256)
    before = np.cumsum(counts)
    inside = np.flatnonzero((before > 0.02 * before[-1]) & (before - counts < 0.98 * before[-1]))
    between = counts[inside[0] + 1 : inside[-1]]
    # With few pixels, some values are missing by chance: as many are expected as a smooth histogram would leave
    # out.
    if len(between) < 8:
        return 0.0
    smooth = np.convolve(between, np.ones(31), "same") / np.convolve(
        np.ones(len(between)), np.ones(31), "same"
    )
    if (between > 0).sum() < _FEW_LEVELS:
        # With so few pixels that windows between them are empty, treat all pixels as spread evenly.
        smooth = np.full(len(between), counts[inside[0] : inside[-1] + 1].mean())
    return float((between == 0).mean() - np.exp(-smooth).mean())


def _equal(pixels: Pixels) -> float:
    inner = np.any((pixels[:, :, 1:] > 0) & (pixels[:, :, 1:] < 255), axis=0)
    same = np.all(pixels[:, :, 1:] == pixels[:, :, :-1], axis=0) & inner
    return float(same.sum() / max(1, inner.sum()))


def _light(luma: Plane) -> dict[str, float]:
    height, width = luma.shape
    high, wide = max(1, height // 5), max(1, width // 5)
    corners = [
        luma[y, x].mean()
        for y in (slice(high), slice(-high, None))
        for x in (slice(wide), slice(-wide, None))
    ]
    middle = luma[height // 3 : height - height // 3, width // 3 : width - width // 3].mean()
    third, across = max(1, height // 3), max(1, width // 3)
    return {
        "dark corners": _times(middle, max(corners)),
        "light corners": _times(min(corners), middle),
        "light from the left": _times(luma[:, :across].mean(), luma[:, -across:].mean()),
        "light from above": _times(luma[:third].mean(), luma[-third:].mean()),
    }


def _times(one: float, other: float) -> float:
    return float(np.log2((one + _DARK) / (other + _DARK)))
