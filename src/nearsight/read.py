"""Files that are read back: regular files of a bounded size, text in UTF-8, plain values, tables, tensors."""

import json
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from nearsight.digest import BESIDE, RESULT, check_table, check_tensors, seal_of, unsealed_json, unsealed_toml
from nearsight.errors import InputError, first_line

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet
    from torch import Tensor

_MIB = 2**20
# A larger file is not ours: the page of a result would not open.
LARGEST_TEXT = 256 * _MIB
# A value takes 64 bytes or more once it is read, whatever it takes in the file.
MOST_VALUES = 8_000_000
# Nested lists and tables; no file of ours has ten levels.
DEEPEST = 64
# None of our counts is longer, and what uses it must be able to hold it.
MOST_DIGITS = 30
# A table may take this many times its size in the file in memory, and at least this much.
TABLE_GROWTH, SMALL_TABLE = 64, 512 * _MIB
# What safetensors itself accepts as a header.
_LARGEST_HEADER = 100_000_000
_OF_ANOTHER = f"put back what belongs to it or, if it was changed on purpose, move {RESULT} away"
# What the last result.json that was read says of the files beside it, by its digest.
_BESIDE: dict[str, Mapping[str, str]] = {}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_KINDS = {stat.S_IFDIR: "a directory", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


class NoFileError(OSError):
    """What is at a path is not a regular file; the message says what it is."""


def special(mode: int) -> str | None:
    """Say what a thing of this mode is, None for a regular file.

    >>> special(stat.S_IFIFO), special(stat.S_IFREG)
    ('a pipe', None)
    """
    form = stat.S_IFMT(mode)
    return None if form == stat.S_IFREG else _KINDS.get(form, "a device")


def open_regular(path: str | Path) -> BufferedReader:
    """Open a regular file to read, following links; never wait for anything else at a path.

    >>> open_regular("/dev/null")
    Traceback (most recent call last):
    nearsight.read.NoFileError: it is a device, and no file

    Raises `NoFileError` for a directory, a pipe, a socket or a device, `OSError` for what cannot be opened, and
    `ValueError` for a name that no file can have.
    """
    _require_regular(Path(path).stat().st_mode)
    # What was a file a moment ago may now be a pipe, whose opening waits for someone to write.
    flags = (getattr(os, name, 0) for name in ("O_NONBLOCK", "O_BINARY", "O_CLOEXEC"))
    number = os.open(path, os.O_RDONLY | sum(flags))
    try:
        _require_regular(os.fstat(number).st_mode)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def _require_regular(mode: int) -> None:
    kind = special(mode)
    if kind is not None:
        raise NoFileError(f"it is {kind}, and no file")


def open_file(path: Path, mend: str) -> BinaryIO:
    """Open a regular file to be read, without ever waiting, for example for someone who writes into a pipe.

    >>> open_file(Path("/dev/null"), "give a file")
    Traceback (most recent call last):
    nearsight.errors.InputError: /dev/null cannot be read: it is a device, and no file; give a file

    Raises `InputError`, naming the file and how to `mend` it, if there is none, for anything else at that path,
    and for a name that no file can have.
    """
    try:
        return open_regular(path)
    except (OSError, ValueError) as error:
        raise unreadable(path, getattr(error, "strerror", None) or first_line(error), mend) from error


def is_file(path: Path) -> bool:
    """Whether a file of any kind except a directory is at a path; False for a name that no file can have.

    >>> is_file(Path("/dev/null")), is_file(Path("a\\0b")), is_file(Path("/dev"))
    (True, False, False)
    """
    try:
        return os.path.lexists(path) and not is_directory(path)
    except ValueError:
        return False


def is_directory(path: Path) -> bool:
    """Whether a directory is at a path; False for a name that none can have, such as one that is too long.

    >>> is_directory(Path("/dev")), is_directory(Path("x" * 5000))
    (True, False)
    """
    # `Path.is_dir` raises what the system says about such a name.
    return os.path.isdir(path)  # noqa: PTH112


def unreadable(path: object, why: str, mend: str) -> InputError:
    """Return the error for a file that cannot be read, with the reason and how to mend it.

    >>> print(unreadable("a.json", "it is empty", "make it again"))
    a.json cannot be read: it is empty; make it again
    """
    return InputError(f"{path} cannot be read: {why}; {mend}")


def read_bytes(path: Path, mend: str, *, largest: int = LARGEST_TEXT) -> bytes:
    """Return the content of a file; raises `InputError` where `open_file` does, and for more bytes than `largest`."""
    with open_file(path, mend) as file:
        size = os.fstat(file.fileno()).st_size
        if size > largest:
            raise unreadable(path, f"it has {_size(size)}, and such a file at most {_size(largest)}", mend)
        try:
            # A file that grows meanwhile is read no further.
            return file.read(size)
        except OSError as error:
            raise unreadable(path, error.strerror or first_line(error), mend) from error


def read_text(path: Path, mend: str, *, largest: int = LARGEST_TEXT) -> str:
    """Return the text of a UTF-8 file, without the byte order mark with which some editors begin it.

    Raises `InputError` where `read_bytes` does, and for what is not UTF-8.
    """
    return decoded(read_bytes(path, mend, largest=largest), path, mend)


def decoded(content: bytes, source: object, mend: str) -> str:
    """Return bytes as UTF-8 text; raises `InputError`, naming `source`, if they are not.

    >>> decoded(b"\\xff\\xfe{\\0", "a.json", "make it again")
    Traceback (most recent call last):
    nearsight.errors.InputError: a.json cannot be read: it is not UTF-8 text (byte 0); make it again
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise unreadable(source, f"it is not UTF-8 text (byte {error.start})", mend) from error


def read_sealed_json(path: Path, mend: str) -> Any:
    """Return the plain values of a JSON file of ours; raises where `read_json` does, and for a wrong digest."""
    return parse_json(read_sealed_text(path, mend), path, mend)


def parse_sealed_json(content: bytes, path: Path, mend: str) -> Any:
    """Return the plain values of what was read of a JSON file of ours; raises where `read_sealed_json` does."""
    return parse_json(decoded(unsealed_json(content, path, mend), path, mend), path, mend)


def read_sealed_text(path: Path, mend: str, *, largest: int = LARGEST_TEXT) -> str:
    """Return the text of a JSON file of ours without its digest; raises where `read_text` does, or if it is wrong."""
    return decoded(unsealed_json(read_bytes(path, mend, largest=largest), path, mend), path, mend)


def read_json(
    path: Path, mend: str, *, largest: int = LARGEST_TEXT, most_values: int | None = MOST_VALUES
) -> Any:
    """Return the plain values of a JSON file; raises `InputError` where `read_text` and `parse_json` do."""
    return parse_json(read_text(path, mend, largest=largest), path, mend, most_values=most_values)


def parse_json(text: str, source: object, mend: str, *, most_values: int | None = MOST_VALUES) -> Any:
    """Return the plain values of JSON.

    >>> parse_json('{"tile": 16, "loss": null}', "a.json", "make it again")
    {'tile': 16, 'loss': None}
    >>> parse_json('{"tile": 16, "tile": 24}', "a.json", "make it again")
    Traceback (most recent call last):
    nearsight.errors.InputError: a.json cannot be read: it has 'tile' twice; make it again

    Raises `InputError`, naming `source` and how to `mend` it, for what is not JSON, a name that occurs twice,
    NaN, infinities, numbers of more than 30 digits, half a character (a surrogate), more than 64 nested lists and
    tables, and more than `most_values` values.
    """
    if most_values is not None and (count := text.count(",")) >= most_values:
        raise unreadable(source, f"it holds {count + 1:,} values, and at most {most_values:,} are read", mend)
    try:
        values = json.loads(
            text,
            object_pairs_hook=_without_twins,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
    except RecursionError as error:
        raise unreadable(source, _TOO_DEEP, mend) from error
    except ValueError as error:
        raise unreadable(source, _what_is_wrong(error, "JSON"), mend) from error
    _check_depth(values, source, mend)
    if _SURROGATE.search(text):
        _check_characters(values, source, mend)
    return values


def check_of_run(path: Path) -> None:
    """Check that a file of a run was written with the result.json beside it.

    Runs that are not finished or of older versions do not say which files are theirs, nor does a result.json that
    is damaged, which whoever reads it says. Raises `InputError` for a file of another run.
    """
    result = path.with_name(RESULT)
    if not (is_file(result) and is_file(path)):
        return
    try:
        listed = _beside(result).get(path.name)
    except (InputError, AttributeError):
        return
    if listed is None:
        return
    with open_file(path, "put it back") as file:
        there = seal_of(file, path.suffix)
    if there not in (None, listed):
        raise InputError(f"{path} is of another run than {RESULT} beside it; {_OF_ANOTHER}")


def _beside(result: Path) -> Mapping[str, str]:
    """Return what result.json says of the files beside it; content that was read before is not taken apart again.

    Of very many classes this takes seconds, and each file of a run is checked.
    """
    content = read_bytes(result, _OF_ANOTHER, largest=LARGEST_TEXT)
    seal = seal_of(BytesIO(content), result.suffix) or ""
    listed = _BESIDE.get(seal)
    if listed is None:
        listed = parse_sealed_json(content, result, _OF_ANOTHER).get(BESIDE, {})
        _BESIDE.clear()
        if seal:
            _BESIDE[seal] = listed
    return listed


def check_beside(path: Path, values: MutableMapping[str, Any], mend: str) -> None:
    """Take what a JSON file says of the files beside it from its values, and check that they were written with it.

    A file that is not there, or holds no digest, is left to its reader. Raises `InputError` for one of another
    result.
    """
    listed = values.pop(BESIDE, {})
    if not isinstance(listed, dict):
        raise unreadable(path, f"{BESIDE} takes names and digests, got {_kind(listed)}", mend)
    for name, seal in listed.items():
        beside = path.parent / Path(name).name
        if not is_file(beside):
            continue
        with open_file(beside, mend) as file:
            there = seal_of(file, beside.suffix)
        if there is not None and there != seal:
            raise InputError(
                f"{beside} is of another result than {path.name}; put back what belongs to it, or {mend}"
            )


def read_toml(path: Path, mend: str, *, largest: int = _MIB) -> dict[str, Any]:
    """Return the content of a TOML file; raises where `read_text` and `parse_toml` do, and for a wrong digest."""
    content = unsealed_toml(read_bytes(path, mend, largest=largest), path)
    return parse_toml(decoded(content, path, mend), path, mend)


def parse_toml(text: str, source: object, mend: str) -> dict[str, Any]:
    """Return the tables and values of TOML.

    >>> parse_toml("tile = 16", "a.toml", "mend it")
    {'tile': 16}

    Raises `InputError`, naming `source` and how to `mend` it, for what is not TOML, for whole numbers of more
    than 30 digits, and for what is nested too deeply.
    """
    try:
        values = tomllib.loads(text)
    except RecursionError as error:
        raise unreadable(source, _TOO_DEEP, mend) from error
    except ValueError as error:
        raise unreadable(source, _what_is_wrong(error, "TOML"), mend) from error
    _check_depth(values, source, mend)
    for value in _values(values):
        if isinstance(value, int) and abs(value) >= 10**MOST_DIGITS:
            raise unreadable(source, _TOO_LONG, mend)
    return values


def read_table(path: Path, mend: str) -> "pa.Table":
    """Return the table of a Parquet file, read in full: a memory map would outlive a replacement of the file.

    Raises `InputError` where `opened_table` does.
    """
    with opened_table(path, mend) as held:
        table = held.read()
        # Offsets, lengths and text are checked here, before anything follows them.
        table.validate(full=True)
        return table


@contextmanager
def opened_table(path: Path, mend: str) -> "Iterator[parquet.ParquetFile]":
    """Yield a Parquet file that is open to be read, whose digest was checked.

    Raises `InputError`, naming the file and how to `mend` it, if it cannot be read, is damaged, has two columns
    with one name, or would take far more memory than on disk; also for damage that is found while it is open.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with open_file(path, mend) as file:
        sealed = False
        try:
            sealed = check_table(file, path, mend)
            held = parquet.ParquetFile(file)
            _check_growth(held.metadata, os.fstat(file.fileno()).st_size, path, mend)
            names = held.schema_arrow.names
            if len(set(names)) < len(names):
                raise unreadable(path, f"it has the column {_twin(names)} twice", mend)
            yield held
        except InputError:
            raise
        except (pa.ArrowException, OSError, ValueError, OverflowError, MemoryError) as error:
            # A file whose digest is right claims no more than it has.
            if sealed and isinstance(error, MemoryError):
                raise
            raise unreadable(path, f"it is damaged or cut short ({first_line(error)[:200]})", mend) from error


def said_of(table: "pa.Table", key: str, path: Path, mend: str) -> dict[str, Any]:
    """Return what the metadata of a table's schema have under a key, as JSON; nothing if it is not there."""
    content = (table.schema.metadata or {}).get(key.encode())
    if content is None:
        return {}
    said = parse_json(decoded(content, path, mend), path, mend)
    if not isinstance(said, dict):
        raise unreadable(path, f"its '{key}' holds {_kind(said)}, and names and values were expected", mend)
    return said


def read_tensors(path: Path, mend: str) -> tuple[dict[str, "Tensor"], dict[str, str]]:
    """Return the tensors of a safetensors file by name, on the CPU, and its metadata.

    Raises `InputError`, naming the file and how to `mend` it, if it cannot be read or is damaged, and, before it
    is read, if its header and its size do not agree.
    """
    from safetensors import SafetensorError

    with open_file(path, mend) as file:
        said = _checked_header(file, path, mend)
        try:
            check_tensors(file, path, mend)
            return loaded_tensors(file.read()), said
        except InputError:
            raise
        except (
            SafetensorError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            RuntimeError,
            OverflowError,
        ) as error:
            raise unreadable(path, f"it is damaged or cut short ({first_line(error)[:200]})", mend) from error


def loaded_tensors(content: bytes) -> "dict[str, Tensor]":
    """Return the tensors of a safetensors file from its content, by name; raises `MemoryError` without room for them.

    >>> from safetensors.torch import save
    >>> import torch
    >>> loaded_tensors(save({"map": torch.zeros(2)}))
    {'map': tensor([0., 0.])}
    """
    import numpy as np
    from safetensors.torch import load

    # The library copies each tensor. Without room for that, it would panic and print so. This touches none of it.
    np.empty(len(content), dtype=np.uint8)
    return load(content)


def _checked_header(file: BinaryIO, path: Path, mend: str) -> dict[str, str]:
    """Return the metadata of a safetensors file whose header states as many bytes as follow it."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(_LARGEST_HEADER, size - 8):
        raise unreadable(path, "it is no safetensors file, or cut short", mend)
    header = parse_json(decoded(file.read(length), path, mend), path, mend)
    said = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(said, dict) or not all(isinstance(value, str) for value in said.values()):
        raise unreadable(path, "its header is not that of a safetensors file", mend)
    try:
        ends = [int(tensor["data_offsets"][1]) for tensor in header.values()]
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise unreadable(path, "its header is not that of a safetensors file", mend) from error
    if size != 8 + length + max(ends, default=0):
        raise unreadable(path, "it is cut short, or its header is of another file", mend)
    return said


def _check_growth(metadata: Any, size: int, path: Path, mend: str) -> None:
    """Refuse a table whose rows would take far more memory than its file is large."""
    needed = metadata.num_rows * max(1, metadata.num_columns) * 8
    if needed > max(SMALL_TABLE, TABLE_GROWTH * size):
        raise unreadable(
            path,
            f"it claims {metadata.num_rows:,} rows of {metadata.num_columns:,} columns in {_size(size)}",
            mend,
        )


_TOO_DEEP = f"its values are nested more than {DEEPEST} deep"
_TOO_LONG = f"it has a number of more than {MOST_DIGITS} digits"


def _check_depth(values: Any, source: object, mend: str) -> None:
    level = [values]
    for _ in range(DEEPEST):
        level = [each for one in level for each in _held(one) if isinstance(each, dict | list)]
        if not level:
            return
    raise unreadable(source, _TOO_DEEP, mend)


def _check_characters(values: Any, source: object, mend: str) -> None:
    """Refuse text that UTF-8 cannot hold: JSON can contain half a character, and no table or page accepts it."""
    try:
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = ascii(error.object[error.start])
        raise unreadable(source, f"it holds half a character ({half})", mend) from error


def _held(values: Any) -> Any:
    return values.values() if isinstance(values, dict) else values if isinstance(values, list) else ()


def _values(values: Any) -> Any:
    for each in _held(values):
        yield each
        yield from _values(each)


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _WrongError(f"it has {_twin(names)} twice")
    return found


def _twin(names: Sequence[str]) -> str:
    """Return the first name that occurs twice, in the form in which it is shown."""
    seen: set[str] = set()
    return repr(next(name for name in names if name in seen or seen.add(name))[:60])  # type: ignore[func-returns-value]


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise _WrongError(_TOO_LONG)
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _WrongError(f"it has the number {text[:20]}, which is not finite")
    return value


def _no_constant(text: str) -> None:
    raise _WrongError(f"it has the number {text}, which JSON does not have")


class _WrongError(ValueError):
    """What is wrong with a value, in words that continue "cannot be read"."""


def _what_is_wrong(error: ValueError, form: str) -> str:
    if isinstance(error, _WrongError):
        return str(error)
    # Python says this about whole numbers that it does not convert to text and back.
    if "integer string conversion" in str(error):
        return _TOO_LONG
    return f"it is not valid {form} ({first_line(error)[:200]})"


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 10 * _MIB else f"{size / _MIB:,.0f} MiB"


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__


@contextmanager
def belonging_together(source: object, mend: str) -> Iterator[None]:
    """Turn errors from using parts of files together into an `InputError`.

    >>> with belonging_together("a.json", "make it again"):
    ...     ("cat", "dog")[7]
    Traceback (most recent call last):
    nearsight.errors.InputError: a.json holds parts that do not belong together (IndexError: tuple index out of \
range); make it again

    Types alone do not say that a number is that of a class, or that a list is as long as another.
    """
    try:
        yield
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {first_line(error)[:200]}"
        raise InputError(f"{source} holds parts that do not belong together ({said}); {mend}") from error


Check = Callable[[Any], bool]


def checked_columns(table: "pa.Table", kinds: Mapping[str, Check], path: Path, mend: str) -> None:
    """Raise `InputError` unless a table has columns of these names, each of a type that a function of them takes."""
    for name, is_so in kinds.items():
        if name not in table.column_names:
            raise unreadable(path, f"it has no column {name!r}", mend)
        kind = table.schema.field(name).type
        if not is_so(kind):
            raise unreadable(path, f"its column {name!r} holds {kind}", mend)
