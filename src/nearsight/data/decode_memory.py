"""Memory for decoding: what an image takes until its pixels are there, and one bound for all decoding."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from PIL import Image

from nearsight.numbers import memory_size

VARIABLE = "NEARSIGHT_DECODE_MEMORY"
DEFAULT_DECODE_MEMORY = 2**30
# If more pixels are requested than fit, each may take as much as in the most wasteful of formats.
_MOST_A_PIXEL = 32
# What a pixel takes in a file that is not compressed: four colours of 16 bits.
_MOST_STORED = 8
# What Pillow keeps of a pixel by its mode, in bytes.
_STORED = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
_RGB = 3
# What a format's reader holds in addition, per pixel, while it decodes, in bytes; measured, see
# docs/reliability.md.
_HELD = {"WEBP": 10, "AVIF": 12, "HEIF": 12, "JPEG2000": 20}
# What is needed whatever the image's size: a band of it in several forms.
_BAND = 32 * 2**20
_TIFF_TILE = (322, 323)


def decoding_bytes(image: Image.Image, encoded: int) -> int:
    """Return the most memory that decoding an image takes, in bytes, from its header; `encoded` is its file's size.

    >>> decoding_bytes(Image.new("RGB", (1000, 1000)), encoded=0)
    41554432

    This is what Pillow keeps of it (twice if it may be rotated), the resulting pixels, and what the reader of its
    format holds in addition; 32 MiB are for temporary data.
    """
    pixels = image.width * image.height
    stored = _STORED.get(image.mode, 4)
    each = max(2 * stored, stored + _RGB)
    if image.mode[:1] in "IF":
        # Numbers are copied, and become bytes, then grey, then colour.
        each = 2 * stored + 8
    elif (depth := _deep_colours(image)) is not None:
        # It is read twice, to be combined into whole numbers.
        each = 2 * stored + 5 * depth + _RGB
    return pixels * (each + _held(image)) + _tile(image) + encoded + _BAND


def most_bytes(pixels: int) -> int:
    """Return what decoding an image of so many pixels takes at most, in bytes, with its file, in whatever format."""
    return pixels * (_MOST_A_PIXEL + _MOST_STORED) + _BAND


def _deep_colours(image: Image.Image) -> int | None:
    for tile in getattr(image, "tile", ()):
        mode = tile.args[0] if isinstance(tile.args, tuple) and tile.args else tile.args
        if isinstance(mode, str) and mode.startswith(("RGB;16", "RGBA;16")):
            return len(mode.partition(";")[0])
    return None


def _held(image: Image.Image) -> int:
    if image.format not in ("JPEG", "MPO"):
        return _HELD.get(image.format or "", 0)
    # For an image in several scans, the coefficients are kept, two bytes each.
    return 0 if in_one_scan(image) else 2 * max(3, len(image.getbands()))


def in_one_scan(image: Image.Image) -> bool:
    """Whether the first scan of a JPEG has all colours, whole; Pillow reads a header to the end of its marker."""
    stream, colours = getattr(image, "fp", None), getattr(image, "layers", 0)
    if stream is None or "progressive" in image.info or "progression" in image.info:
        return False
    # The marker and its length, the number of colours, two bytes for each of them, and three more.
    length = 2 * colours + 6
    at = stream.tell()
    stream.seek(max(0, at - length - 2))
    start: bytes = stream.read(5)
    stream.seek(at)
    return start == bytes([0xFF, 0xDA, 0, length, colours])


def _tile(image: Image.Image) -> int:
    """What one tile of a TIFF takes, which may be larger than its image."""
    tags: Any = getattr(image, "tag_v2", None)
    if image.format != "TIFF" or tags is None:
        return 0
    width, height = (tags.get(tag) for tag in _TIFF_TILE)
    if not (isinstance(width, int) and isinstance(height, int)):
        return 0
    bits = tags.get(258, 8)
    each = max(bits) if isinstance(bits, tuple) and bits else bits
    samples = tags.get(277, 1)
    return width * height * int(samples) * max(1, int(each) // 8)


def decode_memory() -> int:
    """Return how much memory a process may use for decoding, in bytes: 1 GiB, or NEARSIGHT_DECODE_MEMORY."""
    said = os.environ.get(VARIABLE)
    return DEFAULT_DECODE_MEMORY if not said else memory_size(VARIABLE, said)


def check_memory(needed: int, pixels: int, most_pixels: int | None) -> None:
    """Raise `ValueError` if decoding an image takes more memory than allowed.

    If `most_pixels` are requested, this many may be decoded, whatever memory their format takes.
    """
    allowed = max(decode_memory(), _MOST_A_PIXEL * (most_pixels or 0))
    if needed > allowed:
        raise ValueError(
            f"to decode its {pixels:,} pixels takes up to {_written(needed)}, and {_written(allowed)} may be taken; "
            f"give `max_pixels={max(pixels, -(-needed // _MOST_A_PIXEL))}`, or set {VARIABLE}={-(-needed // 2**30)}G"
        )


def _written(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB" if size >= 2**30 else f"{size / 2**20:,.0f} MiB"


@dataclass(eq=False)
class _Taken:
    """What the threads of this process have taken, and what other processes share with it."""

    changed: Condition = field(default_factory=Condition)
    size: int = 0
    processes: int = 1
    large: AbstractContextManager[Any] = field(default_factory=nullcontext)


_TAKEN = _Taken()


def _forget_threads() -> None:
    # A forked process has none of the threads that were decoding.
    _TAKEN.changed, _TAKEN.size = Condition(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)


@contextmanager
def taking(needed: int) -> Iterator[None]:
    """Take memory for decoding meanwhile; waits until other threads have left room for it.

    >>> with taking(2**40):
    ...     pass

    An image that needs more than all of it is decoded alone. In processes that share their bound, one that needs
    more than a process's part is decoded by one process at a time.
    """
    allowed = decode_memory() // _TAKEN.processes
    with _TAKEN.changed:
        _TAKEN.changed.wait_for(lambda: not _TAKEN.size or _TAKEN.size + needed <= allowed)
        _TAKEN.size += needed
    try:
        with _TAKEN.large if needed > allowed else nullcontext():
            yield
    finally:
        with _TAKEN.changed:
            _TAKEN.size -= needed
            _TAKEN.changed.notify_all()


@dataclass(frozen=True)
class SharedDecodeMemory:
    """What a process that decodes images for another calls first: together, they all keep to one bound.

    `lock` is one of `multiprocessing`; it is held by the process that decodes an image larger than its part.
    """

    processes: int
    lock: Any

    def __call__(self, worker: int) -> None:
        """Decide what the process with this number may take."""
        del worker
        _TAKEN.processes, _TAKEN.large = self.processes, self.lock


def shared_decode_memory(processes: int) -> SharedDecodeMemory:
    """Return what each of this many processes calls when it begins, so that together they keep to the bound of one.

    Raises `InputError` if the bound is set to something that is not a size.
    """
    import multiprocessing

    decode_memory()
    # Not every machine has locks, and without processes none is needed.
    return SharedDecodeMemory(max(1, processes), multiprocessing.Lock() if processes > 1 else nullcontext())
