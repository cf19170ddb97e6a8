"""Packing an image of a lossless format: the pixels that are decoded of it, as a TIFF in tiles."""

from importlib import import_module

import numpy as np

from nearsight.data.decode import TIFF_SIGNATURES, decode_image, image_header
from nearsight.data.identity import digest_of
from nearsight.data.packed.jpeg import NotPackedError
from nearsight.data.packed.tiff_seal import original_said, sealed_tiff
from nearsight.data.part_readers import EXTRA, NotInPartsError, part_reader, reads_parts

# In pixels. Smaller tiles are compressed less.
_SIDE = 128
_FORMATS = (b"\x89PNG\r\n", b"BM", b"P6", b"P5", *TIFF_SIGNATURES)


def is_lossless(content: bytes) -> bool:
    """Whether a file begins as a PNG, a BMP, a TIFF or a portable map does."""
    return content.startswith(_FORMATS)


def tiled(content: bytes) -> bytes:
    """Return the pixels of an encoded image as a TIFF in tiles of 128×128, compressed without loss.

    It has the colours that `decode_image` gives. Raises `NotPackedError` for what has more than 8 bits a colour,
    transparency, several frames or EXIF, which the new file would not keep, and without the libraries that read tiles
    of it; and `InputError` for what cannot be decoded.
    """
    if not reads_parts():
        raise NotPackedError(f"tiles of other formats than JPEG take {EXTRA}")
    if content.startswith(TIFF_SIGNATURES) and _is_tiled(content):
        raise NotPackedError("its tiles can be read as it is")
    header = image_header(content)
    if header.deep_or_clear or header.frames or header.taken or header.unread:
        raise NotPackedError("it has more than 8 bits, transparency, several frames or a time in its EXIF")
    pixels = decode_image(content)
    rows = np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0))
    pyvips = import_module("pyvips")
    image = pyvips.Image.new_from_array(rows).copy(interpretation="srgb")
    image.set_type(pyvips.GValue.gstr_type, "image-description", original_said(digest_of(content)))
    found: bytes = image.tiffsave_buffer(
        tile=True, tile_width=_SIDE, tile_height=_SIDE, compression="deflate", predictor="horizontal"
    )
    found = sealed_tiff(found)
    if not decode_image(found).equal(pixels):
        raise NotPackedError("it does not decode to the same pixels once it is packed")
    return found


def _is_tiled(content: bytes) -> bool:
    try:
        with part_reader(content) as reader:
            return reader.at_random
    except NotInPartsError:
        return False
