"""Files that are replaced whole or not at all."""

import errno
import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nearsight.digest import PLACEHOLDER, seal_of, seal_table, seal_tensors, sealed_json, sealed_toml
from nearsight.errors import InputError
from nearsight.unfinished import file_beside, remove_left_over

if TYPE_CHECKING:
    import pyarrow
    from torch import Tensor

_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
    errno.EFBIG,
}  # fmt: skip
# As Rust and C++ write it.
_NAMED = re.compile(r"\(os error (\d+)\)|\[?errno (\d+)\]?", re.IGNORECASE)


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it replaces `path` in one step.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "figures" / "a.txt"
    >>> with replace_atomically(path) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)

    The temporary file is in the same directory, with the same suffix, and is flushed to disk before it replaces
    `path`; missing directories are created. If anything fails, Ctrl-C included, the temporary file is removed and
    `path` stays as it was. What a killed process left unfinished in the directory is removed too. Raises
    `InputError` if the disk is full or the place refuses.
    """
    path = Path(path)
    if not path.name:
        raise InputError(f"cannot write {path}: it is a directory; choose another place")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_left_over(path.parent)
        with file_beside(path) as temporary:
            yield temporary
            flush(temporary)
            temporary.replace(path)
        flush(path.parent)
    except Exception as error:
        number = None if isinstance(error, InputError) else refusal_of(error)
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk is full: {path} could not be written and what was there is kept; "
                "free some space and try again"
            ) from error
        if number in _REFUSALS:
            raise InputError(
                f"cannot write {path}: {os.strerror(number)}; choose another place or mend this one"
            ) from error
        raise


def refusal_of(error: Exception) -> int | None:
    """Return the system's error number for a failed write; None if an error has none.

    >>> refusal_of(OSError(28, "No space left on device")), refusal_of(ValueError("no number"))
    (28, None)
    >>> refusal_of(RuntimeError("I/O error: No space left on device (os error 28)"))
    28

    Libraries in other languages raise errors of their own that only name it; PyTorch's writer of archives names
    none, and is assumed to have met a full disk.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    said = str(error)
    if "PytorchStreamWriter failed writing" in said:
        return errno.ENOSPC
    named = _NAMED.search(said)
    return int(named[1] or named[2]) if named else None


def check_writable(directory: Path) -> None:
    """Raise `InputError` if nothing can be written in a directory, which need not exist; creates nothing.

    >>> check_writable(Path("/dev/null/results"))
    Traceback (most recent call last):
    nearsight.errors.InputError: cannot write into /dev/null/results: /dev/null is a file; choose another place
    """
    there = next(place for place in (directory, *directory.absolute().parents) if os.path.lexists(place))
    if not there.is_dir():
        raise InputError(f"cannot write into {directory}: {there} is a file; choose another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(
            f"cannot write into {directory}: {there} is not open to you; choose another place or mend this one"
        )


def keep_inputs(path: Path, given: Iterable[str | Path], name: str = "out") -> None:
    """Raise `InputError` if writing a file would replace one that is read.

    >>> keep_inputs(Path("new.parquet"), ["images.parquet"])

    `given` are files, and directories of which every file is read. `name` is what the file is called where it was
    given.
    """
    if not path.is_file():
        return
    for place in map(Path, given):
        inside = place.is_dir() and path.resolve().is_relative_to(place.resolve())
        if inside or (place.is_file() and path.samefile(place)):
            raise InputError(f"{path} is read, and writing to it would replace it; give another `{name}`")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all; raises where `replace_atomically` does.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.md"
    >>> write_text(path, "tile 16")
    >>> path.read_text()
    'tile 16'
    """
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Mapping[str, Any], *, compact: bool = False) -> None:
    """Write a JSON object with its digest, whole or not at all; raises where `replace_atomically` does.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "result.json"
    >>> write_json(path, {"accuracy": 0.9, "loss": math.nan})
    >>> json.loads(path.read_text())
    {'digest': 'xxh128:b54846e0d234369cdcd65ae0b62c2d84', 'accuracy': 0.9, 'loss': None}

    What JSON does not have is converted by `plain`. `compact` is one line in ASCII, for programs to read.
    """
    text = json.dumps(plain(content), indent=None if compact else 2, ensure_ascii=compact, allow_nan=False)
    write_text(path, sealed_json(text + "\n"))


def seals_of(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the digests of files in a directory by their names, for the file that is written last to hold them.

    >>> import tempfile
    >>> directory = Path(tempfile.mkdtemp())
    >>> write_json(directory / "a.json", {"tile": 16})
    >>> list(seals_of(directory, ["a.json", "missing.json"]))
    ['a.json']
    """
    seals = {}
    for path in (directory / name for name in names):
        if path.is_file():
            with path.open("rb") as file:
                seals[path.name] = seal_of(file, path.suffix)
    return {name: seal for name, seal in seals.items() if seal is not None}


def write_toml(path: Path, text: str) -> None:
    """Write the text of a TOML file with its digest, whole or not at all; raises where `replace_atomically` does.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "recipe.toml"
    >>> write_toml(path, "tile = 16")
    >>> print(path.read_text())
    # digest xxh128:87398ab6d12a72096eed6371aa1a079e
    tile = 16
    """
    write_text(path, sealed_toml(text))


def write_tensors(
    path: Path, tensors: Mapping[str, "Tensor"], metadata: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write tensors as a safetensors file with its digest, whole or not at all.

    >>> import tempfile, torch
    >>> path = Path(tempfile.mkdtemp()) / "maps.safetensors"
    >>> write_tensors(path, {"map": torch.zeros(2, 3)})

    They may be on any device and in any layout; those that share memory must be copied first. Raises where
    `replace_atomically` does, and `MemoryError` without room for two copies of them.
    """
    import numpy as np
    from safetensors.torch import save

    held = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # The library copies all of them twice. Without room for that, it would end the process. This touches none of it.
    np.empty(2 * sum(tensor.nbytes for tensor in held.values()), dtype=np.uint8)
    with replace_atomically(path) as temporary:
        temporary.write_bytes(save(held, metadata={**metadata, **PLACEHOLDER}))
        seal_tensors(temporary)


def write_table(path: Path, table: "pyarrow.Table") -> None:
    """Write a table as a Parquet file with its digest, whole or not at all; raises where `replace_atomically` does.

    >>> import tempfile, pyarrow
    >>> path = Path(tempfile.mkdtemp()) / "errors.parquet"
    >>> write_table(path, pyarrow.table({"index": [3, 7]}))
    """
    from pyarrow import parquet

    with replace_atomically(path) as temporary:
        parquet.write_table(table, temporary)
        seal_table(temporary)


def plain(content: Any) -> Any:
    """Return content in a form that JSON can hold.

    >>> plain({"accuracy": (0.9, math.inf), "run": Path("runs/a")})
    {'accuracy': [0.9, None], 'run': 'runs/a'}

    NumPy arrays, NumPy scalars and tensors become lists and numbers, paths become text, and numbers that JSON
    does not have (NaN, infinities) become null.
    """
    # Most are of these types, and there may be millions.
    if content is None or type(content) in (str, int, bool):
        return content
    if isinstance(content, dict | Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, Path):
        return str(content)
    if hasattr(content, "tolist"):
        return plain(content.tolist())
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def flush(path: Path) -> None:
    """Flush the content of a file, or the names in a directory, from the system's memory to disk.

    >>> import tempfile
    >>> flush(Path(tempfile.mkdtemp()))
    """
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
