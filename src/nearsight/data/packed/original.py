"""Of which file a packed one was made."""

import os
from typing import BinaryIO

from nearsight.data.packed.form import original_of_jpeg
from nearsight.data.packed.tiff_seal import original_of_tiff, says_original

_TIFF = (b"II*\0", b"MM\0*")
# The end of a TIFF, where what it says of itself is written.
_TAIL = 1 << 20


def original_digest(stream: BinaryIO) -> str | None:
    """Return the digest of the file that a packed one was made of; None for other files, and if it was changed.

    >>> from io import BytesIO
    >>> original_digest(BytesIO(b"no packed file")) is None
    True
    """
    start = stream.read(4)
    stream.seek(0)
    if start not in _TIFF:
        return original_of_jpeg(stream)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _TAIL))
    if says_original(stream.read()):
        stream.seek(0)
        return original_of_tiff(stream.read())
    return None
