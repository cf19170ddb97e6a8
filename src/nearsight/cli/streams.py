"""The streams of a command: closed ones, readers that have gone, and names that a terminal cannot show."""

import os
import select
import sys
from typing import Any, TextIO, cast


class Patient:
    """A stream that drops what can no longer be written, so that the work continues; the rest is the stream's own.

    >>> import io
    >>> stream = Patient(io.StringIO())
    >>> stream.write("tile"), stream.getvalue()
    (4, 'tile')

    It wraps stderr: the reader of a log may go, or the terminal, and training is worth more than its log.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write text, or drop it."""
        try:
            return self._stream.write(text)
        except OSError:
            drop(self._stream)
            return len(text)

    def flush(self) -> None:
        """Pass on what is written, or drop it."""
        try:
            self._stream.flush()
        except OSError:
            drop(self._stream)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the stream."""
        return getattr(self._stream, name)


def settle_streams() -> None:
    """Connect closed streams to the null device, wrap stderr in `Patient`, and escape what a stream cannot encode.

    Otherwise the first file that a command opens would replace a closed stdout, and output would go into it.
    """
    for number, flags in ((0, os.O_RDONLY), (1, os.O_WRONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest free number, and those below are taken by now.
            os.open(os.devnull, flags)
            os.set_inheritable(number, True)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.stderr = cast(TextIO, Patient(sys.stderr))


def drop(stream: TextIO) -> None:
    """Discard what a stream still has buffered, because writing it would fail again when the program ends."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        pass


def reader_is_gone(stream: TextIO) -> bool:
    """Say whether a stream is a pipe that nobody reads any more."""
    try:
        watch = select.poll()
        watch.register(stream.fileno(), 0)
        return any(found & (select.POLLERR | select.POLLHUP) for _, found in watch.poll(0))
    except (AttributeError, OSError, ValueError):
        # If it cannot be asked, this is the likeliest reason.
        return True
