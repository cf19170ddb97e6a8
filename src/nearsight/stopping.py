"""What ends work when the process is asked to stop."""

import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

# Signals that ask a process to end; Windows has no SIGHUP.
ASKING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_CONTINUES = "interrupted; what is finished is kept: the same command continues"


class Stopped(KeyboardInterrupt):
    """The process was asked to stop by a signal; `number` is the signal's.

    >>> Stopped("interrupted", signal.SIGTERM).number
    <Signals.SIGTERM: 15>

    It is a `KeyboardInterrupt`, so that code that cleans up after Ctrl-C does so after every such signal.
    """

    def __init__(self, text: str = "", number: int = signal.SIGINT) -> None:
        super().__init__(text)
        self.number = number

    def __str__(self) -> str:
        """Return the message, which may have been reworded since."""
        return str(self.args[0]) if self.args else ""


class Asked(ABC):
    """While entered, SIGINT, SIGTERM and SIGHUP are handled by `ask`; then the earlier handlers come back.

    A SIGHUP or SIGTERM that is ignored, as under nohup, stays ignored. Outside the main thread signals cannot be
    caught, and nothing is changed.
    """

    def __init__(self) -> None:
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in ASKING:
                if number != signal.SIGINT and signal.getsignal(number) == signal.SIG_IGN:
                    continue
                self._previous[number] = signal.signal(number, self.ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @abstractmethod
    def ask(self, number: int, frame: FrameType | None) -> None:
        """Handle a signal, as one of Python's handlers does."""


@contextmanager
def continuing(directory: Path | None, files: str = "*") -> Iterator[None]:
    """While entered, an interruption says that the same command continues, if such files are kept in the directory.

    >>> import tempfile
    >>> kept, empty = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    >>> _ = (kept / "block-000000.safetensors").write_bytes(b"")
    >>> for directory in (kept, empty, empty / "none", None):
    ...     try:
    ...         with continuing(directory):
    ...             raise KeyboardInterrupt
    ...     except KeyboardInterrupt as error:
    ...         print([*error.args])
    ['interrupted; what is finished is kept: the same command continues']
    []
    []
    []
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if directory is not None and any(directory.glob(files)):
            error.args = (_CONTINUES,)
        raise
