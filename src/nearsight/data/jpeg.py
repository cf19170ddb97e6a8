"""What the header of a JPEG says, and whether a tile of it can be decoded by itself."""

import re
import struct
from dataclasses import dataclass

_EXIF, _SCAN, _END = 0xE1, 0xDA, 0xD9
_SEQUENTIAL = (0xC0, 0xC1)
# Within a scan, 0xFF is followed by a stuffed 0x00, by more 0xFF or by the number of a restart.
_AFTER_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Frame:
    """The frame of a JPEG: its height and width in pixels as stored, before any rotation by EXIF.

    `height_at` is where the file holds the two bytes of the height; `exif` says whether the file has metadata
    that could rotate it.
    """

    height: int
    width: int
    height_at: int
    exif: bool


def sequential_frame(content: bytes) -> Frame | None:
    """Return the frame of a JPEG whose rows can be decoded one after the other; None for any other file.

    >>> from io import BytesIO
    >>> from PIL import Image
    >>> file, image = BytesIO(), Image.new("RGB", (30, 20))
    >>> image.save(file, "JPEG")
    >>> sequential_frame(file.getvalue())
    Frame(height=20, width=30, height_at=163, exif=False)
    >>> sequential_frame(file.getvalue()[:-2]) is None
    True

    Such a file has three colours with 8 bits and is Huffman-coded in one sequential scan that is complete.
    Progressive, grey, CMYK and truncated files are not. The markers are those of ITU-T T.81, annex B.
    """
    if content[:2] != b"\xff\xd8":
        return None
    at, exif = 2, False
    sides: tuple[int, int, int] | None = None
    while len(content) >= at + 10:
        start, marker, length = struct.unpack_from(">BBH", content, at)
        if start != 0xFF or marker == 0xFF:
            return None
        after = at + 2 + length
        if marker == _SCAN:
            end = _AFTER_SCAN.search(content, after)
            whole = end is not None and end.group()[1] == _END
            return Frame(*sides, exif) if sides and whole else None
        if marker in _SEQUENTIAL:
            bits, height, width, colours = struct.unpack_from(">BHHB", content, at + 4)
            if (bits, colours) != (8, 3):
                return None
            sides = height, width, at + 5
        exif |= marker == _EXIF
        at = after
    return None


def shortened(content: bytes, frame: Frame, rows: int) -> bytes:
    """Return the file with a lower height, so that a decoder stops after that many rows.

    `rows` is at most the frame's height. The rows are the same as from the whole file, except the last of them,
    for which the decoder reads the rows below if the colours are stored at half the resolution.
    """
    at = frame.height_at
    return content[:at] + rows.to_bytes(2, "big") + content[at + 2 :]
