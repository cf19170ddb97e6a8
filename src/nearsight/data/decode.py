"""Decoding: the bytes of an image file become uint8 RGB, whatever its mode and however it is rotated."""

import operator
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL.ImageFile import ImageFile
from torch import Tensor

from nearsight.data.decode_memory import check_memory, decoding_bytes, taking
from nearsight.data.encoded import FORMATS, encoded, open_image
from nearsight.data.exif import read_exif
from nearsight.data.faults import one_line
from nearsight.data.values import (
    FLOATING,
    SIXTEEN,
    checked_range,
    note_clear,
    telling,
    to_8_bits,
    values_from,
)
from nearsight.errors import InputError

_BAND_PIXELS = 2**20
_MOST: ContextVar[int | None] = ContextVar("max_pixels", default=None)
_QUARTER_TURNS = (5, 6, 7, 8)
TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def decode_image(
    file: bytes | str | Path, name: str | None = None, value_range: tuple[float, float] | None = None
) -> Tensor:
    """Decode an encoded image, given as bytes or as the path of a file, to uint8 RGB of shape (3, H, W).

    >>> buffer = BytesIO()
    >>> Image.new("LA", (3, 2), (0, 255)).save(buffer, "PNG")
    >>> image = decode_image(buffer.getvalue())
    >>> image.shape, image.unique().tolist()
    (torch.Size([3, 2, 3]), [0])

    Greyscale is repeated, palettes are looked up, transparency is composited on white, CMYK is converted, and the
    EXIF orientation is applied. For an animation, the first frame is used. For values beyond 8 bits,
    `value_range` becomes 0 to 255, by default all 16 bits, or 0 to 1 for floating-point values; a warning says if
    few greys or none are left. Raises `InputError` naming the image (`name`, or its path) if it is damaged or not
    an image, or if its range must be given.
    """
    with (
        nullcontext() if value_range is None else values_from(checked_range(value_range), of_a_set=False),
        telling(_named(file, name)),
        named_faults(file, name),
        opened(file) as image,
    ):
        if swapped := _swapped_bytes(image):
            with encoded(file) as stream, open_image(stream) as again:
                assert isinstance(again, ImageFile)
                tiles = zip(again.tile, swapped, strict=True)
                again.tile = [tile._replace(args=args) for tile, args in tiles]
                return _decode_deep(image, again)
        _check_deep_grey(image)
        return decode_picture(image)


def decode_picture(image: Image.Image) -> Tensor:
    """Decode a Pillow image, which is rotated in place, to the same as `decode_image` gives for its file."""
    _turn(image)
    image = _without_depth(image)
    width, height = image.size
    pixels = np.empty((3, height, width), dtype=np.uint8)
    clear = image.has_transparency_data
    # A band of rows at a time: Pillow copies what it returns, and a large image takes much memory.
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        band, shows = _to_rgb(image.crop((0, top, width, min(top + rows, height))))
        pixels[:, top : top + rows] = np.asarray(band).transpose(2, 0, 1)
        clear = clear and not shows
    if image.has_transparency_data:
        note_clear(clear)
    return torch.from_numpy(pixels)


def _turn(image: Image.Image) -> None:
    """Rotate an image in place as its EXIF says; if that cannot be read, it stays as it is stored."""
    # Faults of its pixels are raised here, so that later ones are about the metadata.
    image.load()
    if read_exif(image).orientation is not None:
        with suppress(Exception):
            ImageOps.exif_transpose(image, in_place=True)


def _swapped_bytes(image: Image.Image) -> list[Any]:
    """Return how to read the low byte of each channel, if they have 16 bits and Pillow reads the high one."""
    swapped: list[Any] = []
    for tile in getattr(image, "tile", ()):
        args = tile.args
        mode = args[0] if isinstance(args, tuple) and args else args
        colour, _, order = mode.partition(";16") if isinstance(mode, str) else ("", "", "")
        if colour not in ("RGB", "RGBA") or order not in ("B", "L", "N"):
            return []
        little = order == "L" or (order == "N" and sys.byteorder == "little")
        other = f"{colour};16{'B' if little else 'L'}"
        swapped.append((other, *args[1:]) if isinstance(args, tuple) else other)
    return swapped


def check_given(image: Image.Image) -> None:
    """Raise `ValueError` for an opened Pillow image that is not read here, before any of its pixels is."""
    if isinstance(image, ImageFile) and getattr(image, "tile", None):
        if image.format not in FORMATS:
            raise ValueError(f"it is opened from a file of the format {image.format}; save it as PNG or JPEG")
        _check_pixels(image)
        check_memory(decoding_bytes(image, 0), image.width * image.height, _MOST.get())


