"""What repeats in a picture: its amplitude spectrum, and the peaks of it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter, uniform_filter
from torch import Tensor

from nearsight.diagnosis.attributes.means import mean_of

Plane = NDArray[np.float32]
Power = NDArray[np.float32]

# Below these frequencies, in cycles per picture and cycles per pixel, the content of the picture decides.
_SLOWEST, _SLOW = 4, 0.06
# Power that is added, about that of rounding to whole values.
_ROUNDING = 0.1


def spectrum_measures(luma: Plane) -> dict[str, float]:
    """Return what repeats in a picture, and how much fine detail it has.

    >>> generator = np.random.default_rng(0)
    >>> plain = generator.normal(128, 20, (64, 64)).astype(np.float32)
    >>> lines = plain + 15 * (np.arange(64) % 4 < 2)[:, None].astype(np.float32)
    >>> spectrum_measures(lines)["lines across"] > 2 * spectrum_measures(plain)["lines across"]
    True

    `luma` is float32 (H, W). "fine detail" is the power from 0.35 cycles per pixel on, relative to that of 0.1 to
    0.2 (log2). "lines across", "lines down" and "pattern" are the highest peak of the power above its
    surroundings (natural logarithm): of horizontal lines, of vertical ones, and of any other direction.
    """
    power, radius = windowed_power(luma), _radius(luma.shape)
    fine = power[radius >= 0.35].mean() + _ROUNDING
    middle = power[(radius >= 0.1) & (radius < 0.2)].mean() + _ROUNDING
    height, width = luma.shape
    down, across = power[: height // 2 + 1], power[:, : width // 2 + 1]
    return {
        "fine detail": float(np.log2(fine / middle)),
        "lines across": _line(down[:, 0] + 2 * down[:, 1], height),
        "lines down": _line(across[0] + across[1] + across[-1], width),
        "pattern": float(np.log(_contrast(power)[_off_axes(luma.shape)].max(initial=1.0))),
    }


def windowed_power(luma: Plane) -> Power:
    """Return the power at each frequency, float32 (H, W // 2 + 1), as `numpy.fft.rfft2` orders it, per pixel."""
    height, width = luma.shape
    window = _window(height)[:, None] * _window(width)
    spectrum = np.fft.rfft2((luma - luma.mean()) * window)
    return np.asarray(np.abs(spectrum) ** 2 / (window**2).sum(), dtype=np.float32)


def _contrast(power: Power) -> Power:
    """Return power relative to that of its surroundings, which do not include the peak itself."""
    whole = uniform_filter(power, 9, mode="wrap") * 81 - uniform_filter(power, 3, mode="wrap") * 9
    return np.asarray((power + _ROUNDING) / (whole / 72 + _ROUNDING), dtype=np.float32)


def _line(power: Power, side: int) -> float:
    slowest = max(_SLOWEST, int(_SLOW * side))
    if len(power) < slowest + 4:
        return 0.0
    around = median_filter(power, 13, mode="mirror")
    return float(np.log(((power + _ROUNDING) / (around + _ROUNDING))[slowest:].max()))


@lru_cache(maxsize=16)
def _window(side: int) -> Plane:
    return np.asarray(np.hanning(side + 2)[1:-1], dtype=np.float32)


@lru_cache(maxsize=16)
def _radius(shape: tuple[int, int]) -> Plane:
    radius = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1]))
    return np.asarray(radius, dtype=np.float32)


@lru_cache(maxsize=16)
def _off_axes(shape: tuple[int, int]) -> NDArray[np.bool_]:
    height, width = shape
    down = np.abs(np.fft.fftfreq(height) * height)[:, None]
    across = np.fft.rfftfreq(width) * width
    return np.asarray((down > 2) & (across > 2) & (_radius(shape) > 2 * _SLOW))


def strongest_wave(pictures: Sequence[Tensor], among: str) -> tuple[float, float] | None:
    """Return the frequency (down, across), in cycles per pixel, of the highest peak that pictures share.

    `pictures` are uint8 (3, H, W); only those of the first one's size count. `among` is "lines across", "lines
    down" or "pattern". None if there are no pictures, or if they are too small to have such peaks.
    """
    if not pictures:
        return None
    shape = (pictures[0].shape[1], pictures[0].shape[2])
    planes = (picture.numpy().mean(0, dtype=np.float32) for picture in pictures)
    height = mean_of(np.log(_contrast(windowed_power(plane))) for plane in planes if plane.shape == shape)
    down, across = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])
    fast = _radius(shape) > _SLOW
    allowed = {
        "lines across": (across == 0) & fast,
        "lines down": (down == 0) & fast,
        "pattern": _off_axes(shape),
    }[among]
    if not allowed.any():
        return None
    row, column = np.unravel_index(np.where(allowed, height, -np.inf).argmax(), height.shape)
    return float(down[row, 0]), float(across[column])
