"""One file of a set packed: the new file has its name, and is there whole or not at all."""

import shutil
from collections import Counter
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from nearsight.data.decode import image_size, named_faults, read_encoded
from nearsight.data.identity import digest_of
from nearsight.data.packed.jpeg import NotPackedError, packed
from nearsight.data.packed.original import original_digest
from nearsight.data.packed.tiff import is_lossless, tiled
from nearsight.errors import InputError
from nearsight.read import open_regular
from nearsight.write import replace_atomically

_JPEG = b"\xff\xd8\xff"
# In pixels: to find the part of a smaller image takes as long as to decode all of it.
_SMALLEST = 256**2
_UNREAD = "damaged, or too large to be decoded"


@dataclass(frozen=True)
class Outcome:
    """What became of some images: how many were `packed`, and how many `copied` as they are, by the reason.

    `before` and `after` are the bytes of the packed ones.
    """

    packed: int = 0
    before: int = 0
    after: int = 0
    copied: Counter[str] = field(default_factory=Counter)

    def __add__(self, other: "Outcome") -> "Outcome":
        return Outcome(
            self.packed + other.packed,
            self.before + other.before,
            self.after + other.after,
            self.copied + other.copied,
        )


def is_jpeg(content: bytes) -> bool:
    """Whether a file begins as a JPEG does."""
    return content.startswith(_JPEG)


def can_gain(content: bytes) -> bool:
    """Whether a file begins as an image that may be packed."""
    return is_jpeg(content) or is_lossless(content)


def packed_or_same(content: bytes) -> tuple[bytes, Outcome]:
    """Return an encoded image packed, or as it is where it cannot be, and which of the two it is.

    >>> packed_or_same(b"no image")[1].copied
    Counter({'neither JPEG nor of a lossless format': 1})
    """
    pack = packed if is_jpeg(content) else tiled if is_lossless(content) else None
    if pack is None:
        return content, Outcome(copied=Counter(["neither JPEG nor of a lossless format"]))
    try:
        # The libraries raise errors of their own on damage.
        with named_faults(content, None):
            try:
                height, width = image_size(content)
                if height * width < _SMALLEST:
                    return content, Outcome(copied=Counter(["too small to gain by it"]))
                found = pack(content)
            except NotPackedError as error:
                return content, Outcome(copied=Counter([str(error)]))
    except InputError:
        # Whoever reads the set is told of it, as by the set itself.
        return content, Outcome(copied=Counter([_UNREAD]))
    return found, Outcome(1, len(content), len(found))


def pack_file(source: Path, target: Path) -> Outcome:
    """Write an image file packed, or a copy of it where it cannot be; what was packed of it before is kept."""
    if is_made_of(target, source) and original_digest(BytesIO(content := target.read_bytes())) is not None:
        return Outcome(1, source.stat().st_size, len(content))
    try:
        content = read_encoded(source)
    except ValueError:
        copy_file(source, target)
        return Outcome(copied=Counter([_UNREAD]))
    found, outcome = packed_or_same(content)
    with replace_atomically(target) as temporary:
        temporary.write_bytes(found)
    return outcome


def copy_file(source: Path, target: Path) -> None:
    """Write a copy of a file, unless it is there."""
    if not is_made_of(target, source):
        with (
            replace_atomically(target) as temporary,
            open_regular(source) as content,
            temporary.open("wb") as out,
        ):
            shutil.copyfileobj(content, out)


def is_made_of(target: Path, source: Path) -> bool:
    """Whether a file is a copy of another, packed or as it is."""
    return target.is_file() and digest_of(target) == digest_of(source)
