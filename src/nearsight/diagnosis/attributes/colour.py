"""White balance, colours, and colour channels that are shifted against each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from nearsight.diagnosis.attributes.percentiles import percentiles

Channels = NDArray[np.float32]
Plane = NDArray[np.float32]

# Grey levels added before a ratio of gradients is taken.
_STEP = 0.5
# Grey levels added before a share of the largest channel is taken.
_DARK = 8.0
# Lags in pixels at which channels are compared.
_LAGS = range(1, 9)
# Channels that were shifted agree at least this well at their shift (a correlation).
_FAIRLY = 0.3


def colour_measures(channels: Channels) -> dict[str, float]:
    """Return the light's colour and the picture's own.

    >>> generator = np.random.default_rng(0)
    >>> grey = np.repeat(generator.normal(128, 20, (1, 32, 32)), 3, 0).astype(np.float32)
    >>> warm = grey * np.array([1.2, 1, 0.8], dtype=np.float32)[:, None, None]
    >>> round(colour_measures(warm)["warm"] / 128, 1), round(colour_measures(grey)["colour variety"], 1)
    (0.4, 0.0)

    `channels` is float32 (3, H, W), from 0 to 255. "warm" and "green" are taken from the mean colour, in grey
    levels: red minus blue, and green minus the mean of both. "shadows" and "lights" are the same for percentiles
    5 and 95 of the channels. "saturation" is the mean of the largest minus the smallest channel. "warm
    everywhere", "cold everywhere", "green everywhere" and "purple everywhere" say by how many grey levels at
    least 99 % of the pixels are so: a cast removes the neutral pixels. "strongest colour" is percentile 95 of the
    largest minus the smallest channel, as a share of the largest. "colour variety" is the standard deviation of
    colours off their main line, 0 for a picture of one hue.
    """
    shadows, lights = percentiles(channels.reshape(3, -1), (5, 95))
    mean = channels.mean((1, 2))
    return {
        "warm": _warm(mean),
        "green": _green(mean),
        "warm shadows": _warm(shadows),
        "green shadows": _green(shadows),
        "warm lights": _warm(lights),
        "green lights": _green(lights),
        "saturation": float((channels.max(0) - channels.min(0)).mean()),
        **_everywhere(channels),
        "colour variety": _variety(channels),
    }


def edge_measures(channels: Channels) -> dict[str, float]:
    """Return the light's colour, and how far channels are shifted apart, from a picture's edges.

    >>> grey = np.repeat(np.random.default_rng(0).normal(128, 20, (1, 32, 32)), 3, 0).astype(np.float32)
    >>> warm = grey * np.array([1.2, 1, 0.8], dtype=np.float32)[:, None, None]
    >>> round(edge_measures(warm)["warm edges"], 1)
    0.6

    `channels` is float32 (3, H, W), from 0 to 255, at full resolution. "warm edges" and "green edges" are the
    colour of edges (log2 of red to blue, and of green to both). This is the colour of the light rather than of
    things, because edges are grey on average (grey edge: van de Weijer, Gevers and Gijsenij, IEEE Trans. Image
    Processing 16, 2007). "colour fringes across" and "down" say that blue lies to the right of red, or below it:
    the largest asymmetry of the correlation of their edges, at 1 to 8 pixels; 0 if they agree best where they are, as
    those of things do whose sides have other colours.
    """
    smooth = uniform_filter(channels, (0, 3, 3))
    across, down = np.diff(smooth, axis=2), np.diff(smooth, axis=1)
    edges = np.abs(across).mean((1, 2)) + np.abs(down).mean((1, 2)) + _STEP
    return {
        "warm edges": float(np.log2(edges[0] / edges[2])),
        "green edges": float(np.log2(edges[1] / np.sqrt(edges[0] * edges[2]))),
        "colour fringes across": _fringes(np.diff(channels, axis=2)),
        "colour fringes down": _fringes(np.diff(channels, axis=1).transpose(0, 2, 1)),
    }


def _everywhere(channels: Channels) -> dict[str, float]:
    warm = channels[0] - channels[2]
    green = channels[1] - (channels[0] + channels[2]) / 2
    (least_warm, least_green), (most_warm, most_green) = percentiles(
        np.stack([warm.ravel(), green.ravel()]), (1, 99)
    )
    most, least = channels.max(0), channels.min(0)
    return {
        "warm everywhere": float(least_warm),
        "cold everywhere": float(-most_warm),
        "green everywhere": float(least_green),
        "purple everywhere": float(-most_green),
        "strongest colour": float(percentiles(((most - least) / (most + _DARK)).ravel(), (95,))[0]),
    }


def _warm(colour: Channels) -> float:
    return float(colour[0] - colour[2])


def _green(colour: Channels) -> float:
    return float(colour[1] - (colour[0] + colour[2]) / 2)


def _variety(channels: Channels) -> float:
    spread = np.linalg.eigvalsh(np.cov(channels.reshape(3, -1).astype(np.float64)))
    return float(np.sqrt(max(0.0, float(spread[0] + spread[1]))))


def _fringes(steps: Channels) -> float:
    """Return by how much more red's edges agree with blue's on their right than on their left, at the best lag.

    It is 0 unless they agree better there than in place, and at least fairly.
    """
    red, blue = steps[0], steps[2]
    energy = float(np.sqrt((red**2).mean() * (blue**2).mean())) + _STEP
    lags = [lag for lag in _LAGS if lag < red.shape[1]]
    right = np.array([_agreement(red[:, :-lag], blue[:, lag:]) for lag in lags])
    left = np.array([_agreement(red[:, lag:], blue[:, :-lag]) for lag in lags])
    apart = right - left
    if max(right.max(), left.max()) < max(_agreement(red, blue), _FAIRLY * energy):
        return 0.0
    return float(apart[np.abs(apart).argmax()]) / energy


def _agreement(one: Plane, other: Plane) -> float:
    # The mean of the product; of so few numbers, NumPy's own mean takes longer than adding them.
    return float(np.add.reduce(one * other, axis=None) / one.size)
