"""How small a loss of accuracy can be shown in each class, given the number of its images, and why if none can."""

from dataclasses import dataclass

import numpy as np

from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.verdicts.power import fewest_images, smallest_difference
from nearsight.diagnosis.verdicts.rule import RULE, Rule
from nearsight.numbers import counted
from nearsight.statistics.means import wilson_interval
from nearsight.statistics.writing import points

# Of so many images that choose, a third are five, the fewest that finders make a rule of.
CHOOSING = 15
# If surely so many images of a class are right, accuracy has no room for a difference, however many more there are.
ROOMLESS = 0.9
# Of planted shortcuts that cost at least so much, so many were found (docs/trust.md, by gap).
FOUND = ((0.6, "four of five"), (0.3, "more than half"), (0.0, "fewer than half"))
NEARLY_ALL = "in at least half of the classes nearly all images are right"


@dataclass(frozen=True)
class ClassLimit:
    """A class, how many of its images test, and the smallest difference that the test of accuracy can show.

    `difference` is None if it can show none: there are too few images, or nearly all are right as they are.
    `accuracy` is the share of these images that are right; None in older files, and for a class without any.
    """

    class_number: int
    images: int
    difference: float | None
    accuracy: float | None = None

    @property
    def nearly_all_right(self) -> bool:
        """Whether so many images are right that accuracy cannot show a loss, and more images would not change that.

        >>> ClassLimit(0, 1000, None, 0.97).nearly_all_right, ClassLimit(0, 12, None, 1.0).nearly_all_right
        (True, False)
        """
        if self.accuracy is None or _tenths(self.accuracy) < 10:
            return False
        return wilson_interval(self.accuracy, self.images)[0] >= ROOMLESS


def class_limits(examined: Examined, tests: int, rule: Rule) -> tuple[ClassLimit, ...]:
    """Return the limit of every class, given the number of all tests.

    The significance level is that of the first of this many tests to be believed (Benjamini and Hochberg). So a
    limit is the difference that the accuracy of a single shortcut must show, once a finder has seen it; with an
    intervention, less is enough.
    """
    level = rule.rate / max(1, tests)
    known: dict[tuple[int, int], float | None] = {}
    found = []
    for number in range(len(examined.images.classes)):
        mine = examined.of_class(number, choosing=False)
        accuracy = float((examined.predictions[mine] == number).mean()) if len(mine) else 0.0
        # Classes of one size differ only in their accuracy, which hardly moves the limit.
        key = (len(mine), _tenths(accuracy))
        if key not in known:
            known[key] = smallest_difference(len(mine), key[1] / 10, level)
        found.append(ClassLimit(number, len(mine), known[key], accuracy if len(mine) else None))
    return tuple(found)


def typical_limit(limits: tuple[ClassLimit, ...]) -> float | None:
    """Return the median of the classes' limits, None if half of them have none.

    >>> typical_limit((ClassLimit(0, 50, 0.3), ClassLimit(1, 50, 0.4), ClassLimit(2, 3, None)))
    0.4
    """
    values = [np.inf if one.difference is None else one.difference for one in limits if one.images]
    middle = float(np.median(values)) if values else np.inf
    return middle if np.isfinite(middle) else None


def typical_images(limits: tuple[ClassLimit, ...]) -> int:
    """Return how many images of the median class test.

    >>> typical_images((ClassLimit(0, 50, 0.3), ClassLimit(1, 40, 0.4), ClassLimit(2, 0, None)))
    45
    """
    tested = [one.images for one in limits if one.images]
    return int(np.median(tested)) if tested else 0


def mostly_right(limits: tuple[ClassLimit, ...]) -> bool:
    """Return whether there is no typical limit because nearly all images of half of the classes are right.

    >>> full, few = ClassLimit(0, 1000, None, 0.97), ClassLimit(1, 12, None, 0.5)
    >>> mostly_right((full, full, few)), mostly_right((full, few, few)), mostly_right(())
    (True, False, False)
    """
    right = [one.nearly_all_right for one in limits if one.images]
    return bool(right) and 2 * sum(right) >= len(right)


