"""How a command ends when it is asked to: Ctrl-C, SIGTERM and SIGHUP, and what comes after the first of them."""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType

from nearsight.stopping import ASKING, Asked, Stopped
from nearsight.unfinished import discard_unfinished

# A second signal within this time belongs to the same request: a key held down, or a terminal's and its shell's.
SAME_WISH_SECONDS = 1.0
# By convention, a process that a signal ended has this plus the signal's number as its exit code.
ENDED_BY = 128


class Signals(Asked):
    """While entered, the first signal that asks to end raises `Stopped`, and a later one ends the process at once.

    After the first, the work is ended in order: temporary files are removed and other processes ended. A signal
    within a second of the first changes nothing. A later one removes what is unfinished and ends without waiting.
    """

    def __init__(self) -> None:
        super().__init__()
        self._owner = os.getpid()
        self._first: float | None = None

    def ask_again(self, number: int) -> None:
        """Ask once more, in a moment, if the first `Stopped` was raised in vain."""
        self._first = None
        main = threading.main_thread().ident
        later = threading.Timer(0.05, signal.pthread_kill, [main, number])
        later.daemon = True
        later.start()

    def ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (Python's handlers are given it)
        """Raise, wait or end the process, depending on the time of the signal."""
        if os.getpid() != self._owner:
            # A process that has just started and has no handlers of its own yet; the first signal ends it.
            if number == signal.SIGTERM:
                os._exit(ENDED_BY + number)
            return
        now = time.monotonic()
        if self._first is None:
            self._first = now
            raise Stopped(_said(number), number)
        if now - self._first >= SAME_WISH_SECONDS:
            end_at_once(number)


def end_undisturbed() -> None:
    """Let a process that has reported everything ignore signals, and end those that it started and that still run."""
    for number in ASKING:
        signal.signal(number, signal.SIG_IGN)
    # PyTorch raises if a process that decodes images ends.
    if hasattr(signal, "SIGCHLD"):
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    multiprocessing = sys.modules.get("multiprocessing")
    for child in multiprocessing.active_children() if multiprocessing is not None else []:
        child.kill()


def end_at_once(number: int) -> None:
    """Remove what is unfinished, end the started processes, say so, and end this one without waiting."""
    end_undisturbed()
    discard_unfinished()
    with suppress(OSError):
        os.write(2, f"nearsight: {_said(number)}\n".encode())
    os._exit(ENDED_BY + number)


def end_without_teardown(code: int) -> None:
    """End this process here if its work was cut short; Python's own end would abort it now and then.

    Threads of a library, such as those that connect several processes, may be at work still, and Python takes down
    what they use.
    """
    if not code:
        return
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _said(number: int) -> str:
    return "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
