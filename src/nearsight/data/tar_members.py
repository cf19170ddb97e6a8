"""The members of a tar file: where the content of each is, so that it is read without unpacking."""

import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nearsight.data.faults import one_line
from nearsight.errors import InputError
from nearsight.read import unreadable

_MEND = "write or download it again"
# Names and attributes that do not fit into a header; tar itself writes far less.
_MOST_SAID = 2**20
_SAYING = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
# What may follow the mark of the end, which fills a tape's record.
_PADDING = 2**20
UNENDED = "no end"
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


@dataclass(frozen=True)
class TarMember:
    """A file in a tar: its name there, and the `size` bytes from `offset` on that are its content.

    What has no content of that kind, such as a link, has a `kind` instead.
    """

    name: str
    offset: int = 0
    size: int = 0
    kind: str = ""


class _BoundedHeader(tarfile.TarInfo):
    """A header that claims neither a negative size nor a name of gigabytes."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_BoundedHeader":
        found = super().frombuf(buf, encoding, errors)
        if found.size < 0 or (found.type in _SAYING and found.size > _MOST_SAID):
            raise tarfile.ReadError(f"a header claims {found.size:,} bytes")
        return found


def tar_members(path: Path, file: BinaryIO) -> Iterator[TarMember]:
    """Yield the members of an open tar file, in order; nothing is unpacked, and no content is read.

    >>> import io
    >>> made = io.BytesIO()
    >>> with tarfile.open(fileobj=made, mode="w") as tar:
    ...     member = tarfile.TarInfo("cats/1.txt")
    ...     member.size = 3
    ...     tar.addfile(member, io.BytesIO(b"cat"))
    >>> [found] = tar_members(Path("cats.tar"), made)
    >>> found.name, made.getvalue()[found.offset : found.offset + found.size]
    ('cats/1.txt', b'cat')

    Directories are left out. If the file does not say where it ends, the last member is of the kind `UNENDED`. Raises
    `InputError`, naming the file, for what is not a tar or compressed, for one that is cut short or damaged between
    its members, or continues after its end, and for names that are not UTF-8.
    """
    file.seek(0)
    start = file.read(8)
    packed = next((name for magic, name in _COMPRESSED.items() if start.startswith(magic)), None)
    if packed is not None:
        raise unreadable(
            path, f"it is compressed by {packed}", "decompress it, so that each image can be read alone"
        )
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        with tarfile.open(fileobj=file, mode="r:", tarinfo=_BoundedHeader, encoding="utf-8") as tar:
            before = 0
            while (found := tar.next()) is not None:
                # It keeps all that it has read.
                tar.members.clear()  # type: ignore[attr-defined]
                if not before < found.offset_data <= tar.offset:
                    raise unreadable(path, f"its header at byte {before:,} is damaged", _MEND)
                before = tar.offset
                if not found.isdir():
                    yield _member(found, path, end)
            if _ends_at(tar.offset, path, file):
                return
    except (InputError, MemoryError):
        raise
    # It raises what parsing headers leads to.
    except Exception as fault:
        raise unreadable(path, f"it is no whole tar file ({one_line(fault)})", _MEND) from fault
    yield TarMember("", kind=UNENDED)


def _member(found: tarfile.TarInfo, path: Path, end: int) -> TarMember:
    try:
        found.name.encode()
    except UnicodeEncodeError:
        raise unreadable(
            path, f"the name of a member is not UTF-8 ({found.name!a:.80})", "write it again with other names"
        ) from None
    if not found.isreg():
        return TarMember(found.name, kind="link" if found.issym() or found.islnk() else "device or pipe")
    if found.issparse():
        return TarMember(found.name, kind="sparse file")
    if found.offset_data + found.size > end:
        raise unreadable(path, f"it is cut short within {found.name}", _MEND)
    return TarMember(found.name, found.offset_data, found.size)


def _ends_at(place: int, path: Path, file: BinaryIO) -> bool:
    """Return whether a tar has its mark of an end where no header follows; raises `InputError` for anything else."""
    file.seek(place)
    rest = file.read(_PADDING)
    if 0 < len(rest) < tarfile.BLOCKSIZE:
        raise unreadable(path, "it is cut short", _MEND)
    if any(rest[: tarfile.BLOCKSIZE]):
        raise unreadable(path, f"its header at byte {place:,} is damaged", _MEND)
    if any(rest):
        raise unreadable(path, "more follows its end", "join tar files by `tar -A`, not by `cat`")
    return bool(rest)
