"""Ctrl-C, SIGTERM and SIGHUP end a run between two steps, with a checkpoint, never inside one."""

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

from nearsight.stopping import Stopped

_ASKING = [
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
]


class Interrupted(Stopped):
    """A run was asked to stop and has written its checkpoint; resuming continues it."""


class Interruption:
    """While entered, remembers the first SIGINT, SIGTERM or SIGHUP in `asked`; a second SIGINT acts at once.

    `number` is that signal's. A SIGHUP that is ignored, as under nohup, stays so. Outside the main thread signals
    cannot be caught, and nothing is changed.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._previous: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether the run was asked to stop."""
        return self.number is not None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in _ASKING:
                if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN:
                    continue
                self._previous[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is None:
            self.number = number
