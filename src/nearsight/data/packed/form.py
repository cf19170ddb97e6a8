"""The form of a packed JPEG: a sequential JPEG with restart markers, and in its own segments the place of each."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import numpy as np
import xxhash
from numpy.typing import NDArray

from nearsight.data.packed.coding import Component, Layout

START, SCAN, TABLES, QUANTISATION, RESTARTS, COMMENT = 0xD8, 0xDA, 0xC4, 0xDB, 0xDD, 0xFE
_INDEX, _JFIF, _ADOBE = 0xEF, 0xE0, 0xEE
SEQUENTIAL, EXTENDED, PROGRESSIVE = 0xC0, 0xC1, 0xC2
# How many colours a packed image may have: grey, RGB or YCbCr, CMYK.
COLOURS = (1, 3, 4)
_NAME = b"nearsight\0"
_VERSION = 1
_HEAD = struct.Struct("<BBH8sQ")
_SEAL = struct.Struct("<Q")
_MOST_IN_SEGMENT = 65_533 - len(_NAME)
# What is read of a file at first: more than most headers take.
_FIRST = 1 << 15
_LONGEST_HEADER, _MOST_SEGMENTS = 1 << 24, 4096


class DamagedIndexError(ValueError):
    """The index of a packed JPEG does not match its data."""


@dataclass(frozen=True)
class Segment:
    """A segment of a JPEG's header: its `marker`, its beginning in the file, with the marker, and its content."""

    marker: int
    at: int
    content: bytes

    @property
    def whole(self) -> bytes:
        """The segment as in a file."""
        return segment(self.marker, self.content)


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment as in a file."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def segments(stream: BinaryIO) -> Iterator[Segment]:
    """Yield the segments of a JPEG up to its first scan, including that one; nothing for other files.

    It ends where the file is no longer a JPEG, and after 16 MiB, which no header has.
    """
    content, at = stream.read(_FIRST), 2
    if content[:2] != bytes([0xFF, START]):
        return
    for _ in range(_MOST_SEGMENTS):
        if len(content) < at + 4:
            content += stream.read(len(content))
        if len(content) < at + 4 or at > _LONGEST_HEADER or content[at] != 0xFF:
            return
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4], "big")
        after = at + 2 + length
        while len(content) < after and (more := stream.read(len(content))):
            content += more
        if length < 2 or marker == 0xFF or len(content) < after:
            return
        yield Segment(marker, at, content[at + 4 : after])
        if marker == SCAN:
            return
        at = after


def layout_of(frame: bytes) -> Layout | None:
    """Return the layout that the content of a frame's segment gives; None if it is damaged or does not have 8 bits.

    The only component of a grey image is coded block by block, whatever sampling it states.
    """
    if len(frame) < 6 or frame[0] != 8 or len(frame) != 6 + 3 * frame[5]:
        return None
    height, width = struct.unpack_from(">HH", frame, 1)
    said = [frame[at : at + 3] for at in range(6, len(frame), 3)]
    components = tuple(
        Component(name, *((1, 1) if len(said) == 1 else divmod(sampled, 16)), table)
        for name, sampled, table in said
    )
    if not (height and width and components) or not all(
        1 <= side <= 4 for each in components for side in (each.across, each.down)
    ):
        return None
    return Layout(height, width, components)


@dataclass(frozen=True, eq=False)
class Index:
    """Where the restart intervals of a packed JPEG are, and from which file it was made.

    There is a marker after every `interval` MCUs. `rows` is where each row of MCUs begins in the scan, in bytes,
    and `lengths` is what each interval takes without its marker. `orientation` is that of the EXIF, 1 to 8;
    `original` is the digest of the file that was packed.
    """

    interval: int
    orientation: int
    original: str
    rows: NDArray[np.uint32]
    lengths: NDArray[np.uint16]

    def segments(self, seal: int = 0) -> bytes:
        """Return the segments that hold it."""
        head = _HEAD.pack(_VERSION, self.orientation, self.interval, bytes.fromhex(self.original), seal)
        content = head + self.rows.astype("<u4").tobytes() + self.lengths.astype("<u2").tobytes()
        parts = range(0, len(content), _MOST_IN_SEGMENT)
        return b"".join(segment(_INDEX, _NAME + content[at : at + _MOST_IN_SEGMENT]) for at in parts)


