"""Packing a JPEG: the same coefficients with restart markers and an index of them; compared before it is kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryFile

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data.decode import decode_image, opened
from nearsight.data.exif import read_exif
from nearsight.data.identity import digest_of
from nearsight.data.packed.coding import Layout, OutOfRangeError, coded
from nearsight.data.packed.form import (
    COLOURS,
    COMMENT,
    EXTENDED,
    PROGRESSIVE,
    QUANTISATION,
    RESTARTS,
    SCAN,
    SEQUENTIAL,
    START,
    TABLES,
    Index,
    Segment,
    is_index,
    layout_of,
    read_header,
    sealed,
    segment,
    segments,
)
from nearsight.data.packed.tiles import packed_size, packed_tile

EXTRA = "pip install 'nearsight[pack]'"
# In MCUs. Longer intervals need fewer markers, but more of what is beside a tile is decoded.
_LONGEST_INTERVAL = 8
_PICTURES = b"MPF\0"
_CHECKED_SIDE = 48
_DESCRIPTORS = Path("/proc/self/fd")


class NotPackedError(ValueError):
    """A file that cannot be packed; the message says why."""


def packs() -> bool:
    """Whether the library that reads coefficients is installed."""
    return find_spec("jpeglib") is not None


def packed(content: bytes) -> bytes:
    """Return a JPEG with the same coefficients, restart markers and an index, so that a tile can be read by itself.

    Its metadata is kept, except other pictures that follow the first. Both files are decoded and compared, whole
    and tile by tile, before it is returned. Raises `NotPackedError` for anything but an 8-bit JPEG in grey,
    colour or CMYK, and for a damaged one, and `InputError` for what cannot be decoded.
    """
    pixels = decode_image(content)
    head = _Head.of(content)
    if head is None:
        raise NotPackedError("it is no JPEG of 8 bits, sequential or progressive")
    with opened(content) as image:
        orientation = read_exif(image).orientation or 1
    interval = _interval(head.layout)
    try:
        data = coded(head.layout, _coefficients(content, head.layout), interval)
    except OutOfRangeError as error:
        raise NotPackedError(str(error)) from error
    down, across = head.layout.mcus
    in_rows = data.lengths.reshape(down, across // interval).sum(1, dtype=np.int64) + 2 * (across // interval)
    rows = (in_rows.cumsum() - in_rows).astype(np.uint32)
    index = Index(interval, orientation, digest_of(content), rows, data.lengths)
    found = sealed(
        b"".join(
            [
                bytes([0xFF, START]),
                *(each.whole for each in head.kept),
                index.segments(),
                *(each.whole for each in head.quantisation),
                segment(head.marker, head.frame),
                segment(
                    TABLES,
                    b"".join(
                        table.segment(kind, number)
                        for number, pair in enumerate(data.tables)
                        for kind, table in enumerate(pair)
                    ),
                ),
                segment(RESTARTS, interval.to_bytes(2, "big")),
                segment(SCAN, _scan(head.layout)),
                data.data,
                b"\xff\xd9",
            ]
        )
    )
    if not _same(found, pixels):
        raise NotPackedError("it does not decode to the same pixels once it is packed")
    return found


@dataclass(frozen=True)
class _Head:
    """What a JPEG states before its first scan: the part that is kept, its quantisation tables, and its frame."""

    kept: tuple[Segment, ...]
    quantisation: tuple[Segment, ...]
    marker: int
    frame: bytes
    layout: Layout

    @staticmethod
    def of(content: bytes) -> "_Head | None":
        found = [*segments(BytesIO(content))]
        frames = [each for each in found if each.marker in (SEQUENTIAL, EXTENDED, PROGRESSIVE)]
        layout = layout_of(frames[0].content) if len(frames) == 1 else None
        if layout is None or len(layout.components) not in COLOURS or found[-1].marker != SCAN:
            return None
        kept = [each for each in found if each.marker == COMMENT or 0xE0 <= each.marker <= 0xEF]
        return _Head(
            tuple(each for each in kept if not is_index(each) and not each.content.startswith(_PICTURES)),
            tuple(each for each in found if each.marker == QUANTISATION),
            EXTENDED if frames[0].marker == EXTENDED else SEQUENTIAL,
            _frame(frames[0].content, layout),
            layout,
        )


def _frame(said: bytes, layout: Layout) -> bytes:
    """Return the content of a frame's segment for the layout."""
    components = (
        bytes([each.name, each.across << 4 | each.down, each.quantisation]) for each in layout.components
    )
    return said[:6] + b"".join(components)


def _scan(layout: Layout) -> bytes:
    """Return the content of the segment before the data of a complete scan of all components."""
    tables = (bytes([each.name, 0x11 * min(1, number)]) for number, each in enumerate(layout.components))
    return bytes([len(layout.components)]) + b"".join(tables) + bytes([0, 63, 0])


def _interval(layout: Layout) -> int:
    """Return how many MCUs a restart interval has: a divisor of those across, so that each row begins a new one."""
    across = layout.mcus[1]
    return max(size for size in range(1, _LONGEST_INTERVAL + 1) if across % size == 0)


def _coefficients(content: bytes, layout: Layout) -> list[NDArray[np.int16]]:
    """Return the quantised coefficients of each component, (blocks down, blocks across, 64), read by libjpeg."""
    jpeglib = import_module("jpeglib")
    # Where files can be opened by their descriptors this one has no name, and a killed process leaves nothing of it.
    with TemporaryFile() if _DESCRIPTORS.is_dir() else NamedTemporaryFile(suffix=".jpg") as file:
        file.write(content)
        file.flush()
        read = jpeglib.read_dct(
            str(_DESCRIPTORS / str(file.fileno()) if _DESCRIPTORS.is_dir() else file.name)
        )
        parts = [read.Y, read.Cb, read.Cr, read.K][: len(layout.components)]
    found = [np.asarray(part).reshape(*part.shape[:2], 64) for part in parts]
    for component, part in zip(layout.components, found, strict=True):
        if part.shape[:2] != layout.blocks(component):
            raise NotPackedError("its components have other sizes than its header says")
    return found


def _same(content: bytes, pixels: Tensor) -> bool:
    """Whether a packed JPEG decodes to these pixels, and some of its tiles to theirs."""
    if not decode_image(content).equal(pixels):
        return False
    stream = BytesIO(content)
    header = read_header(stream)
    height, width = pixels.shape[1:]
    if header is None or packed_size(header) != (height, width):
        return False
    return all(
        packed_tile(stream, header, top, left, size).equal(
            pixels[:, top : top + size[0], left : left + size[1]]
        )
        for top, left, size in _places(height, width)
    )


def _places(height: int, width: int) -> Iterator[tuple[int, int, tuple[int, int]]]:
    """Yield tiles at the corners and in the middle of an image."""
    size = min(_CHECKED_SIDE, height), min(_CHECKED_SIDE, width)
    for down in (0, 0.5, 1):
        for across in (0, 0.5, 1):
            yield int(down * (height - size[0])), int(across * (width - size[1])), size
