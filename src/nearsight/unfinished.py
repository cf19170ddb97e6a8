"""Files and directories that are being written: known by their names, locked, removed if a writer was killed."""

import math
import os
import re
import secrets
import shutil
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

try:
    import fcntl

    _LOCKS = True
except ImportError:  # Windows has none
    _LOCKS = False

# .STEM.nearsight-HOSTNUMBER.SUFFIX; older versions wrote no more than the number.
_NAME = re.compile(r"\..+\.(?:nearsight-(?P<host>[0-9a-f]{4}))?[0-9a-f]{8}(?:\.[^.]*)?", re.DOTALL)
# Some file systems show a lock only on its own host. What another host wrote must also be left alone for so long.
_DAY_SECONDS = 86_400.0
_being_written: set[Path] = set()
_OF_DIRECTORY = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
# When this process last looked into each directory. It looks again after some time, not at every file of many.
_looked: dict[Path, float] = {}
_AGAIN_SECONDS = 60.0


@contextmanager
def file_beside(path: Path) -> Iterator[Path]:
    """Yield an empty file in the same directory and with the same suffix, which is removed if anything fails.

    >>> import tempfile
    >>> with file_beside(Path(tempfile.mkdtemp()) / "study.toml") as temporary:
    ...     is_unfinished(temporary.name), is_left_over(temporary)
    (True, False)

    While entered, it is locked. The kernel releases the lock when this process ends, however it ends.
    """
    descriptor = None
    while descriptor is None:
        temporary = path.with_name(f".{path.stem}.nearsight-{_host()}{secrets.token_hex(4)}{path.suffix}")
        _being_written.add(temporary)
        try:
            descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
            # Another process may take it for one that was left, until it is locked.
            if not _lock(descriptor, temporary):
                os.close(descriptor)
                descriptor = None
                continue
            yield temporary
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        finally:
            _being_written.discard(temporary)
            if descriptor is not None:
                os.close(descriptor)


@contextmanager
def directory_beside(path: Path) -> Iterator[Path]:
    """Yield an empty directory in the same directory as a path, which is removed at the end.

    >>> import tempfile
    >>> with directory_beside(Path(tempfile.mkdtemp()) / "page") as temporary:
    ...     temporary.is_dir(), is_unfinished(temporary.name), is_left_over(temporary)
    (True, True, False)

    It is for what is written elsewhere first, or is not kept. While entered, it is locked as a file is.
    """
    descriptor = None
    while descriptor is None:
        temporary = path.with_name(f".{path.name}.nearsight-{_host()}{secrets.token_hex(4)}")
        _being_written.add(temporary)
        try:
            temporary.mkdir(parents=True)
            descriptor = os.open(temporary, _OF_DIRECTORY)
            if not _lock(descriptor, temporary):
                os.close(descriptor)
                descriptor = None
                continue
            yield temporary
        finally:
            _remove(temporary)
            _being_written.discard(temporary)
            if descriptor is not None:
                os.close(descriptor)


def is_unfinished(name: str) -> bool:
    """Whether a name is that of a file that is being written, or was when its writer was killed.

    >>> is_unfinished(".study.nearsight-00ff0123abcd.toml"), is_unfinished(".study.0123abcd.toml")
    (True, True)
    >>> is_unfinished("study.toml")
    False
    """
    return _NAME.fullmatch(name) is not None


def is_left_over(path: Path) -> bool:
    """Whether a killed process was writing a file: it has such a name, and no living process has it locked.

    If that cannot be known, as on a file system without locks, it is not. Nor are files of older versions, whose
    names others may have given too.
    """
    descriptor = _taken(path)
    if descriptor is None:
        return False
    os.close(descriptor)
    return True


def remove_left_over(directory: Path) -> None:
    """Remove what killed processes left unfinished in a directory; a minute after the last look at the earliest."""
    directory, now = directory.absolute(), time.monotonic()
    if now - _looked.get(directory, -math.inf) < _AGAIN_SECONDS:
        return
    _looked[directory] = now
    with suppress(OSError), os.scandir(directory) as entries:
        for entry in entries:
            path = Path(entry.path)
            descriptor = _taken(path)
            if descriptor is not None:
                # While it is locked here, no process can begin to write it.
                _remove(path)
                os.close(descriptor)


def discard_unfinished() -> None:
    """Remove the files that are being written, for a process that ends at once, without unwinding."""
    for temporary in list(_being_written):
        _remove(temporary)


def _remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _lock(descriptor: int, path: Path) -> bool:
    """Lock what was just created; whether it is still there."""
    if not _LOCKS:
        return True
    # A file system may have no locks.
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    return is_at(descriptor, path)


def _taken(path: Path) -> int | None:
    """Lock what a killed process left, a file or a directory, and return its descriptor; None for anything else."""
    named = _NAME.fullmatch(path.name)
    if named is None or named["host"] is None or not _LOCKS:
        return None
    try:
        kind = os.lstat(path).st_mode
        how = (
            _OF_DIRECTORY if stat.S_ISDIR(kind) else os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        )
        descriptor = os.open(path, how)
    except OSError:
        return None
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        found = os.fstat(descriptor)
        ours = named["host"] == _host() or time.time() - found.st_mtime > _DAY_SECONDS
        if ours and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) and is_at(descriptor, path):
            return descriptor
    os.close(descriptor)
    return None


def _host() -> str:
    return f"{crc32(socket.gethostname().encode()) & 0xFFFF:04x}"


def is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file is the one at a path, and not one that was there before.

    >>> with open(__file__) as file:
    ...     is_at(file.fileno(), Path(__file__)), is_at(file.fileno(), Path("elsewhere"))
    (True, False)
    """
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
