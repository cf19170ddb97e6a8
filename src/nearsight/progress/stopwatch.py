"""How long a little work takes here, to say how long much of it will: other work on the machine hardly moves it."""

import os
import time
from pathlib import Path

# What the kernel counts of a thread: nanoseconds on a processor, nanoseconds of waiting for one, turns. Linux only.
_COUNTED = Path("/proc/thread-self/schedstat")


class Stopwatch:
    """The seconds since it was made: those of this thread's work, as long as they usually take at the present load.

    >>> watch = Stopwatch()
    >>> 0 <= watch.seconds() < 60
    True

    A second of work that must wait for a processor may take thirty seconds or one, by chance. So what the thread
    waited is replaced by what it waits on average, if every core has as many processes to run as in the last
    minute. It never says more than the time that has passed. Where the kernel does not count waiting, as outside
    Linux, it says that time.
    """

    def __init__(self) -> None:
        self._waited = _waited()
        self._begun = time.perf_counter()

    def seconds(self) -> float:
        """Return the seconds since the stopwatch was made."""
        passed = time.perf_counter() - self._begun
        return at_usual_load(passed, _waited() - self._waited, _processes_per_core())


def at_usual_load(passed: float, waited: float, processes: float) -> float:
    """Return how many seconds work usually takes that took `passed` seconds, of which it waited for a processor.

    >>> at_usual_load(passed=1.0, waited=0.0, processes=0.5)
    1.0
    >>> at_usual_load(passed=28.0, waited=27.0, processes=7.5)
    7.5
    >>> at_usual_load(passed=3.0, waited=2.0, processes=7.5)
    3.0

    `processes` is how many there are to run for each core.
    """
    return min(passed, max(0.0, passed - waited) * max(1.0, processes))


def _waited() -> float:
    """Return how many seconds this thread has waited for a processor, 0 where that is not counted."""
    try:
        return int(_COUNTED.read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def _processes_per_core() -> float:
    try:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return os.getloadavg()[0] / cores
    except OSError:
        return 1.0
