"""White balance, colours, and channels that do not lie on each other."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

Channels = NDArray[np.float32]
Plane = NDArray[np.float32]

# Grey levels added before a ratio of gradients is taken.
_STEP = 0.5
# Lags in pixels at which channels are compared.
_LAGS = (1, 2, 3)


def colour_measures(channels: Channels) -> dict[str, float]:
    """Return the light's colour and the picture's own.

    >>> generator = np.random.default_rng(0)
    >>> grey = np.repeat(generator.normal(128, 20, (1, 32, 32)), 3, 0).astype(np.float32)
    >>> warm = grey * np.array([1.2, 1, 0.8], dtype=np.float32)[:, None, None]
    >>> round(colour_measures(warm)["warm"] / 128, 1), round(colour_measures(grey)["colour variety"], 1)
    (0.4, 0.0)

    `channels` is float32 (3, H, W), from 0 to 255. "warm" and "green" are, in grey levels, red less blue, and green
    minus the mean of both, of the mean colour; "shadows" and "lights" the same of percentiles 5 and 95 of the
    channels. "saturation" is the mean of largest less smallest channel. "colour variety" is the standard
    deviation of colours off their main line, 0 for a picture of one hue.
    """
    shadows, lights = np.percentile(channels.reshape(3, -1), (5, 95), axis=1)
    mean = channels.mean((1, 2))
    return {
        "warm": _warm(mean),
        "green": _green(mean),
        "warm shadows": _warm(shadows),
        "green shadows": _green(shadows),
        "warm lights": _warm(lights),
        "green lights": _green(lights),
        "saturation": float((channels.max(0) - channels.min(0)).mean()),
        "colour variety": _variety(channels),
    }


def edge_measures(channels: Channels) -> dict[str, float]:
    """Return the light's colour, and how far channels lie apart, from a picture's edges.

    >>> grey = np.repeat(np.random.default_rng(0).normal(128, 20, (1, 32, 32)), 3, 0).astype(np.float32)
    >>> warm = grey * np.array([1.2, 1, 0.8], dtype=np.float32)[:, None, None]
    >>> round(edge_measures(warm)["warm edges"], 1)
    0.6

    `channels` is float32 (3, H, W), from 0 to 255, at full resolution. "warm edges" and "green edges" are the
    colour of edges (log2 of red to blue, and of green to both): of the light rather than of things, since edges
    are grey on the whole (grey edge: van de Weijer, Gevers and Gijsenij, IEEE Trans. Image Processing 16, 2007).
    "colour fringes across" and "down" say how far blue lies right of, or below, red: the asymmetry of their edges'
    correlation at 1 to 3 pixels.
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


def _warm(colour: Channels) -> float:
    return float(colour[0] - colour[2])


def _green(colour: Channels) -> float:
    return float(colour[1] - (colour[0] + colour[2]) / 2)


def _variety(channels: Channels) -> float:
    spread = np.linalg.eigvalsh(np.cov(channels.reshape(3, -1).astype(np.float64)))
    return float(np.sqrt(max(0.0, float(spread[0] + spread[1]))))


def _fringes(steps: Channels) -> float:
    red, blue = steps[0], steps[2]
    energy = float(np.sqrt((red**2).mean() * (blue**2).mean())) + _STEP
    right = sum(float((red[:, :-lag] * blue[:, lag:]).mean()) for lag in _LAGS)
    left = sum(float((red[:, lag:] * blue[:, :-lag]).mean()) for lag in _LAGS)
    return (right - left) / energy
