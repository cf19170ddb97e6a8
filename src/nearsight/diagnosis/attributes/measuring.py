"""All attributes of a whole image, in one pass over the images."""

from collections.abc import Callable, Iterable
from functools import cache, cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.colour import colour_measures, edge_measures
from nearsight.diagnosis.attributes.detail import detail_measures
from nearsight.diagnosis.attributes.grids import BLOCK, grid_measures
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.spectrum import spectrum_measures
from nearsight.diagnosis.attributes.tone import tone_measures, value_measures

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]

# Texture is measured at full resolution in the middle of a picture, tone on a coarser grid of all of it.
TEXTURE_SIDE = 192
TONE_SIDE = 128
# Smaller pictures have no texture to measure.
SMALLEST = 16
# ITU-R BT.601, as in JPEG.
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def measure(image: Tensor) -> Values:
    """Return each attribute of one image, float32 (len(NAMES),), in their order.

    >>> import torch
    >>> grey = torch.full((3, 32, 32), 90, dtype=torch.uint8)
    >>> round(float(measure(grey)[NAMES.index("brightness")]))
    90

    `image` is uint8 (3, H, W) as decoded. Images of less than 16 pixels in height or width have no attributes:
    all are NaN.
    """
    parts = _Parts(np.ascontiguousarray(image.numpy()))
    if parts.small:
        return np.full(len(NAMES), np.nan, dtype=np.float32)
    found = {name: value for measured in _MEASURES for name, value in measured(parts).items()}
    return np.array([found[name] for name in NAMES], dtype=np.float32)


def measure_all(images: Iterable[Tensor], step: Callable[[], None] = lambda: None) -> Values:
    """Return each attribute of each image, float32 (n, len(NAMES)); `step` is called after each image."""
    rows = []
    for image in images:
        rows.append(measure(image))
        step()
    return np.stack(rows) if rows else np.empty((0, len(NAMES)), dtype=np.float32)


def measure_one(images: Iterable[Tensor], name: str) -> Values:
    """Return one attribute of each image, float32 (n,); this is faster than measuring all."""
    measured = next(measures for measures in _MEASURES if name in _names_of(measures))
    parts = (_Parts(np.ascontiguousarray(image.numpy())) for image in images)
    return np.array([np.nan if part.small else measured(part)[name] for part in parts], dtype=np.float32)


class _Parts:
    """The measured parts of a picture: its middle at full resolution, and all of it on a coarser grid."""

    def __init__(self, pixels: Pixels) -> None:
        self.small = min(pixels.shape[1:]) < SMALLEST
        self.middle, self.coarse = _middle(pixels), _coarse(pixels)
        self.whole = self.middle.shape == self.coarse.shape

    @cached_property
    def channels(self) -> NDArray[np.float32]:
        return self.middle.astype(np.float32)

    @cached_property
    def luma(self) -> NDArray[np.float32]:
        return _luma(self.channels)

    @cached_property
    def coarse_channels(self) -> NDArray[np.float32]:
        return self.channels if self.whole else self.coarse.astype(np.float32)

    @cached_property
    def coarse_luma(self) -> NDArray[np.float32]:
        return self.luma if self.whole else _luma(self.coarse_channels)


def _grids(parts: _Parts) -> dict[str, float]:
    return grid_measures(parts.luma)


def _details(parts: _Parts) -> dict[str, float]:
    return detail_measures(parts.luma, parts.channels[[0, 2]] - parts.channels[1])


def _spectra(parts: _Parts) -> dict[str, float]:
    return spectrum_measures(parts.luma)


def _values(parts: _Parts) -> dict[str, float]:
    return value_measures(parts.middle)


def _edges(parts: _Parts) -> dict[str, float]:
    return edge_measures(parts.channels)


def _tones(parts: _Parts) -> dict[str, float]:
    return tone_measures(parts.coarse, parts.coarse_luma)


def _colours(parts: _Parts) -> dict[str, float]:
    return colour_measures(parts.coarse_channels)


_MEASURES = (_grids, _details, _spectra, _values, _edges, _tones, _colours)


@cache
def _names_of(measured: Callable[[_Parts], dict[str, float]]) -> frozenset[str]:
    return frozenset(measured(_Parts(np.zeros((3, SMALLEST, SMALLEST), dtype=np.uint8))))


def _luma(channels: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.tensordot(_LUMA, channels, 1), dtype=np.float32)


def _middle(pixels: Pixels) -> Pixels:
    """Cut out the middle, starting at the beginning of a JPEG block."""
    height, width = pixels.shape[1:]
    top, left = (max(0, side - TEXTURE_SIDE) // 2 // BLOCK * BLOCK for side in (height, width))
    return np.ascontiguousarray(pixels[:, top : top + TEXTURE_SIDE, left : left + TEXTURE_SIDE])


def _coarse(pixels: Pixels) -> Pixels:
    longer, shorter = max(pixels.shape[1:]), min(pixels.shape[1:])
    stride = max(1, min(-(-longer // TONE_SIDE), shorter // SMALLEST))
    return np.ascontiguousarray(pixels[:, ::stride, ::stride])
