"""A verb's `progress` argument, turned into a channel while the verb works."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from nearsight.launch import this_launch
from nearsight.progress.channel import SILENT, Progress

_WORDS: ContextVar[Callable[[str], str]] = ContextVar("_WORDS", default=str)
# The channel within `watched`.
_HERE: ContextVar[Progress] = ContextVar("_HERE", default=SILENT)


@contextmanager
def worded(words: Callable[[str], str]) -> Iterator[None]:
    """While entered, displays reword every line and warning, for example with the words of the command line.

    >>> with worded(str.upper), watched(False) as progress:
    ...     progress.say("only displays do")
    """
    before = _WORDS.set(words)
    try:
        yield
    finally:
        _WORDS.reset(before)


@contextmanager
def watched(progress: Progress | bool) -> Iterator[Progress]:
    """Give the channel for a verb's `progress`, and end its display after the work.

    >>> with watched(False) as progress:
    ...     progress.say("nobody hears this")

    True is a display on stderr: a bar on a terminal and in a notebook, a line now and then elsewhere. False is
    silence. If several processes work together, only the first is shown.
    """
    if not isinstance(progress, bool):
        with _here(progress):
            yield progress
    elif progress and is_first_process():
        from nearsight.progress.display import Display

        with Display(_WORDS.get()) as display, _here(display):
            yield display
    else:
        with _here(SILENT):
            yield SILENT


@contextmanager
def _here(progress: Progress) -> Iterator[None]:
    before = _HERE.set(progress)
    try:
        yield
    finally:
        _HERE.reset(before)


def progress_here() -> Progress:
    """Return the channel within `watched`, for what is called there without knowing of it; else one that is silent.

    >>> progress_here() is SILENT
    True
    """
    return _HERE.get()


def is_first_process() -> bool:
    """Tell whether this is the process that reports: the only one, or the first of many."""
    return this_launch().first


def duration(seconds: float) -> str:
    """Write a time for people.

    >>> duration(75), duration(7260)
    ('1:15', '2:01:00')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
