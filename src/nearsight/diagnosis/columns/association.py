"""How strongly groups of images go with classes, and whether accuracy differs between them, tested by permutation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Draws of a test. Those that reach the measured value are counted, and the test ends when this many did.
DRAWS = 999
ENOUGH = 20
# Tests use at most this many images, drawn at random.
MOST_IMAGES = 10_000
# If a table has more groups times classes than this per image, only the cells that have images are held.
MOST_CELLS = 10


@dataclass(frozen=True)
class Chances:
    """The probability that chance alone relates a column so strongly to the class, and to accuracy."""

    of_class: float
    of_accuracy: float


def cramers_v(groups: NDArray[np.int64], labels: NDArray[np.int64]) -> float:
    """Return how strongly the groups of images go with their classes: 0 not at all, 1 if each determines the other.

    >>> same = np.repeat([0, 1, 2], 20)
    >>> round(cramers_v(same, same), 6), cramers_v(np.tile([0, 1], 30), same)
    (1.0, 0.0)

    Cramér's V with Bergsma's correction of its bias (J. Korean Stat. Soc. 42, 2013): without a relation it is 0
    on average, except for the cut at 0, whatever the number of groups and classes. `groups` and `labels` are
    int64 (n,).
    """
    rows, columns = (np.unique(numbers, return_inverse=True)[1] for numbers in (groups, labels))
    r, c, n = int(rows.max(initial=0)) + 1, int(columns.max(initial=0)) + 1, len(groups)
    if r < 2 or c < 2 or n < 2:
        return 0.0
    less = (r - 1) * (c - 1) / (n - 1)
    phi = max(0.0, _by_class(rows, columns)(columns) - 1 - less)
    rows_less, columns_less = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    least = min(rows_less, columns_less) - 1
    return float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0


def permutation_tests(
    columns: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    correct: NDArray[np.float64],
    *,
    seed: int = 0,
) -> list[Chances]:
    """Return, for the groups of each column, the probability by chance of its relation with class and with accuracy.

    >>> labels, right = np.repeat([0, 1], 100), np.tile([1.0, 1.0, 0.0, 0.0], 50)
    >>> tested = permutation_tests([labels, np.tile([0, 0, 1, 1], 50)], labels, right)
    >>> [(one.of_class < 0.01, one.of_accuracy < 0.01) for one in tested]
    [(True, False), (False, True)]

    For the class, labels are permuted and chi-square is compared. For accuracy, the mean of its class is
    subtracted from each answer, and the residuals are permuted within the class; their squared sums by group are
    compared, so that groups of easy classes are no finding. Draws end early if chance suffices (Besag and
    Clifford, Biometrika 78, 1991). All columns share their draws. `correct` is 0 to 1, (n,).
    """
    random = np.random.default_rng(seed)
    if len(labels) > MOST_IMAGES:
        drawn = np.sort(random.choice(len(labels), MOST_IMAGES, replace=False))
        columns, labels, correct = [of_image[drawn] for of_image in columns], labels[drawn], correct[drawn]
    if not len(labels):
        return [Chances(1.0, 1.0) for _ in columns]
    classes = np.unique(labels, return_inverse=True)[1]
    counts = np.bincount(classes)
    left = correct - (np.bincount(classes, correct) / counts)[classes]
    by_class = np.argsort(classes, kind="stable")
    left_by_class = left[by_class]
    of_class = _Count([_by_class(groups, classes) for groups in columns], classes)
    of_accuracy = _Count([_by_accuracy(groups[by_class]) for groups in columns], left_by_class)
    for _ in range(DRAWS):
        if of_class.open:
            of_class.draw(classes[random.permutation(len(classes))])
        if of_accuracy.open:
            # Sorted by class, and at random within each class.
            of_accuracy.draw(left[np.argsort(classes + random.random(len(classes)))])
    return [
        Chances(*pair) for pair in zip(of_class.probabilities(), of_accuracy.probabilities(), strict=True)
    ]


def _by_class(groups: NDArray[np.int64], classes: NDArray[np.int64]) -> Callable[[NDArray[Any]], float]:
    """Return chi-square of the groups against permuted classes, divided by the number of images, plus 1."""
    of_group, of_class = np.bincount(groups), np.bincount(classes)
    first = groups * len(of_class)
    if len(of_group) * len(of_class) > MOST_CELLS * len(groups):
        # Most cells are empty; sorting finds those that are not.
        def of_few(permuted: NDArray[Any]) -> float:
            cells, counts = np.unique(first + permuted, return_counts=True)
            expected = of_group[cells // len(of_class)] * of_class[cells % len(of_class)]
            return float((counts**2 / expected).sum())

        return of_few
    expected = of_group[:, None] * of_class
    weights = np.divide(1.0, expected, out=np.zeros(expected.shape), where=expected > 0).ravel()

    def statistic(permuted: NDArray[Any]) -> float:
        return float(np.bincount(first + permuted, minlength=len(weights)).astype(np.float64) ** 2 @ weights)

    return statistic


def _by_accuracy(groups: NDArray[np.int64]) -> Callable[[NDArray[Any]], float]:
    """Return the squared sums of the residuals by group, each divided by the number of its images."""
    counts = np.maximum(1, np.bincount(groups))

    def statistic(left: NDArray[Any]) -> float:
        return float((np.bincount(groups, left) ** 2 / counts).sum())

    return statistic


class _Count:
    """How many draws there were of each statistic, and how many of them reached the measured value."""

    def __init__(self, statistics: Sequence[Callable[[NDArray[Any]], float]], measured: NDArray[Any]) -> None:
        self.statistics = statistics
        self.measured = [statistic(measured) for statistic in statistics]
        self.draws, self.reached = np.zeros((2, len(statistics)), dtype=np.int64)

    @property
    def open(self) -> bool:
        return bool((self.reached < ENOUGH).any())

    def draw(self, values: NDArray[Any]) -> None:
        for k in np.flatnonzero(self.reached < ENOUGH).tolist():
            self.draws[k] += 1
            # Sums of the same numbers in another order may differ in the last digit.
            least = self.measured[k] * (1 - 1e-9) - 1e-12
            self.reached[k] += self.statistics[k](values) >= least

    def probabilities(self) -> list[float]:
        ended = self.reached >= ENOUGH
        found = np.where(
            ended, self.reached / np.maximum(1, self.draws), (self.reached + 1) / (self.draws + 1)
        )
        return [float(one) for one in found]
