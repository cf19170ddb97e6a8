"""Progress on stderr: a bar on a terminal and in a notebook, a line now and then elsewhere."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from nearsight.progress.markup import unmarked
from nearsight.progress.shortening import warning_of_length
from nearsight.progress.watching import duration

# Seconds between two lines if nothing can be redrawn: at first, and at most, as long work gets fewer of them.
PLAIN_SECONDS, MOST_PLAIN_SECONDS = 10.0, 60.0
# From there on the share of its time so far between two lines.
PLAIN_SHARE = 1 / 20
# Before this many seconds, a rate says little.
RATE_SECONDS = 2.0
# And this long before it leads to a warning.
SURE_SECONDS = 10.0


@dataclass
class _Work:
    what: str
    total: int
    first: int
    begun: float
    done: int = 0
    warned: bool = False
    # When a line about it was last printed.
    printed: float | None = None

    def left(self, done: int, now: float, least: float = RATE_SECONDS) -> float | None:
        """Return the seconds that remain at the rate so far, None before `least` seconds of work."""
        spent, more = now - self.begun, done - self.first
        if done >= self.total or more <= 0 or spent < least:
            return None
        return spent / more * (self.total - done)

    def due(self, done: int, now: float) -> bool:
        """Whether a log gets a line: when the remaining time is first known, now and then, and at the end."""
        if self.printed is None:
            return done >= self.total or now - self.begun >= PLAIN_SECONDS or self.left(done, now) is not None
        pause = min(MOST_PLAIN_SECONDS, max(PLAIN_SECONDS, PLAIN_SHARE * (now - self.begun)))
        return done >= self.total or now - self.printed >= pause


class Display:
    """Lines, reworded by `words`, and a bar for what is counted, while it is entered as a context."""

    def __init__(self, words: Callable[[str], str] = str) -> None:
        self._words = words
        self._console = _console()
        self._live = self._console.is_terminal or self._console.is_jupyter
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[text]}"),
            console=self._console,
            transient=True,
        )
        self._task = self._bar.add_task("", total=1.0, text="", visible=False)
        self._work: _Work | None = None

    def __enter__(self) -> Self:
        # If nothing can be redrawn, Rich would end its bar with an empty line.
        if self._live:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._bar.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(unmarked(self._words(text)))

    def warn(self, text: str) -> None:
        """Print one line as a warning."""
        self._console.print(f"[yellow]warning:[/] {unmarked(self._words(text))}")

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Show how much is done, further details, and the time that remains at the rate so far."""
        now = time.monotonic()
        work = self._work
        if work is None or (work.what, work.total) != (what, total) or done < work.done:
            work = self._work = _Work(what, total, done, now)
        work.done = done
        self._warn_of_length(work, done, now)
        if not self._live and not work.due(done, now):
            return
        left = work.left(done, now)
        told = "" if left is None else f"{duration(left)} left"
        text = "  ".join(part for part in (f"{done:,}/{total:,}", detail, told) if part)
        if self._live:
            self._bar.update(
                self._task,
                description=unmarked(what),
                completed=done,
                total=total,
                text=unmarked(text),
                visible=done < total,
            )
        else:
            work.printed = now
            self._console.print(unmarked(f"{what}: {text}"))

    def _warn_of_length(self, work: _Work, done: int, now: float) -> None:
        left = None if work.warned else work.left(done, now, SURE_SECONDS)
        if left is not None:
            work.warned = True
            if found := warning_of_length(work.what, left):
                self.warn(found)


class _Unheard(Console):
    """Drops what nobody reads any more; Rich would end the process, and the work with it."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


def _console() -> Console:
    console = _Unheard(stderr=True, highlight=False, soft_wrap=True)
    if console.is_jupyter and find_spec("ipywidgets") is None:
        # Rich redraws in a notebook only through these, and warns if they are missing.
        return _Unheard(stderr=True, highlight=False, soft_wrap=True, force_jupyter=False)
    return console