@dataclass(frozen=True, eq=False)
class PackedHeader:
    """The header of a packed JPEG: its layout and index, and where its scan begins.

    `before` are the segments that a decoder needs before the `frame`, and `after` those that follow it. `seal` is
    the digest that the file states, at `seal_at`.
    """

    layout: Layout
    index: Index
    scan: int
    before: bytes
    frame: Segment
    after: bytes
    seal: int
    seal_at: int

    def of(self, height: int, width: int) -> bytes:
        """Return the header of a JPEG of this size with the same tables."""
        said = self.frame.content
        frame = segment(self.frame.marker, said[:1] + struct.pack(">HH", height, width) + said[5:])
        return b"".join([bytes([0xFF, START]), self.before, frame, self.after])


def is_index(found: Segment) -> bool:
    """Whether a segment contains a part of an index."""
    return found.marker == _INDEX and found.content.startswith(_NAME)


def says_colours(found: Segment) -> bool:
    """Whether a segment tells a decoder which colours the components are."""
    return found.marker in (_JFIF, _ADOBE)


def read_header(stream: BinaryIO) -> PackedHeader | None:
    """Read the header of a packed JPEG; None for any other file. Raises `DamagedIndexError` for a damaged index."""
    parts: list[Segment] = []
    before, after = [], []
    frame = last = None
    for each in segments(stream):
        if is_index(each):
            parts.append(each)
        elif each.marker in (SEQUENTIAL, EXTENDED):
            frame = each
        elif frame is not None:
            after.append(each.whole)
        elif says_colours(each) or each.marker == QUANTISATION:
            before.append(each.whole)
        last = each
    if not parts or frame is None or last is None or last.marker != SCAN:
        return None
    content = b"".join(part.content[len(_NAME) :] for part in parts)
    layout = layout_of(frame.content)
    if layout is None or len(layout.components) not in COLOURS or len(content) < _HEAD.size:
        return None
    if content[0] != _VERSION:
        return None
    _, orientation, interval, original, seal = _HEAD.unpack_from(content)
    down, across = layout.mcus
    count = down * across // interval if interval and across % interval == 0 else 0
    if not count or len(content) != _HEAD.size + 4 * down + 2 * count or not 1 <= orientation <= 8:
        raise DamagedIndexError("its index does not fit its header; pack it again")
    rows = np.frombuffer(content, "<u4", down, _HEAD.size)
    lengths = np.frombuffer(content, "<u2", count, _HEAD.size + 4 * down)
    return PackedHeader(
        layout,
        Index(interval, orientation, original.hex(), rows, lengths),
        last.at + 4 + len(last.content),
        b"".join(before),
        frame,
        b"".join(after),
        seal,
        parts[0].at + 4 + len(_NAME) + _HEAD.size - _SEAL.size,
    )


def sealed(content: bytes) -> bytes:
    """Return a packed JPEG with its digest written into it."""
    header = read_header(BytesIO(content))
    assert header is not None
    seal = _SEAL.pack(_seal_of(content, header.seal_at))
    return content[: header.seal_at] + seal + content[header.seal_at + _SEAL.size :]


def original_of_jpeg(stream: BinaryIO) -> str | None:
    """Return the digest of the file that a packed JPEG was made of; None for other files, and if it was changed."""
    try:
        header = read_header(stream)
    except DamagedIndexError:
        return None
    if header is None:
        return None
    stream.seek(0)
    return header.index.original if _seal_of(stream.read(), header.seal_at) == header.seal else None


def _seal_of(content: bytes, seal_at: int) -> int:
    """Return the digest of a packed JPEG without the bytes in which it is written."""
    found = xxhash.xxh3_64(content[:seal_at])
    found.update(content[seal_at + _SEAL.size :])
    return found.intdigest()
