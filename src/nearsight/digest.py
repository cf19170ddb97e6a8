"""A file's digest, kept in the file itself: one flipped bit is noticed when the file is read."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from nearsight.errors import InputError

# XXH3 of 128 bits finds damage, not forgery, at the speed of memory.
_NAME = b"xxh128:"
_UNKNOWN = b"0" * 32
_IN_JSON, _IN_TOML, _IN_TENSORS = b'{"digest": "', b"# digest ", b'"nearsight.digest":"'
_VALUE = re.compile(rb"(xxh128:[0-9a-f]{32})")
_JSON = re.compile(_IN_JSON + _VALUE.pattern + b'",?')
_MOVED = re.compile(rb'"digest"\s*:\s*"' + _VALUE.pattern + b'"')
_TOML = re.compile(_IN_TOML + _VALUE.pattern + b"\n")
_TENSORS = re.compile(_IN_TENSORS + _VALUE.pattern + b'"')
_TABLE = re.compile(b"digest " + _VALUE.pattern + b"\n")
_TABLE_MARK = b"digest " + _NAME
_TABLE_LENGTH = len(_TABLE_MARK) + len(_UNKNOWN) + 1
# A mark that differs in at most this many bytes is a damaged mark, not another text.
_DAMAGED_BYTES = 2
_MIB = 2**20
# What safetensors itself accepts as a header, in bytes, and where it says that a tensor ends behind it.
_LARGEST_HEADER = 100_000_000
_ENDS = re.compile(rb'"data_offsets":\s*\[\d{1,19},\s*(\d{1,19})\]')
_PARQUET = b"PAR1"
_EDITED = "put back a copy of it or, if it was changed on purpose, remove the digest from its first line"
_COPY = "put back a copy of it, or make it again"

# The key in a JSON file of the digests of files beside it that were written with it, by their names.
BESIDE = "beside"
# The file of a run that is written last, and so holds the digests of the others.
RESULT = "result.json"
# The content of a safetensors file's metadata until `seal_tensors` has put its digest there.
PLACEHOLDER = {"nearsight.digest": (_NAME + _UNKNOWN).decode()}


def digest_of(content: bytes) -> str:
    """Return the digest of content that has no place for one, to be stored in another file.

    >>> digest_of(b"step,loss")
    'xxh128:0613744786282bff216ad6f4c8a98eb7'
    """
    return _digest(content).decode()


def digest_of_lines(content: bytes) -> str:
    r"""Return the digest of the lines of a text file, whether they end with LF or CRLF, as in a checkout of git.

    >>> digest_of_lines(b"step,loss") == digest_of(b"step,loss")
    True
    >>> digest_of_lines(b"step,loss\r\n1,0.5\r\n") == digest_of_lines(b"step,loss\n1,0.5\n")
    True
    """
    return digest_of(_lines(content))


def sealed_json(text: str) -> str:
    """Return the text of a JSON object with its digest as the first member.

    >>> sealed = sealed_json('{"tile": 16}')
    >>> sealed
    '{"digest": "xxh128:4895f1f583156b03d8b44a63d7dc4c5f","tile": 16}'
    >>> unsealed_json(sealed.encode(), "a.json")
    b'{"tile": 16}'
    """
    content = text.encode("utf-8")
    comma = b"" if content[1:].strip() == b"}" else b","
    return (_IN_JSON + _digest(content) + b'"' + comma + content[1:]).decode("utf-8")


def unsealed_json(content: bytes, source: object, mend: str = _EDITED) -> bytes:
    """Return a JSON file's content without its digest, which was checked; content without a digest stays as it is.

    >>> damaged = sealed_json('{"tile": 16}').replace("16", "17").encode()
    >>> unsealed_json(damaged, "a.json", "train again")
    Traceback (most recent call last):
    nearsight.errors.InputError: a.json is damaged: its content is not what its digest says; train again

    Raises `InputError`, naming `source` and how to `mend` it, if they do not agree, and if another program has
    reformatted the file, digest and all.
    """
    bare = _unsealed(content, _JSON, _IN_JSON + _NAME, b"{", source, mend)
    if bare is content and _MOVED.search(content):
        raise InputError(
            f"{source} was laid out again by another program, and its digest is of what it was; put back a copy, or "
            "remove the digest if nothing else was changed"
        )
    return bare


def sealed_toml(text: str) -> str:
    """Return the text of a TOML file with its digest as a comment in the first line.

    >>> print(sealed_toml("tile = 16"))
    # digest xxh128:87398ab6d12a72096eed6371aa1a079e
    tile = 16
    """
    content = text.encode("utf-8")
    return (_IN_TOML + _digest(content) + b"\n" + content).decode("utf-8")


def unsealed_toml(content: bytes, source: object) -> bytes:
    """Return a TOML file's content without its digest, which was checked; content without a digest stays as it is.

    >>> unsealed_toml(sealed_toml("tile = 16").encode(), "recipe.toml")
    b'tile = 16'

    Raises `InputError`, naming `source`, if they do not agree.
    """
    return _unsealed(content, _TOML, _IN_TOML + _NAME, b"", source, _EDITED)


def seal_tensors(path: Path) -> None:
    """Replace the `PLACEHOLDER` in a safetensors file's metadata by the digest, and put the metadata in order.

    The library writes them in any order, but equal tensors should give equal files.

    >>> import tempfile, torch
    >>> from safetensors.torch import save_file
    >>> path = Path(tempfile.mkdtemp()) / "a.safetensors"
    >>> save_file({"map": torch.zeros(2)}, path, metadata=PLACEHOLDER)
    >>> seal_tensors(path)
    >>> with path.open("rb") as file:
    ...     check_tensors(file, path)
    True
    """
    with path.open("r+b") as file:
        header = _in_order(_header(file))
        found = _TENSORS.search(header)
        if found is None:
            raise ValueError(f"{path} has no place for its digest")
        file.seek(8)
        file.write(header)
        start, length = 8 + found.start(1), len(found[1])
        digest = _digest_around(file, start, length)
        file.seek(start)
        file.write(digest)


def check_tensors(file: BinaryIO, source: object, mend: str = _COPY) -> bool:
    """Return whether an open safetensors file has a digest, which was checked; the file is then at its beginning.

    Raises `InputError`, naming `source` and how to `mend` it, if digest and content do not agree.
    """
    header = _header(file)
    found = _TENSORS.search(header)
    if found is not None:
        # A file that is larger than its tensors is not read to its end, however large it is.
        agrees = (
            _size_said_by(header) == file.seek(0, os.SEEK_END)
            and _digest_around(file, 8 + found.start(1), len(found[1])) == found[1]
        )
    else:
        agrees = _IN_TENSORS not in header and _VALUE.search(header) is None
    if not agrees:
        raise _damaged(source, mend)
    file.seek(0)
    return found is not None


def seal_table(path: Path) -> None:
    """Put the digest of a Parquet file before its footer, where no reader looks.

    >>> import tempfile, pyarrow
    >>> from pyarrow import parquet
    >>> path = Path(tempfile.mkdtemp()) / "a.parquet"
    >>> parquet.write_table(pyarrow.table({"tile": [16, 24]}), path)
    >>> seal_table(path)
    >>> with path.open("rb") as file:
    ...     check_table(file, path), parquet.read_table(file)["tile"].to_pylist()
    (True, [16, 24])
    """
    with path.open("r+b") as file:
        start = _footer_start(file)
        if start is None:
            raise ValueError(f"{path} is no Parquet file")
        digest = _digest_around(file, start, 0)
        file.seek(start)
        footer = file.read()
        file.seek(start)
        file.write(b"digest " + digest + b"\n" + footer)


def check_table(file: BinaryIO, source: object, mend: str = _COPY) -> bool:
    """Return whether an open Parquet file has a digest, which was checked; the file is then at its beginning.

    Raises `InputError`, naming `source` and how to `mend` it, if digest and content do not agree.
    """
    start = (_footer_start(file) or 0) - _TABLE_LENGTH
    found, sealed = None, False
    if start >= 0:
        file.seek(start)
        mark = file.read(_TABLE_LENGTH)
        found, sealed = _TABLE.fullmatch(mark), _near(mark, _TABLE_MARK)
    if found is None:
        sealed = sealed or _TABLE.search(_tail(file)) is not None
        agrees = not sealed
    else:
        agrees = _digest_around(file, start, _TABLE_LENGTH) == found[1]
    if not agrees:
        raise _damaged(source, mend)
    file.seek(0)
    return sealed


def seal_of(file: BinaryIO, suffix: str) -> str | None:
    """Return the digest that a file open at its start holds of itself, which is not checked; None if it holds none.

    >>> from io import BytesIO
    >>> seal_of(BytesIO(sealed_json('{"tile": 16}').encode()), ".json")
    'xxh128:4895f1f583156b03d8b44a63d7dc4c5f'

    `suffix` says what kind of file it is.
    """
    if suffix == ".safetensors":
        found = _TENSORS.search(_header(file))
    elif suffix == ".parquet":
        file.seek(max(0, (_footer_start(file) or 0) - _TABLE_LENGTH))
        found = _TABLE.match(file.read(_TABLE_LENGTH))
    else:
        found = (_TOML if suffix == ".toml" else _JSON).match(file.read(2 * _TABLE_LENGTH))
    return None if found is None else found[1].decode()


def _unsealed(
    content: bytes, seal: re.Pattern[bytes], mark: bytes, opening: bytes, source: object, mend: str
) -> bytes:
    # JSON that was cut short is not JSON, whether it had a digest or not.
    cut_short = not opening and 0 < len(content) < len(mark) and mark.startswith(content)
    if not cut_short and not _near(content, mark):
        return content
    content = _lines(content)
    found = seal.match(content)
    if found is not None:
        bare = opening + content[found.end() :]
        if _digest(bare) == found[1]:
            return bare
    raise _damaged(source, mend)


def _lines(content: bytes) -> bytes:
    # What we write has no other CRLF: JSON and TOML write the characters of a text as escapes.
    return content.replace(b"\r\n", b"\n")


def _near(content: bytes, mark: bytes) -> bool:
    """Whether content begins with a mark, which may be damaged."""
    return len(content) >= len(mark) and _differing(content, mark) <= _DAMAGED_BYTES


def _differing(content: bytes, mark: bytes) -> int:
    return sum(one != other for one, other in zip(content, mark, strict=False))


def _digest(content: bytes) -> bytes:
    from xxhash import xxh3_128_hexdigest

    return _NAME + xxh3_128_hexdigest(content).encode()


def _digest_around(file: BinaryIO, start: int, length: int) -> bytes:
    """Return the digest of all of a file but `length` bytes from `start` on."""
    from xxhash import xxh3_128

    found = xxh3_128()
    file.seek(0)
    for part in _parts(file, start):
        found.update(part)
    file.seek(start + length)
    for part in _parts(file):
        found.update(part)
    return _NAME + found.hexdigest().encode()


def _parts(file: BinaryIO, length: int | None = None) -> Iterator[bytes]:
    """Yield this many bytes of a file, by default all that are left, a MiB at a time."""
    while length is None or length > 0:
        part = file.read(_MIB if length is None else min(_MIB, length))
        if not part:
            return
        yield part
        if length is not None:
            length -= len(part)


def _header(file: BinaryIO) -> bytes:
    """Return the header of a safetensors file or, if it only claims to be one, what can be its header."""
    file.seek(0)
    return file.read(min(int.from_bytes(file.read(8), "little"), _LARGEST_HEADER))


def _size_said_by(header: bytes) -> int:
    """Return how large a safetensors file with this header is: tensors lie behind it without gaps."""
    return 8 + len(header) + max((int(end) for end in _ENDS.findall(header)), default=0)


def _in_order(header: bytes) -> bytes:
    """Return the header of a safetensors file, as long as it was, with its metadata sorted by name."""
    said = json.loads(header)
    said["__metadata__"] = dict(sorted(said.get("__metadata__", {}).items()))
    ordered = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode("utf-8").ljust(len(header))
    if len(ordered) != len(header):
        raise ValueError("the header of a safetensors file is not written as JSON is")
    return ordered


def _footer_start(file: BinaryIO) -> int | None:
    """Return where the footer of a Parquet file begins; None if the file has none."""
    size = file.seek(0, os.SEEK_END)
    if size < 12:
        return None
    file.seek(size - 8)
    end = file.read(8)
    start = size - 8 - int.from_bytes(end[:4], "little")
    return start if end[4:] == _PARQUET and start >= 4 else None


def _tail(file: BinaryIO) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _MIB))
    return file.read()


def _damaged(source: object, mend: str) -> InputError:
    return InputError(f"{source} is damaged: its content is not what its digest says; {mend}")
