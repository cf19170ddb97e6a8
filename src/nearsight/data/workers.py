"""Processes that decode images: how many there can be, how they end, and what is said when one of them is lost."""

import errno
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.reduction import ForkingPickler
from types import FrameType

import torch

from nearsight.data.decode_memory import SharedDecodeMemory, shared_decode_memory
from nearsight.errors import InputError
from nearsight.shortage import is_shortage

# How PyTorch's loader begins its error when a process has ended, and how an error of one of them begins.
_ENDED = "DataLoader worker"
_CAUGHT = "Caught "
# Texts of PyTorch and multiprocessing when tensors cannot be handed over.
_UNSHARED = ("shared memory", "ancdata", "/torch_", "too many open files", "can't start new thread")
ENDED_AFTER_SECONDS = 60.0
_NO_MORE = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ENOSPC}

# Length of a socket's address in the file system, in bytes with the final zero: sockaddr_un of Linux and macOS.
_LONGEST_ADDRESS = 104
# What multiprocessing adds to the temporary directory, as in /pymp-0k3z9w_1/listener-7d_4hx0a.
_BEHIND = len("/pymp-xxxxxxxx/listener-xxxxxxxx") + 1


def usable_workers(asked: int, images: object = None) -> int:
    """Return how many processes can decode images: as many as requested, or none, with a warning.

    >>> usable_workers(0)
    0

    They hand tensors over by sockets in the temporary directory, whose path must not be too long: PyTorch would
    wait for ever. Processes that start anew (`spawn`, `forkserver`) are sent the `images` that they decode.
    Images made by nested functions, such as edited ones, cannot be sent.
    """
    if asked == 0:
        return 0
    if multiprocessing.get_start_method() != "fork" and not _can_be_sent(images):
        warnings.warn(
            "images that a function makes cannot be sent to processes that start anew, so they are made without "
            "more of them",
            stacklevel=2,
        )
        return 0
    try:
        place = tempfile.gettempdir()
    except FileNotFoundError:
        warnings.warn(
            "no temporary directory can be written, so images are decoded in this process alone; set TMPDIR to one",
            stacklevel=2,
        )
        return 0
    if len(os.fsencode(place)) + _BEHIND > _LONGEST_ADDRESS:
        warnings.warn(
            f"the path of the temporary directory {place} is too long for the sockets of processes that decode "
            "images, so they are decoded in this process alone; set TMPDIR to a shorter one",
            stacklevel=2,
        )
        return 0
    return asked


def _can_be_sent(images: object) -> bool:
    try:
        ForkingPickler.dumps(images)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def begin_worker(processes: int) -> Callable[[int], None]:
    """Return what each of this many processes that decode images does first.

    They share the bound on the memory for decoding. Each computes in one thread: those that PyTorch began before a
    process was forked are not in it, and it would wait for them for ever. They ignore Ctrl-C, and SIGTERM once:
    signals of a terminal, or to a whole group, reach every process of it. The first one finishes its work and ends
    the others, which is another SIGTERM if one does not end by itself. One that nobody ends has a minute.
    """
    return _Beginning(shared_decode_memory(processes))


@dataclass(frozen=True)
class _Beginning:
    memory: SharedDecodeMemory

    def __call__(self, worker: int) -> None:
        torch.set_num_threads(1)
        for name in ("SIGINT", "SIGHUP", "SIGTERM"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _wait_to_be_ended)
        self.memory(worker)


def _wait_to_be_ended(number: int, _frame: FrameType | None) -> None:
    # What this process says from now on is that the first one has gone.
    sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 (it is open to the end)
    if number == signal.SIGTERM:
        signal.signal(number, signal.SIG_DFL)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, ENDED_AFTER_SECONDS)


@contextmanager
def told_of_workers() -> Iterator[None]:
    """Turn the loss of a process that decodes images into an `InputError` that says what can be done.

    >>> with told_of_workers():
    ...     raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed.")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    nearsight.errors.InputError: a process that decodes images has ended (DataLoader worker (pid 7) is killed ...

    The same happens if one cannot be started, runs out of memory, or cannot hand over what it has decoded.
    """
    try:
        yield
    except InputError:
        raise
    except (RuntimeError, OSError, MemoryError, EOFError) as error:
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if said.startswith(_ENDED):
            raise InputError(
                f"a process that decodes images has ended ({said}); give fewer, or `workers=0`, as where memory is "
                "short; and put what a script does under `if __name__ == '__main__':`, as each process runs it again"
            ) from error
        if _is_theirs(error):
            said = str(error).strip().splitlines()[-1] if said.startswith(_CAUGHT) else said
            raise InputError(
                f"the processes that decode images have too little memory or too few open files ({said}); give "
                "fewer, or `workers=0`"
            ) from error
        raise


def _is_theirs(error: Exception) -> bool:
    said = str(error)
    if said.startswith(_CAUGHT):
        return is_shortage(error) or any(words in said.lower() for words in _UNSHARED)
    if isinstance(error, OSError):
        return error.errno in _NO_MORE and error.filename is None
    return isinstance(error, RuntimeError) and any(words in said.lower() for words in _UNSHARED)
