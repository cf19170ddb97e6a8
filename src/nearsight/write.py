"""Files that are replaced whole or not at all."""

import errno
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nearsight.errors import InputError

_REFUSALS = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG,
    errno.EFBIG,
}  # fmt: skip


@contextmanager
def replace_atomically(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to; on success it takes the place of `path` in one step.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "figures" / "a.txt"
    >>> with replace_atomically(path) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)

    The temporary file lies in the same directory, with the same suffix, and is flushed to the disk before it
    replaces `path`; missing directories are made. When anything fails, Ctrl-C included, the temporary file is
    removed and what was at `path` stays. Raises `InputError` when the disk is full or the place refuses.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            _flush(temporary, os.O_RDWR)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _flush(path.parent, os.O_RDONLY)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk is full: {path} could not be written and what was there is kept; "
                "free some space and try again"
            ) from error
        if error.errno in _REFUSALS:
            raise InputError(
                f"cannot write {path}: {os.strerror(error.errno)}; choose another place or mend this one"
            ) from error
        raise


def check_writable(directory: Path) -> None:
    """Raise `InputError` where nothing can be written in a directory, which need not exist; makes nothing.

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


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file, whole or not at all; raises what `replace_atomically` raises.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.md"
    >>> write_text(path, "tile 16")
    >>> path.read_text()
    'tile 16'
    """
    with replace_atomically(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: Path, content: Any) -> None:
    """Write a JSON file, whole or not at all; raises what `replace_atomically` raises.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "result.json"
    >>> write_json(path, {"accuracy": 0.9, "loss": math.nan})
    >>> json.loads(path.read_text())
    {'accuracy': 0.9, 'loss': None}

    What JSON does not have becomes what `plain` makes of it.
    """
    write_text(path, json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(content: Any) -> Any:
    """Return content as JSON can hold it.

    >>> plain({"accuracy": (0.9, math.inf), "run": Path("runs/a")})
    {'accuracy': [0.9, None], 'run': 'runs/a'}

    NumPy arrays, NumPy scalars and tensors become lists and numbers, paths become text, and numbers that JSON
    does not have (NaN, infinities) become null.
    """
    if isinstance(content, Mapping):
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


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
