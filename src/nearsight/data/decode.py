"""Decoding: the bytes of an image file become uint8 RGB, whatever its mode and however it is rotated."""

import operator
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from io import BytesIO
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from nearsight.data.faults import one_line
from nearsight.errors import InputError

ORIENTATION = 0x0112
_MOST: ContextVar[int | None] = ContextVar("max_pixels", default=None)
_PILLOWS_LIMIT = Lock()
_QUARTER_TURNS = (5, 6, 7, 8)


def decode_image(file: bytes | str | Path, name: str | None = None) -> Tensor:
    """Decode an encoded image, given as bytes or as the path of a file, to uint8 RGB of shape (3, H, W).

    >>> buffer = BytesIO()
    >>> Image.new("LA", (3, 2), (0, 0)).save(buffer, "PNG")
    >>> image = decode_image(buffer.getvalue())
    >>> image.shape, image.unique().tolist()
    (torch.Size([3, 2, 3]), [255])

    Greyscale is repeated, 16-bit greyscale scaled to 8 bits, palettes looked up, transparency laid over
    white, CMYK converted, and the EXIF orientation applied. Of an animation, the first frame. Raises
    `InputError` naming the image (`name`, or its path) when it is damaged or not an image.
    """
    with named_faults(file, name), opened(file) as image:
        return decode_picture(image)


def decode_picture(image: Image.Image) -> Tensor:
    """Decode a Pillow image, which is turned in place, to what `decode_image` makes of its file."""
    ImageOps.exif_transpose(image, in_place=True)
    image = _to_rgb(image)
    pixels = np.empty((3, image.height, image.width), dtype=np.uint8)
    # One channel at a time, as a large image takes much memory.
    for channel in range(3):
        pixels[channel] = np.asarray(image.getchannel(channel))
    return torch.from_numpy(pixels)


def image_size(file: bytes | str | Path, name: str | None = None) -> tuple[int, int]:
    """Read the height and width that `decode_image` will give, from the header alone.

    >>> buffer = BytesIO()
    >>> Image.new("RGB", (3, 2)).save(buffer, "JPEG")
    >>> image_size(buffer.getvalue())
    (2, 3)

    A PNG is read whole, as its EXIF may follow its pixels. Raises `InputError` naming the image when its
    header is not that of an image.
    """
    with named_faults(file, name), opened(file) as image:
        width, height = image.size
        # Pillow's TIFF reader swaps the sides itself, and no other reader does.
        turned = image.format != "TIFF" and image.getexif().get(ORIENTATION) in _QUARTER_TURNS
    return (width, height) if turned else (height, width)


@contextmanager
def allowed_pixels(most: int | None) -> Iterator[None]:
    """Read images of up to so many pixels meanwhile, more or fewer than otherwise; None changes nothing.

    >>> buffer = BytesIO()
    >>> Image.new("RGB", (30, 20)).save(buffer, "PNG")
    >>> with allowed_pixels(500):
    ...     decode_image(buffer.getvalue(), "a.png")
    Traceback (most recent call last):
    nearsight.errors.InputError: cannot read a.png: it has 600 pixels, and up to 500 are read; give `max_pixels=600`

    Without it Pillow's limit holds, 178,956,970: a small file can hold an image that fills the memory. The bound is
    that of this thread; what is loaded within keeps it for images that are decoded later.
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


def _large(file: BytesIO | str | Path) -> Image.Image:
    """Open an image that Pillow refuses for its size; only its header is read."""
    with _PILLOWS_LIMIT:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file)
        finally:
            Image.MAX_IMAGE_PIXELS = before


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
    """Open an encoded image with Pillow: its header is read, its pixels are not."""
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of large images; neither changes the pixels.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        source = BytesIO(file) if isinstance(file, bytes) else file
        try:
            found: Image.Image = Image.open(source)
        except Image.DecompressionBombError:
            found = _large(source)
        with found as image:
            _check_pixels(image)
            yield image


@contextmanager
def named_faults(file: bytes | str | Path, name: str | None) -> Iterator[None]:
    """Turn whatever is raised within into an `InputError` that names the image: `name`, or its path."""
    try:
        yield
    # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error and more on damaged files.
    except Exception as fault:
        named = name or ("the image" if isinstance(file, bytes) else str(file))
        raise InputError(f"cannot read {named}: {_reason(file, fault)}") from fault


def _reason(file: bytes | str | Path, fault: Exception) -> str:
    if isinstance(fault, UnidentifiedImageError):
        empty = len(file) == 0 if isinstance(file, bytes) else Path(file).stat().st_size == 0
        return "the file is empty" if empty else "not an image in a known format"
    if isinstance(fault, FileNotFoundError):
        return "no such file"
    return one_line(fault)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("its pixels are floating-point; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        wide = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((wide * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layer).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")
