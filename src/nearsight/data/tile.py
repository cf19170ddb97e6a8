"""Decoding one tile of an image file; for a JPEG, without decoding what the tile does not need."""

from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.decode import TIFF_SIGNATURES, decode_image, named_faults, opened, read_encoded
from nearsight.data.encoded import encoded
from nearsight.data.exif import read_exif
from nearsight.data.jpeg import Frame, sequential_frame, shortened
from nearsight.data.packed.form import read_header
from nearsight.data.packed.tiles import packed_size, packed_tile
from nearsight.data.part_readers import (
    NotInPartsError,
    PartReader,
    is_slide,
    kept_reader,
    part_reader,
    reads_parts,
    refused_by_libvips,
)
from nearsight.errors import InputError

# If colours are stored at half the resolution, a pixel takes part of its colour from the next pair of pixels.
_BORDER = 2
_TURNED = range(2, 9)


def decode_tile(
    file: bytes | str | Path, top: int, left: int, size: tuple[int, int], name: str | None = None
) -> Tensor:
    """Decode one tile of an encoded image, given as bytes or as the path of a file.

    >>> from io import BytesIO
    >>> from PIL import Image
    >>> file, image = BytesIO(), Image.radial_gradient("L").convert("RGB")
    >>> image.save(file, "JPEG")
    >>> tile = decode_tile(file.getvalue(), top=100, left=30, size=(16, 24))
    >>> tile.equal(decode_image(file.getvalue())[:, 100:116, 30:54])
    True

    The tile is `size` (height, width) pixels from `top` and `left` of the image that `decode_image` gives, with
    the same pixels: uint8 of shape (3, height, width). For a packed JPEG (`nearsight.pack`) and for a tiled TIFF,
    only the tile's part is read. For an upright JPEG in colour that is not progressive, skia-python only decodes
    the tile's part; without it, Pillow decodes the rows down to the tile's end. Any other file is decoded whole.
    A JPEG that is damaged and still decodes may give different garbage with skia-python than with Pillow. Raises
    `InputError` naming the image (`name`, or its path) if it is damaged, not an image or too small.
    """
    label = name or (None if isinstance(file, bytes) else str(file))
    for read in (_packed, _in_parts):
        if (part := read(file, top, left, size, label)) is not None:
            return part
    with named_faults(file, label):
        content = file if isinstance(file, bytes) else read_encoded(file)
        frame = sequential_frame(content)
        if (
            frame
            and frame.height >= top + size[0]
            and frame.width >= left + size[1]
            and _upright(content, frame)
        ):
            pixels = _by_skia(content, frame, top, left, size)
            if pixels is None:
                pixels = _by_pillow(content, frame, top, left, size)
            return torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))
    tile = decode_image(content, label)[:, top : top + size[0], left : left + size[1]]
    if tile.shape[1:] != size:
        raise InputError(
            f"cannot read {label or 'the image'}: a tile of {size[0]}×{size[1]} pixels at row {top}, column {left} "
            "does not lie in it; has the file changed since the set was loaded?"
        )
    return tile


def _packed(
    file: bytes | str | Path, top: int, left: int, size: tuple[int, int], label: str | None
) -> Tensor | None:
    """Read a tile of a packed JPEG by itself; None for other files, and for a tile that is not inside it."""
    with named_faults(file, label), encoded(file) as stream:
        header = read_header(stream)
        if header is None:
            return None
        height, width = packed_size(header)
        inside = top + size[0] <= height and left + size[1] <= width
        return packed_tile(stream, header, top, left, size) if inside else None


def _in_parts(
    file: bytes | str | Path, top: int, left: int, size: tuple[int, int], label: str | None
) -> Tensor | None:
    """Read a tile of a tiled TIFF or a slide by itself; None for other files, and if the libraries are missing."""
    if not reads_parts():
        return None
    with named_faults(file, label):
        slide = not isinstance(file, bytes) and is_slide(file)
        if not slide:
            with encoded(file) as stream:
                if stream.read(4) not in TIFF_SIGNATURES:
                    return None
        try:
            if isinstance(file, bytes):
                with part_reader(file) as reader:
                    return _part(reader, top, left, size) if reader.at_random else None
            kept = kept_reader(file)
            return None if kept is None else _part(kept, top, left, size)
        except (NotInPartsError, refused_by_libvips()):
            # Pillow may decode it whole; if not, it says why.
            return None


def _part(reader: PartReader, top: int, left: int, size: tuple[int, int]) -> Tensor | None:
    inside = top + size[0] <= reader.height and left + size[1] <= reader.width
    return reader.read(top, left, *size) if inside else None


def _upright(content: bytes, frame: Frame) -> bool:
    if not frame.exif:
        return True
    with opened(content) as image:
        return read_exif(image).orientation not in _TURNED


@cache
def _skia() -> ModuleType | None:
    # Its wheels for Linux load the system's libGL and libEGL, which a server may not have.
    try:
        return import_module("skia")
    except ImportError:
        return None


def _by_skia(
    content: bytes, frame: Frame, top: int, left: int, size: tuple[int, int]
) -> NDArray[np.uint8] | None:
    skia = _skia()
    if skia is None:
        return None
    try:
        codec = skia.Codec.MakeFromData(content)
    except RuntimeError:
        return None
    height, width = size
    first, last = max(0, left - _BORDER), min(frame.width, left + width + _BORDER)
    # The options only keep the rectangle's address, so the rectangle is kept here.
    columns = skia.IRect.MakeLTRB(first, 0, last, frame.height)
    options = skia.Codec.Options()
    options.fSubset = columns
    layout = skia.ImageInfo.Make(frame.width, frame.height, skia.kRGBA_8888_ColorType, skia.kOpaque_AlphaType)
    pixels = np.empty((height, last - first, 4), np.uint8)
    decoded = (
        codec.startScanlineDecode(layout, options) == skia.Codec.kSuccess
        and codec.skipScanlines(top)
        and codec.getScanlines(pixels, height, pixels.strides[0]) == height
    )
    return pixels[:, left - first : left - first + width, :3] if decoded else None


def _by_pillow(content: bytes, frame: Frame, top: int, left: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    bottom, right = top + size[0], left + size[1]
    rows = min(frame.height, bottom + _BORDER)
    with opened(shortened(content, frame, rows)) as image:
        return np.asarray(image.crop((left, top, right, bottom)))