def unread_deep(image: Image.Image) -> bytes | None:
    """Return the file of a Pillow image with 16 bits per colour that was opened but not read; reading it loses 8."""
    stream = getattr(image, "fp", None)
    if stream is None or not _swapped_bytes(image):
        return None
    at = stream.tell()
    stream.seek(0)
    content: bytes = stream.read()
    stream.seek(at)
    return content


def _check_deep_grey(image: Image.Image) -> None:
    """Refuse grey of 16 bits with alpha if Pillow, which only reads its high byte, loses most of it."""
    if any(str(tile.args).startswith("LA;16") for tile in getattr(image, "tile", ())):
        high = int(np.asarray(image.getchannel(0)).max())
        if high < 64:
            raise ValueError(
                f"its grey of 16 bits ends below {(high + 1) * 256}, and beside alpha only the high byte of each "
                "value is read; save it without alpha"
            )


def _decode_deep(high: Image.Image, low: Image.Image) -> Tensor:
    """Decode colour of 16 bits per channel from two readings of a file, of the high and of the low bytes."""
    for image in (high, low):
        _turn(image)
    width, height = high.size
    deep = np.empty((height, width, len(high.getbands())), dtype=np.uint16)
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        box = (0, top, width, min(top + rows, height))
        deep[top : top + rows] = np.asarray(high.crop(box)).astype(np.uint16) << 8
        deep[top : top + rows] |= np.asarray(low.crop(box))
    return deep_pixels(deep)


