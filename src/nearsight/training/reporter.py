"""What a run tells whoever watches it."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Tick:
    """The state of a run at one step; loss and accuracy are means since the last row of its metrics."""

    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    images_per_second: float
    seconds_left: float


class Reporter(Protocol):
    """Anyone who watches a run: the command line's progress bar, a notebook, a test."""

    def say(self, text: str) -> None:
        """Take one line of text, such as the precision and its reason."""

    def tick(self, tick: Tick) -> None:
        """Take the state of the run, a few times a second at most."""


class Silent:
    """A reporter that drops everything."""

    def say(self, text: str) -> None:
        """Drop a line."""

    def tick(self, tick: Tick) -> None:
        """Drop a state."""
