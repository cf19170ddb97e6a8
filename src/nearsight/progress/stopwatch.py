"""How long a little work takes here, to say how long much of it will: other work on the machine hardly moves it."""

import time
from pathlib import Path

# What the kernel counts of a thread: nanoseconds on a processor, nanoseconds of waiting for one, turns. Linux only.
_COUNTED = Path("/proc/thread-self/schedstat")
# A thread that has worked for fewer seconds does not know how long it usually waits.
_LEAST = 1.0


class Stopwatch:
    """The seconds since it was made, with the waiting for a processor as long as it usually is.

    >>> watch = Stopwatch()
    >>> 0 <= watch.seconds() < 60
    True

    Where others keep the processors busy, the same work of a second takes a second or thirty, by chance. So the time
    for which the thread waited is replaced by what it has waited for each second of work since it began. It never
    says more than the time that has passed. Where the kernel does not count waiting, as outside Linux, it says that
    time.
    """

    def __init__(self) -> None:
        self._waited = _worked_and_waited()[1]
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the stopwatch was made."""
        passed, (worked, waited) = time.perf_counter() - self._begun, _worked_and_waited()
        return passed if worked < _LEAST else at_usual(passed, waited - self._waited, waited / worked)


def at_usual(passed: float, waited: float, usual: float) -> float:
    """Return how many seconds work usually takes that took `passed` seconds, of which it waited for a processor.

    >>> at_usual(passed=1.0, waited=0.0, usual=0.5), at_usual(passed=28.0, waited=27.0, usual=6.5)
    (1.0, 7.5)

    `usual` is how many seconds are waited for one of work.
    """
    return min(passed, max(0.0, passed - waited) * (1 + usual))


def _worked_and_waited() -> tuple[float, float]:
    """Return how many seconds this thread has worked and has waited for a processor, 0 where that is not counted."""
    try:
        worked, waited = _COUNTED.read_text().split()[:2]
        return int(worked) / 1e9, int(waited) / 1e9
    except (OSError, ValueError):
        return 0.0, 0.0