def deep_pixels(deep: NDArray[np.uint16]) -> Tensor:
    """Return colour of 16 bits, (H, W, 3 or 4), the fourth its alpha, as uint8 (3, H, W) in the current range.

    >>> deep_pixels(np.full((1, 2, 3), 65535, np.uint16)).unique().tolist()
    [255]
    """
    pixels = to_8_bits(deep[..., :3], SIXTEEN)
    if deep.shape[2] == 4:
        alpha = ((deep[..., 3:].astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
        return decode_picture(Image.fromarray(np.concatenate([pixels, alpha], axis=2)))
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def image_size(file: bytes | str | Path, name: str | None = None) -> tuple[int, int]:
    """Read the height and width that `decode_image` will give, from the header alone.

    >>> buffer = BytesIO()
    >>> Image.new("RGB", (3, 2)).save(buffer, "JPEG")
    >>> image_size(buffer.getvalue())
    (2, 3)

    A PNG is read whole, because its EXIF may follow its pixels. Raises `InputError` naming the image if its
    header is not that of an image.
    """
    return image_header(file, name).size


@dataclass(frozen=True)
class Header:
    """What the header of an image says: its `size` as decoded, height and width, and other facts about it.

    `deep_or_clear` says that it has more than 8 bits, whose range matters, or transparency, which may hide all of
    it. `frames` says that there are more than the first, as in an animation or a stack. `taken` is when the
    shutter was pressed, as EXIF writes it, and `unread` is why its EXIF cannot be read completely.
    """

    size: tuple[int, int]
    deep_or_clear: bool
    frames: bool
    taken: str | None = None
    unread: str | None = None


def image_header(file: bytes | str | Path, name: str | None = None) -> Header:
    """Read an image's header; raises where `image_size` does."""
    with named_faults(file, name), opened(file) as image:
        width, height = image.size
        unknown = image.mode[:1] in "IF" or image.has_transparency_data or bool(_swapped_bytes(image))
        # What follows a photograph in a JPEG is a preview or a map of its light, not a frame.
        frames = image.format != "MPO" and bool(getattr(image, "is_animated", False))
        # Pillow's TIFF reader swaps the sides itself; no other reader does.
        exif = read_exif(image)
        turned = image.format != "TIFF" and exif.orientation in _QUARTER_TURNS
    size = (width, height) if turned else (height, width)
    return Header(size, unknown, frames, exif.taken, exif.fault)


@contextmanager
def allowed_pixels(most: int | None) -> Iterator[None]:
    """Read images of up to this many pixels meanwhile, more or fewer than otherwise; None changes nothing.

    >>> buffer = BytesIO()
    >>> Image.new("RGB", (30, 20)).save(buffer, "PNG")
    >>> with allowed_pixels(500):
    ...     decode_image(buffer.getvalue(), "a.png")
    Traceback (most recent call last):
    nearsight.errors.InputError: cannot read a.png: it has 600 pixels, and up to 500 are read; give `max_pixels=600`

    Otherwise Pillow's limit applies, 178,956,970, and the memory for decoding is bounded (`check_memory`),
    because a small file can hold an image that fills the memory. The bound is that of this thread; a set that is
    loaded meanwhile keeps it for images that are decoded later.
    """
    if most is not None and operator.index(most) < 1:
        raise InputError(f"max_pixels must be at least 1 pixel, got {most}")
    before = _MOST.set(most if most is not None else _MOST.get())
    try:
        yield
    finally:
        _MOST.reset(before)


def most_pixels() -> int | None:
    """Return how many pixels an image may have here, as `allowed_pixels` says; None for Pillow's limit."""
    return _MOST.get()


def _check_pixels(image: Image.Image) -> None:
    most = _MOST.get()
    if most is None and Image.MAX_IMAGE_PIXELS is not None:
        # Pillow warns from its limit on, and refuses from twice as many.
        most = 2 * Image.MAX_IMAGE_PIXELS
    pixels = image.width * image.height
    if most is not None and pixels > most:
        raise ValueError(f"it has {pixels:,} pixels, and up to {most:,} are read; give `max_pixels={pixels}`")


@contextmanager
def opened(file: bytes | str | Path) -> Iterator[Image.Image]:
    """Open an encoded image with Pillow: its header is read, its pixels are not; there must be memory to decode it.

    Raises `ValueError` for an image of more pixels, or whose decoding takes more memory, than is allowed.
    """
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of large images; neither changes the pixels.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with encoded(file) as stream, open_image(stream) as image:
            _check_pixels(image)
            needed = decoding_bytes(image, encoded_size(stream))
            check_memory(needed, image.width * image.height, _MOST.get())
            with taking(needed):
                yield image


def read_encoded(path: str | Path) -> bytes:
    """Read an image file completely; raises `ValueError` if it is larger than what decoding may take."""
    with encoded(path) as stream:
        check_memory(encoded_size(stream), 1, _MOST.get())
        return stream.read()


def read_encoded_part(path: str | Path, offset: int, size: int, name: str) -> bytes:
    """Read an image file that lies in a larger file, `size` bytes from `offset` on.

    Raises `InputError` naming the image if they are not there, or are more than what decoding may take.
    """
    with named_faults(path, name), encoded(path) as stream:
        check_memory(size, 1, _MOST.get())
        stream.seek(offset)
        content = stream.read(size)
        if len(content) < size:
            raise ValueError(f"{path} has become shorter")
        return content


def encoded_size(stream: BinaryIO) -> int:
    """Return the size of an encoded image's file, in bytes."""
    if isinstance(stream, BytesIO):
        return stream.getbuffer().nbytes
    return os.fstat(stream.fileno()).st_size


@contextmanager
def named_faults(file: bytes | str | Path, name: str | None) -> Iterator[None]:
    """Turn any error into an `InputError` that names the image: `name`, or its path."""
    try:
        yield
    except MemoryError:
        # That says nothing about the file.
        raise
    # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error and more on damaged files.
    except Exception as fault:
        named = f"cannot read {_named(file, name)}: "
        if isinstance(fault, InputError) and str(fault).startswith(named):
            # Whoever opened it within has said so already.
            raise
        raise InputError(f"{named}{why_unread(file, fault)}") from fault


def _named(file: bytes | str | Path, name: str | None) -> str:
    return name or ("the image" if isinstance(file, bytes) else str(file))


def why_unread(file: bytes | str | Path, fault: Exception) -> str:
    """Return in words why a file could not be read, of what was raised.

    >>> why_unread(b"text", UnidentifiedImageError("cannot identify image file <_io.BytesIO object at 0x7f>"))
    'not an image in a known format'
    """
    if isinstance(fault, UnidentifiedImageError):
        if _start(file) in TIFF_SIGNATURES:
            return (
                "a TIFF of bands or numbers that are not read; save it with 1, 3 or 4 bands of 8 or 16 bits"
            )
        empty = len(file) == 0 if isinstance(file, bytes) else Path(file).stat().st_size == 0
        return "the file is empty" if empty else "not an image in a known format"
    if isinstance(fault, FileNotFoundError):
        if "://" in str(file):
            return "it is a web address, and nothing is fetched; download the images, and give their paths"
        return "no such file"
    return one_line(fault)


def _start(file: bytes | str | Path) -> bytes:
    if isinstance(file, bytes):
        return file[:4]
    with Path(file).open("rb") as stream:
        return stream.read(4)


def _without_depth(image: Image.Image) -> Image.Image:
    """Return an image of more than 8 bits as grey of 8 bits, any other as it is."""
    if image.mode[:1] in "IF":
        return Image.fromarray(to_8_bits(np.asarray(image), _depth(image)))
    return image


def _to_rgb(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return an image of 8 bits in colour, over white, and whether anything of it shows."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        shows = layer.getchannel("A").getbbox() is not None
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layer).convert("RGB"), shows
    return image if image.mode == "RGB" else image.convert("RGB"), True


def _depth(image: Image.Image) -> str:
    if image.mode == "F":
        return FLOATING
    # Pillow spreads the values of a portable greymap over 16 bits, in a mode of 32.
    return SIXTEEN if image.mode.startswith("I;16") or image.format == "PPM" else "32-bit"
