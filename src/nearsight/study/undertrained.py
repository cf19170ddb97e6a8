"""Has training levelled off? What an arm knows of its training images, and whether its loss still fell at the end."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics.means import Z95
from nearsight.statistics.writing import points

# Rows of metrics that a quarter of a run must have for its noise to be known.
LEAST_ROWS = 3
# An arm that is right on this share of its training images has little left to learn from them.
MOST_KNOWN = 0.9


@dataclass(frozen=True)
class Fall:
    """How far the training loss of the last quarter of the steps is below that of the quarter before.

    `value` is the mean over an arm's runs; `low` and `high` are its 95 % interval, by the noise of the curves.
    """

    value: float
    low: float
    high: float


def fall_of(curves: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> Fall | None:
    """Return how far the training loss fell at the end, None if a run has too few rows of metrics to tell.

    >>> steps = np.arange(1.0, 101)
    >>> fall_of([(steps, np.full(100, 0.5))])
    Fall(value=0.0, low=0.0, high=0.0)
    >>> round(fall_of([(steps, 2 - steps / 100)]).value, 3)
    0.25

    A curve has the steps of its rows, (n,), and the mean loss since the row before, (n,). The noise of a row is
    estimated from its neighbours: the mean square of their differences is twice its variance, whatever the trend
    (von Neumann 1941).
    """
    falls, variances = [], []
    for steps, losses in curves:
        last = steps[-1] if len(steps) else 0.0
        before = losses[(steps > last / 2) & (steps <= last * 3 / 4)]
        after = losses[steps > last * 3 / 4]
        if min(len(before), len(after)) < LEAST_ROWS:
            return None
        falls.append(float(before.mean() - after.mean()))
        variances.append(sum(float((np.diff(part) ** 2).mean()) / 2 / len(part) for part in (before, after)))
    if not falls:
        return None
    value, half = float(np.mean(falls)), Z95 * float(np.sqrt(sum(variances))) / len(falls)
    return Fall(value, value - half, value + half)


def is_undertrained(fall: Fall | None, known: float | None) -> bool:
    """Return whether an arm's training has not levelled off, so that more steps would probably help it.

    >>> falling = Fall(0.06, 0.04, 0.08)
    >>> is_undertrained(falling, 0.5), is_undertrained(falling, 0.99), is_undertrained(None, 0.5)
    (True, False, False)

    This is the case if its loss fell at the end beyond its noise, and `known`, its accuracy without augmentation
    on images that it was trained on, is below nine in ten. The fall alone does not tell: when the learning rate
    goes to zero, every loss falls, fastest if images are learned by heart. A network, or a tile, that is too
    small to know nine in ten is called undertrained while its loss falls, however long it was trained.
    """
    return fall is not None and known is not None and fall.low > 0 and known < MOST_KNOWN


def undertrained_note(arms: Sequence[str]) -> str:
    """Return the end of a sentence about two arms, from the names of those that are undertrained.

    >>> undertrained_note(["tile 16", "full"]), undertrained_note([])
    ('; both are undertrained, so more steps may change this', '')
    >>> undertrained_note(["full"])
    '; full is undertrained, so more steps may change this'
    """
    if not arms:
        return ""
    said = f"{arms[0]} is" if len(arms) == 1 else "both are"
    return f"; {said} undertrained, so more steps may change this"


def undertrained_words(arm: str, fall: Fall, known: float) -> str:
    """Say why an arm is called undertrained.

    >>> print(undertrained_words("tile 16", Fall(0.063, 0.045, 0.081), 0.581))
    tile 16 is undertrained: it is right on only 58.1 % of the images that it was trained on, and its loss still \
fell in the last quarter of its steps, by 0.063 (0.045 to 0.081); more steps may change what is said of it
    """
    return (
        f"{arm} is undertrained: it is right on only {points(known)} % of the images that it was trained on, and its "
        f"loss still fell in the last quarter of its steps, by {fall.value:.3f} ({fall.low:.3f} to {fall.high:.3f}); "
        "more steps may change what is said of it"
    )
