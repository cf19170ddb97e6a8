"""How long work of several steps will still take as a whole, beside the time that is left in one of them."""

import time
from collections.abc import Mapping

from nearsight.progress.channel import SAID_SECONDS, SILENT, Progress
from nearsight.progress.watching import duration

# Steps that took longer or shorter than foreseen tell how much longer or shorter the others will, within bounds.
LEAST_SCALE, MOST_SCALE = 0.5, 4.0


def as_a_whole(
    progress: Progress, name: str, steps: Mapping[str, float], *, told_of_steps: bool = True
) -> "Whole":
    """Return a channel that tells how long some work will still take as a whole; `steps` are foreseen seconds.

    >>> as_a_whole(SILENT, "repair", {"training": 60.0}).begins("training")

    Work of less than ten seconds is not told of. Nor is work within a whole, which is one of its steps. Without
    `told_of_steps`, counts alone say how long it will take, and not a line where each step begins.
    """
    told = progress is not SILENT and not isinstance(progress, Whole) and sum(steps.values()) > SAID_SECONDS
    return Whole(progress, name, steps if told else {}, told_of_steps)


class Whole:
    """A `Progress` that passes everything on, and adds to each count how long all steps together will still take."""

    def __init__(self, progress: Progress, name: str, steps: Mapping[str, float], told: bool) -> None:
        self._progress = progress
        self._name = name
        self._told = told
        self._steps = {step: seconds for step, seconds in steps.items() if seconds > 0}
        # Those that have not begun, in their order.
        self._ahead = [*self._steps]
        self._step: str | None = None
        self._begun = time.monotonic()
        # The foreseen and the real seconds of the steps that are done.
        self._foreseen, self._taken = 0.0, 0.0
        # What is counted, of how many, and how many so far; and from how many and when on.
        self._counted: tuple[str, int, int] | None = None
        self._first = (0, self._begun)

    def begins(self, step: str) -> None:
        """Tell that a step begins, and how long the whole will still take.

        A step of which no time was foreseen is not told; it ends the one before. A step that has the name of what
        is counted in it begins with the first count.
        """
        now = time.monotonic()
        if self._step is not None:
            self._foreseen += self._steps[self._step]
            self._taken += now - self._begun
        self._step, self._begun, self._counted = None, now, None
        if step not in self._ahead:
            return
        self._step, self._ahead = step, self._ahead[self._ahead.index(step) + 1 :]
        if self._told and len(self._steps) > 1:
            number = len(self._steps) - len(self._ahead)
            to_go = f"the {self._name} has about {duration(self.left())} to go"
            self._progress.say(f"step {number} of {len(self._steps)}, {step}: {to_go}")

    def left(self, in_step: float = 0.0) -> float:
        """Return about how many seconds are left of all steps, at least `in_step` of the present one."""
        scale = 1.0
        if self._foreseen > SAID_SECONDS:
            scale = min(MOST_SCALE, max(LEAST_SCALE, self._taken / self._foreseen))
        ahead = scale * sum(self._steps[step] for step in self._ahead)
        if self._step is None:
            return in_step + ahead
        here = scale * self._steps[self._step] - (time.monotonic() - self._begun)
        return max(here, in_step, 0.0) + ahead

    def say(self, text: str) -> None:
        """Pass on a line."""
        self._progress.say(text)

    def warn(self, text: str) -> None:
        """Pass on a warning."""
        self._progress.warn(text)

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Pass on how much is done, with how long the whole will still take."""
        if what in self._ahead:
            self.begins(what)
        now = time.monotonic()
        # The same is often counted again, as of each shortcut in turn.
        if self._counted is None or (what, total) != self._counted[:2] or done < self._counted[2]:
            self._first = (done, now)
        self._counted = (what, total, done)
        if self._steps and done < total:
            first, begun = self._first
            in_step = (now - begun) / (done - first) * (total - done) if done > first else 0.0
            left = self.left(in_step)
            # Of a last step that takes longer than was foreseen, nothing is known.
            if left >= 1:
                whole = f"({self._name}: about {duration(left)} left)"
                detail = f"{detail}  {whole}" if detail else whole
        self._progress.count(what, done, total, detail)
