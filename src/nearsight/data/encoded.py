"""Opening image files: only regular files, in formats whose readers start no program and read no other file."""

import ctypes
import errno
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import BinaryIO

from PIL import Image

from nearsight.errors import InputError, shortened
from nearsight.read import NoFileError, open_regular, special

# Pillow tries every reader that it knows, whatever a file's name says: an EPS called .jpg starts Ghostscript.
# HEIF is read if the program has registered a reader for it.
FORMATS = (
    *("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF", "PPM"),
    *("JPEG2000", "AVIF", "HEIF", "PCX", "SGI", "TGA"),
)
_OTHERS = {
    b"%!PS": "PostScript (EPS), which only another program can draw",
    b"\xc5\xd0\xd3\xc6": "PostScript (EPS), which only another program can draw",
    b"%PDF": "a PDF, which only another program can draw",
    b"8BPS": "a Photoshop document",
    b"\xd7\xcd\xc6\x9a": "a Windows metafile, which only another program can draw",
    b"\0\0\1\0": "an icon of several images",
    b"/* XPM": "an X pixmap",
    b"DDS ": "a texture (DDS)",
}
_PILLOWS_LIMIT = Lock()
# It also logs what it raises, on stderr if nobody listens.
logging.getLogger("PIL").addHandler(logging.NullHandler())
# Each registers what it reads. Pillow itself would import all readers to find one that does not exist.
for _module in (
    "Bmp",
    "Gif",
    "Jpeg2K",
    "Jpeg",
    "Mpo",
    "Pcx",
    "Png",
    "Ppm",
    "Sgi",
    "Tga",
    "Tiff",
    "WebP",
    "Avif",
):
    with suppress(ImportError):
        import_module(f"PIL.{_module}ImagePlugin")
# libtiff writes what is wrong with a file to stderr, bypassing Python, and Pillow raises it as well. If the
# library is not found beside Pillow, it continues to write.
# found beside Pillow it goes on writing.
with suppress(AttributeError, OSError):
    _pillow = ctypes.CDLL(import_module("PIL._imaging").__file__)
    for _handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        getattr(_pillow, _handler)(None)


class UnopenedError(ValueError):
    """What is opened is not a regular file, or not an image in an accepted format; the message says what it is."""


def open_image(file: BinaryIO) -> Image.Image:
    """Open an encoded image with Pillow, only with the readers of `FORMATS`; its header is read, its pixels are not.

    >>> buffer = BytesIO()
    >>> Image.new("RGB", (3, 2)).save(buffer, "EPS")
    >>> open_image(buffer)
    Traceback (most recent call last):
    nearsight.data.encoded.UnopenedError: it is PostScript (EPS), which only another program can draw; save it as \
PNG or JPEG

    Raises `UnopenedError` for known formats of other kinds, and what Pillow raises. Images that Pillow refuses
    because of their size are opened; the code that reads their pixels decides about these.
    """
    file.seek(0)
    start = file.read(16)
    for signature, kind in _OTHERS.items():
        if start.startswith(signature):
            raise UnopenedError(f"it is {kind}; save it as PNG or JPEG")
    file.seek(0)
    with warnings.catch_warnings():
        # Pillow warns of odd metadata and of large images; neither changes the pixels.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            return Image.open(file, formats=_known())
        except Image.DecompressionBombError:
            file.seek(0)
            with _PILLOWS_LIMIT:
                before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
                try:
                    return Image.open(file, formats=_known())
                finally:
                    Image.MAX_IMAGE_PIXELS = before


def _known() -> list[str]:
    return [name for name in FORMATS if name in Image.OPEN]


def check_path(path: str | Path) -> None:
    """Raise `InputError` for what cannot be a path on this disk, whatever exists there.

    >>> check_path("cats\\0dogs")
    Traceback (most recent call last):
    nearsight.errors.InputError: 'cats\\x00dogs' is no path: it holds a null character
    """
    try:
        Path(path).expanduser().stat()
        return
    except RuntimeError:
        reason = "there is no such user"
    except ValueError:
        reason = "it holds a null character"
    except OSError as fault:
        if fault.errno not in (errno.ENAMETOOLONG, errno.ELOOP):
            return
        reason = (fault.strerror or "").lower()
    raise InputError(f"{shortened(str(path))!r} is no path: {reason}")


def is_regular(path: str | Path) -> bool:
    """Whether there is a regular file at a path, or behind a link at it; False if that cannot be found out.

    >>> is_regular("/dev/null"), is_regular("name" * 1000)
    (False, False)
    """
    try:
        return special(Path(path).stat().st_mode) is None
    except (OSError, ValueError):
        return False


@contextmanager
def encoded(file: bytes | str | Path) -> Iterator[BinaryIO]:
    """Open an encoded image, given as bytes or as the path of a file, as a stream.

    >>> with encoded("/dev/null"):
    ...     pass
    Traceback (most recent call last):
    nearsight.data.encoded.UnopenedError: it is a device, and no file

    Raises `UnopenedError` for a directory, a pipe, a socket or a device, and `OSError` for what cannot be opened.
    """
    if isinstance(file, bytes):
        yield BytesIO(file)
        return
    try:
        stream = open_regular(file)
    except NoFileError as error:
        raise UnopenedError(str(error)) from None
    with stream:
        yield stream
