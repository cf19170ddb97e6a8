"""Tiles of a packed JPEG: the intervals around a tile are decoded as a small JPEG of their own."""

from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from nearsight.data.packed.form import DamagedIndexError, PackedHeader

# If a colour has fewer samples than pixels, a pixel takes part of it from the samples around it.
_BORDER = 2
# A decoder does not do so in images as narrow as this.
_NARROW = 16
_END = 0xD9
_RESTART = 0xD0
# By the number of a JPEG's colours: its mode, and how Pillow is told to read it.
_MODES = {1: ("L", "L"), 3: ("RGB", "RGB"), 4: ("CMYK", "CMYK;I")}
_SIDEWAYS, _FLIPPED_DOWN, _FLIPPED_ACROSS = (5, 6, 7, 8), (3, 4, 6, 7), (2, 3, 7, 8)


def packed_size(header: PackedHeader) -> tuple[int, int]:
    """Return the height and width of a packed image as it is decoded, rotated as its EXIF says."""
    height, width = header.layout.height, header.layout.width
    return (width, height) if header.index.orientation in _SIDEWAYS else (height, width)


def packed_tile(stream: BinaryIO, header: PackedHeader, top: int, left: int, size: tuple[int, int]) -> Tensor:
    """Return a tile inside a packed image, uint8 (3, *size), with the pixels of the whole image.

    `size` is its height and width, and `top` and `left` count in the image as it is decoded. Raises
    `DamagedIndexError` if the data is not what the index says.
    """
    orientation = header.index.orientation
    place, sides = (top, left), size
    if orientation in _SIDEWAYS:
        place, sides = (left, top), (size[1], size[0])
    stored = header.layout.height, header.layout.width
    flips = orientation in _FLIPPED_DOWN, orientation in _FLIPPED_ACROSS
    first = [
        whole - at - side if flipped else at
        for whole, at, side, flipped in zip(stored, place, sides, flips, strict=True)
    ]
    pixels = _stored_part(stream, header, first[0], first[1], sides)
    pixels = pixels[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    channels = pixels.transpose((2, 1, 0) if orientation in _SIDEWAYS else (2, 0, 1))
    return torch.from_numpy(np.array(channels, order="C"))


def _stored_part(
    stream: BinaryIO, header: PackedHeader, top: int, left: int, size: tuple[int, int]
) -> NDArray[np.uint8]:
    """Return a part of the image as it is stored, uint8 (*size, 3)."""
    layout, index = header.layout, header.index
    height, width = layout.mcu[0], layout.mcu[1] * index.interval
    border = _BORDER if layout.subsampled else 0
    per_row = layout.mcus[1] // index.interval
    above, below = max(0, top - border) // height, min(layout.mcus[0], -(-(top + size[0] + border) // height))
    before, after = max(0, left - border) // width, min(per_row, -(-(left + size[1] + border) // width))
    if border and before and min(layout.width, after * width) - before * width <= _NARROW:
        before -= 1
    data = _intervals(stream, header, range(above, below), range(before, after))
    shown = (
        min(layout.height, below * height) - above * height,
        min(layout.width, after * width) - before * width,
    )
    mode, stored_as = _MODES[len(layout.components)]
    image = Image.frombytes(mode, shown[::-1], header.of(*shown) + data, "jpeg", stored_as, "")
    corner = left - before * width, top - above * height
    image = image.crop((*corner, corner[0] + size[1], corner[1] + size[0]))
    return np.asarray(image if mode == "RGB" else image.convert("RGB"))


def _intervals(stream: BinaryIO, header: PackedHeader, rows: range, columns: range) -> bytes:
    """Return the data of some intervals of some rows of MCUs, numbered again, with the end of a JPEG after it."""
    index = header.index
    per_row = header.layout.mcus[1] // index.interval
    lengths = index.lengths.reshape(-1, per_row)[rows.start : rows.stop]
    # Each is followed by a marker of two bytes.
    own = lengths[:, columns.start : columns.stop].astype(np.int64) + 2
    begins = (
        lengths[:, : columns.start].sum(1, dtype=np.int64)
        + 2 * columns.start
        + index.rows[rows.start : rows.stop]
    )
    parts = bytearray()
    for begin, size in zip(begins.tolist(), own.sum(1).tolist(), strict=True):
        stream.seek(header.scan + begin)
        parts += stream.read(size)
    data, ends = np.frombuffer(parts, np.uint8), own.reshape(-1).cumsum() - 1
    numbers = np.add.outer(
        np.arange(rows.start, rows.stop) * per_row, np.arange(columns.start, columns.stop)
    ).reshape(-1)
    expected = _RESTART + numbers % 8
    expected[numbers == len(index.lengths) - 1] = _END
    if len(data) != ends[-1] + 1 or (data[ends] != expected).any() or (data[ends - 1] != 0xFF).any():
        raise DamagedIndexError("its data is not where its index says; pack it again")
    data[ends] = _RESTART + np.arange(len(ends)) % 8
    data[-1] = _END
    return bytes(parts)
