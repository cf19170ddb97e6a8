"""Groups of a class's images that a forest tells from all others, whatever the numbers are that it is grown on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.forests import Forest
from nearsight.diagnosis.attributes.rules import Rule, rule_apart, rule_of

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# The trees of a forest: for all classes, and for one group against the rest.
TREES, TREES_OF_GROUP = 300, 150
# The share of other images that may be like a group, in the first forest and in the second.
FIRST_ELSEWHERE, ELSEWHERE = 0.05, 0.02
# From the first on a group that is set off is looked for in another forest, unless it is clear.
WORTH, CLEAR = 0.6, 0.9
# How far a group must be set off, and how many times as frequent in the class as elsewhere it must be.
SET_OFF, CLEAN = 0.9, 10.0
# What more of a class's images share may be what the class pictures: too few others are left to tell them apart.
MOST_OF_CLASS = 0.8


@dataclass(frozen=True, eq=False)
class SetOff:
    """A group of images of a class, and the forest that tells it from the rest.

    `sure` is float32 (g,): how sure the forest is of the images that it grew from, each by the trees that did not
    grow from it. `rule` says where the group begins.
    """

    rule: Rule
    forest: Forest
    sure: Values

    def counts(self, mine: Mask) -> bool:
        """Say whether it is set off far enough, and by what not nearly all of the class share.

        `mine` is bool (g,): which of the images that rules grow from are of the class.
        """
        rule = self.rule
        return rule.share <= MOST_OF_CLASS and rule.pure >= SET_OFF and rule.times_as_frequent(mine) >= CLEAN

    def value(self, rows: Values) -> Values:
        """Return how sure the forest is that other images are of the group, float32 (n,), by their numbers."""
        return np.asarray(self.forest.sure(rows)[:, 1], dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of each image that rules grow from: `numbers`, float32 (g, numbers), and `labels`, int64 (g,)."""

    numbers: Values
    labels: NDArray[np.int64]
    seed: int

    def of_classes(self) -> dict[int, Values]:
        """Return how sure a forest is of each class, float32 (g,), each image by trees that did not grow from it."""
        forest = Forest.grown(self.numbers, self.labels, trees=TREES, balanced=False, seed=self.seed)
        told = forest.said.astype(np.float32)
        return {int(number): told[:, column] for column, number in enumerate(forest.labels)}

    def group(self, number: int, sure: Values) -> SetOff | None:
        """Return the group of a class of which the forest of all classes is surest; None if none is set off.

        A second forest tells it from all other images, those of the class included, so that what the class pictures
        anyway no longer counts. If it is not clear, a third does so once more with the images that the second finds.
        """
        mine = self.labels == number
        apart = rule_apart(sure, mine, class_number=number)
        rule = rule_of(sure, mine, class_number=number, most_elsewhere=FIRST_ELSEWHERE)
        if rule is None or (apart is None and rule.pure < WORTH):
            return None
        found = self._told(number, mine & (apart or rule).has(sure))
        if found is not None and WORTH <= found.rule.pure < CLEAR:
            found = self._told(number, mine & found.rule.has(found.sure))
        return found

    def _told(self, number: int, group: Mask) -> SetOff | None:
        forest = Forest.grown(self.numbers, group, trees=TREES_OF_GROUP, seed=self.seed)
        sure = forest.said[:, 1].astype(np.float32)
        rule = rule_of(sure, self.labels == number, class_number=number, most_elsewhere=ELSEWHERE)
        return None if rule is None else SetOff(rule, forest, sure)