def limit_in_words(limit: float | None, images: int = 0, needed: int = 0, *, right: bool = False) -> str:
    """Say how small a shortcut could be shown if none was found, by the limit of the median class.

    >>> for said in limit_in_words(0.4).split(" is "):
    ...     print(said)
    one in a third of a class's images that costs 40 points or more
    large enough for the test of accuracy (the median class); of planted ones of that size more than half were found
    >>> limit_in_words(None, images=12, needed=8)
    'in so few images (12 in the median class) only what changes predictions when it is added would be found'
    >>> limit_in_words(None, images=5, needed=8)
    'the set is too small to find one: 5 images of the median class test, and 8 would do'
    >>> for said in limit_in_words(None, images=1000, needed=8, right=True).split(": "):
    ...     print(said)
    in at least half of the classes nearly all images are right, so accuracy cannot show that one costs any
    only what changes predictions when it is added or removed can be found

    `images` of the median class test, and `needed` until something in a third of them could be believed
    (`images_needed`). `right` says that nearly all images being right is why there is no limit (`mostly_right`).
    """
    if limit is not None:
        return (
            f"one in a third of a class's images that costs {points(limit, 0)} points or more is large enough for "
            f"the test of accuracy (the median class); {_planted(limit)}"
        )
    if images < needed:
        return (
            f"the set is too small to find one: {counted(images, 'image')} of the median class test, and "
            f"{needed:,} would do"
        )
    if right:
        return (
            f"{NEARLY_ALL}, so accuracy cannot show that one costs any: only what changes predictions when it is "
            "added or removed can be found"
        )
    return (
        f"in so few images ({images:,} in the median class) only what changes predictions when it is added "
        "would be found"
    )


def other_limit_in_words(
    limit: float | None, images: int = 0, needed: int = 0, *, right: bool = False
) -> str:
    """Say how small a further shortcut could be shown, where something was found: as `limit_in_words`.

    >>> other_limit_in_words(0.4).partition("; ")[0]
    'there may be more: in the median class 40 points in a third of its images are enough for the test of accuracy'
    >>> other_limit_in_words(None, images=12, needed=8)
    'there may be more: 12 images of the median class test, too few to find a shortcut by accuracy alone'
    >>> other_limit_in_words(None, images=5, needed=8)
    'there may be more: 5 images of the median class test, and it takes 8 to find anything'
    >>> other_limit_in_words(None, images=1000, needed=8, right=True).partition(", so ")[2]
    'accuracy cannot show what else decides'
    """
    if limit is not None:
        return (
            f"there may be more: in the median class {points(limit, 0)} points in a third of its images are enough "
            f"for the test of accuracy; {_planted(limit)}"
        )
    if right and images >= needed:
        return f"there may be more: {NEARLY_ALL}, so accuracy cannot show what else decides"
    more = f"there may be more: {counted(images, 'image')} of the median class test"
    if images < needed:
        return f"{more}, and it takes {needed:,} to find anything"
    return f"{more}, too few to find a shortcut by accuracy alone"


def images_needed(classes: int, tests: int, rule: Rule = RULE, *, halves: bool) -> int:
    """Return how many images of a class must test until something that a third of them have can be believed.

    >>> images_needed(3, 4, halves=False), images_needed(3, 4, halves=True)
    (11, 15)

    So many `tests` are made in all, and as many images of each class test. Where `halves` of the images choose and
    test, as many must also suffice to choose: five of them must have it.
    """
    needed = fewest_images(max(2, classes), rule.rate / max(1, tests))
    return max(needed, CHOOSING) if halves else needed


def _tenths(accuracy: float) -> int:
    return round(10 * accuracy)


def _planted(limit: float) -> str:
    """Say how many planted shortcuts that cost so much were found."""
    return f"of planted ones of that size {next(said for least, said in FOUND if limit >= least)} were found"
