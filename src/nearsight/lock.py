"""One writer per directory: a lock of the operating system, which the kernel releases when its holder dies."""

import errno
import inspect
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from nearsight.errors import InputError
from nearsight.progress import SILENT, Progress, is_first_process
from nearsight.unfinished import is_at, is_unfinished

try:
    import fcntl

    _LOCKS = True
except ImportError:  # Windows has none
    _LOCKS = False

P = ParamSpec("P")
R = TypeVar("R")

# Whether this file exists means nothing; what counts is whether a living process has it locked.
LOCK = ".nearsight.lock"
_BUSY = (errno.EWOULDBLOCK, errno.EACCES)
# The kinds of files that are written into directories.
_FILES = frozenset({".json", ".toml", ".csv", ".parquet", ".safetensors", ".html", ".svg", ".png"})
# The name of a lock's holder takes fewer bytes than this.
_LONGEST = 1024
# A process that only asks who writes also holds a lock for an instant, so a writer tries again before it gives
# up.
_TRIES, _BETWEEN_SECONDS = 5, 0.02


@dataclass(frozen=True)
class _Held:
    descriptor: int
    thread: int


@dataclass
class _Process:
    """What this process holds, by the real path of each directory, and whether a missing lock was reported."""

    held: dict[str, _Held]
    guard: threading.Lock
    told: bool = False

    def forget(self) -> None:
        """In a process forked from this one, release what its parent continues to hold."""
        for each in self.held.values():
            with suppress(OSError):
                os.close(each.descriptor)
        self.held.clear()
        self.guard = threading.Lock()


_OURS = _Process({}, threading.Lock())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_OURS.forget)


@contextmanager
def writing(
    directory: str | Path | None, progress: Progress = SILENT, *, finished: bool = False
) -> Iterator[None]:
    """Be the one process that writes into a directory, while entered; None is no directory.

    >>> import tempfile
    >>> directory = Path(tempfile.mkdtemp())
    >>> with writing(directory):
    ...     print(whoever_writes(directory) == f"process {os.getpid()}", contents(directory))
    True []
    >>> list(directory.iterdir())
    []

    A missing directory is created, and removed again if nothing was put into it. The holder of a directory may
    enter again, in the same thread. If a training has several processes, the first holds it for all. If the file
    system has no locks, `progress` is told so once, and everything continues without. A `finished` directory is
    also entered if nothing can be written, as on a read-only disk. Raises `InputError` if another process holds
    it, if the directory cannot be created or written, and if a directory in it has the name of a file, which
    would only be noticed when the work is done.
    """
    if directory is None or not is_first_process():
        yield
        return
    directory, place = Path(directory), os.path.realpath(directory)
    with _OURS.guard:
        held = _OURS.held.get(place)
    if held is not None and held.thread == threading.get_ident():
        yield
        return
    if held is not None:
        raise _refusal(directory, f"process {os.getpid()}, which is this one")
    made = make_directory(directory)
    ours = None
    try:
        if finished and not os.access(directory, os.W_OK | os.X_OK):
            descriptor: int | None = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        else:
            descriptor = _lock(directory, progress)
        if descriptor is not None:
            ours = _Held(descriptor, threading.get_ident())
            with _OURS.guard:
                _OURS.held[place] = ours
        _check_files(directory)
        yield
    finally:
        # A process that was forked meanwhile holds nothing, and must remove nothing.
        if ours is not None and _OURS.held.get(place) is ours:
            with _OURS.guard:
                del _OURS.held[place]
            with suppress(OSError):
                Path(place, LOCK).unlink()
            os.close(ours.descriptor)
        with suppress(OSError):
            for each in made:
                each.rmdir()


@contextmanager
def writing_parts(directory: Path | None, progress: Progress = SILENT) -> Iterator[None]:
    """Be the one process that writes into a directory of parts, which is removed once they are, and then it is left.

    >>> import tempfile
    >>> parts = Path(tempfile.mkdtemp()) / "table.parquet.parts"
    >>> with writing_parts(parts):
    ...     (parts / "part-0").touch()
    >>> with writing_parts(parts):
    ...     remove_parts(parts)
    >>> parts.exists()
    False

    As long as it is locked, it must stay: whoever made it anew would write beside the holder.
    """
    with writing(directory, progress):
        yield
    if directory is not None and is_first_process():
        with suppress(OSError):
            directory.rmdir()


def remove_parts(directory: Path) -> None:
    """Remove the files in a directory, but not its lock."""
    for file in directory.iterdir():
        if file.name != LOCK:
            file.unlink()


