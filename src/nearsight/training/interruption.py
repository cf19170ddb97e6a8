"""Ctrl-C, SIGTERM and SIGHUP end a run between two steps, with a checkpoint, never inside one."""

import signal
from types import FrameType

from nearsight.stopping import Asked, Stopped


class Interrupted(Stopped):
    """A run was asked to stop and has written its checkpoint; resuming continues it."""


class Interruption(Asked):
    """While entered, remembers the first SIGINT, SIGTERM or SIGHUP in `asked`; a second SIGINT acts at once.

    `number` is that signal's.
    """

    def __init__(self) -> None:
        super().__init__()
        self.number: int | None = None

    @property
    def asked(self) -> bool:
        """Whether the run has been asked to stop."""
        return self.number is not None

    def ask(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 (Python's handlers are given it)
        """Remember the first signal; raise at a second Ctrl-C."""
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is None:
            self.number = number
