"""How small a shortcut would have been found in each class, given the number of its images."""

from dataclasses import dataclass

import numpy as np

from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.verdicts.power import fewest_images, smallest_difference
from nearsight.diagnosis.verdicts.rule import RULE, Rule
from nearsight.numbers import counted
from nearsight.statistics.writing import points

# Of so many images that choose, a third are five, the fewest that finders make a rule of.
CHOOSING = 15


@dataclass(frozen=True)
class ClassLimit:
    """A class, how many of its images test, and the smallest difference that would have been found in it.

    `difference` is None if none would: there are too few images, or nearly all are right as they are. `accuracy`
    is the share of these images that are right; None in older files, and for a class without any.
    """

    class_number: int
    images: int
    difference: float | None
    accuracy: float | None = None


def class_limits(examined: Examined, tests: int, rule: Rule) -> tuple[ClassLimit, ...]:
    """Return the limit of every class, given the number of all tests.

    The significance level is that of the first of this many tests to be believed (Benjamini and Hochberg). So a
    limit is the difference of accuracy that one shortcut alone would have needed; with an intervention, less is
    enough.
    """
    level = rule.rate / max(1, tests)
    known: dict[tuple[int, int], float | None] = {}
    found = []
    for number in range(len(examined.images.classes)):
        mine = examined.of_class(number, choosing=False)
        accuracy = float((examined.predictions[mine] == number).mean()) if len(mine) else 0.0
        # Classes of one size differ only in their accuracy, which hardly moves the limit.
        key = (len(mine), round(10 * accuracy))
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


def limit_in_words(limit: float | None, images: int = 0, needed: int = 0) -> str:
    """Say how small a shortcut would have been found if none was, by the limit of the median class.

    >>> limit_in_words(0.4)
    "one in a third of a class's images would have been found if it cost 40 points or more (the median class)"
    >>> limit_in_words(None, images=12, needed=8)
    'in so few images (12 in the median class) only a mark that changes predictions when it is added would be found'
    >>> limit_in_words(None, images=5, needed=8)
    'the set is too small to find one: 5 images of the median class test, and 8 would do'

    `images` of the median class test, and `needed` until something in a third of them could be believed
    (`images_needed`).
    """
    if limit is not None:
        return (
            f"one in a third of a class's images would have been found if it cost {points(limit, 0)} points or more "
            "(the median class)"
        )
    if images < needed:
        return (
            f"the set is too small to find one: {counted(images, 'image')} of the median class test, and "
            f"{needed} would do"
        )
    return (
        f"in so few images ({images} in the median class) only a mark that changes predictions when it is added "
        "would be found"
    )


def other_limit_in_words(limit: float | None, images: int = 0, needed: int = 0) -> str:
    """Say how small a further shortcut would have been found, where something was: as `limit_in_words`.

    >>> other_limit_in_words(0.4)
    'in the median class a difference of 40 points in a third of its images would have been found by accuracy alone'
    >>> other_limit_in_words(None, images=12, needed=8)
    'there may be more: 12 images of the median class test, too few to find a shortcut by accuracy alone'
    >>> other_limit_in_words(None, images=5, needed=8)
    'there may be more: 5 images of the median class test, and it takes 8 to find anything'
    """
    if limit is not None:
        return (
            f"in the median class a difference of {points(limit, 0)} points in a third of its images would have been "
            "found by accuracy alone"
        )
    more = f"there may be more: {counted(images, 'image')} of the median class test"
    if images < needed:
        return f"{more}, and it takes {needed} to find anything"
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