def _check_files(directory: Path) -> None:
    # A directory that can be written but not read is accepted as it is.
    with suppress(PermissionError), os.scandir(directory) as entries:
        for entry in entries:
            if Path(entry.name).suffix in _FILES and entry.is_dir(follow_symlinks=False):
                raise InputError(
                    f"{entry.path} is a directory, where a file is to be written; remove it, or choose another `out`"
                )


def writes(parameter: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Make a function write alone into the directory that is given as `parameter`, while it runs.

    >>> @writes("out")
    ... def note(text, out):
    ...     return whoever_writes(out) is not None
    >>> import tempfile
    >>> note("tile 16", tempfile.mkdtemp())
    True

    Raises where `writing` does, before the function is called; a `progress` that it is given is told.
    """

    def of_one_process(function: Callable[P, R]) -> Callable[P, R]:
        takes = inspect.signature(function)

        @wraps(function)
        def alone(*values: P.args, **options: P.kwargs) -> R:
            given = takes.bind(*values, **options).arguments
            with writing(given[parameter], given.get("progress", SILENT)):
                return function(*values, **options)

        return alone

    return of_one_process


def whoever_writes(directory: str | Path) -> str | None:
    """Say which process writes into a directory, and since when if it is another one; None if none does.

    >>> whoever_writes(Path("no/such/directory")) is None
    True
    """
    if os.path.realpath(directory) in _OURS.held:
        return f"process {os.getpid()}"
    if not _LOCKS:
        return None
    try:
        descriptor = os.open(Path(directory) / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return _holder(descriptor) if error.errno in _BUSY else None
    finally:
        os.close(descriptor)
    return None


def contents(directory: Path) -> list[Path]:
    """Return the relevant content of a directory, in no order; nothing if there is no directory.

    >>> contents(Path("no/such/directory"))
    []

    The lock is not relevant, nor what a killed process left half written, nor directories that hold only these.
    """
    return [path for path in directory.iterdir() if _counts(path)] if directory.is_dir() else []


def _counts(path: Path) -> bool:
    if path.name == LOCK or is_unfinished(path.name):
        return False
    if path.is_symlink() or not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        return True
    return any(_counts(each) for each in path.iterdir())


def make_directory(directory: Path) -> list[Path]:
    """Create a directory, and those above it; return those that were missing, itself first.

    >>> make_directory(Path("/dev/null/results"))
    Traceback (most recent call last):
    nearsight.errors.InputError: cannot make the directory /dev/null/results: Not a directory; choose another `out`

    Raises `InputError` if there is a file, and if none can be created.
    """
    missing = [each.absolute() for each in (directory, *directory.parents) if not os.path.lexists(each)]
    try:
        if directory.is_file():
            raise InputError(f"{directory} is a file; choose another `out`")
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the directory {directory}: {error.strerror}; choose another `out`"
        ) from None
    return missing


def _lock(directory: Path, progress: Progress) -> int | None:
    """Return the open descriptor of the locked file; None if the file system has no locks."""
    tries = 0
    while _LOCKS:
        tries += 1
        descriptor = _open(directory)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder(descriptor) if error.errno in _BUSY else None
            os.close(descriptor)
            if holder is not None and tries < _TRIES:
                time.sleep(_BETWEEN_SECONDS)
                continue
            if holder is not None:
                raise _refusal(directory, holder) from None
            break
        if is_at(descriptor, directory / LOCK):
            _sign(descriptor)
            return descriptor
        # Its holder removed it between the two calls.
        os.close(descriptor)
    with suppress(OSError):
        (directory / LOCK).unlink()
    if not _OURS.told and progress is not SILENT:
        _OURS.told = True
        progress.warn(f"{directory} cannot be locked here: take care that no other process writes into it")
    return None


def _open(directory: Path) -> int:
    path, flags = directory / LOCK, os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except PermissionError:
            # In a directory of several users, one of them may have left a file that others can only read.
            if not os.access(directory, os.W_OK | os.X_OK):
                raise
            return os.open(path, os.O_RDONLY | flags)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise InputError(
            f"cannot write into {directory}: {os.strerror(error.errno or 0)}; choose another `out` or mend this one"
        ) from error


def _sign(descriptor: int) -> None:
    signed = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    # A full disk is no reason not to hold the lock.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(signed).encode(), 0)


def _holder(descriptor: int) -> str:
    """Say who holds a locked file, as far as it says so."""
    try:
        signed = json.loads(os.pread(descriptor, _LONGEST, 0))
        process, host, since = int(signed["process"]), str(signed["host"]), str(signed["since"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "another process"
    elsewhere = "" if host == socket.gethostname() else f" on {host}"
    return f"process {process}{elsewhere} since {since}"


def _refusal(directory: Path, holder: str) -> InputError:
    return InputError(f"{directory} is being written by {holder}; wait for it, or choose another `out`")
