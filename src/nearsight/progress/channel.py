"""The channel that long work reports to, and the one that drops everything."""

from typing import Protocol


class Progress(Protocol):
    """An object to which long work reports: a terminal's bar, a notebook, a log, a test.

    >>> class Log:
    ...     def say(self, text: str) -> None:
    ...         print(text)
    ...
    ...     def warn(self, text: str) -> None:
    ...         print("warning:", text)
    ...
    ...     def count(self, what: str, done: int, total: int, detail: str = "") -> None:
    ...         if done == total:
    ...             print(what, done, "of", total)
    >>> import nearsight
    >>> few = nearsight.Sampling(training_tiles=100, test_images=10, points=50, pairs=20, example_images=0)
    >>> _ = nearsight.dimension("digits", tiles=[None], sampling=few, progress=Log())
    test: 365 of the 1797 images of train, held out by a hash of their path
    tile full: 192 dimensions, 1,432 training tiles
    searching training images 100 of 100
    """

    def say(self, text: str) -> None:
        """Receive one line of text, such as what begins now."""

    def warn(self, text: str) -> None:
        """Receive one line about a possible problem."""

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Receive how much of some work is done, with more detail; this may be called often."""


class Silent:
    """A channel that drops everything."""

    def say(self, text: str) -> None:
        """Drop a line."""

    def warn(self, text: str) -> None:
        """Drop a warning."""

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Drop a count."""


# The time that work takes is told before it begins, if it is longer than this.
SAID_SECONDS = 10.0
# What shortens it is told too, if it is longer than this.
QUARTER_HOUR = 15 * 60.0
SILENT: Progress = Silent()
