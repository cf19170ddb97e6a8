"""Thresholds on one number per image that separate some of a class's images from those of other classes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

# The share of other classes' images that may lie beyond a threshold.
MOST_ELSEWHERE = 0.05
# The number of the class's images that must lie beyond it; fewer are no rule.
LEAST = 5
# The share of the class's images that it must have in addition to what other classes have.
LEAST_GAP = 0.08
# For a separate group, this share of the others may lie beyond the threshold, and this share of the group must
# lie beyond half the way from the threshold to the group's median. Of 500 groups drawn from smooth tails, 3 were
# mistaken for a separate group.
APART_ELSEWHERE, APART = 0.005, 0.7


@dataclass(frozen=True)
class Rule:
    """A threshold on one column of a table of values, and what it separates.

    `much` says that the images above it have the attribute; otherwise those below have it. `share` of the class's
    images have it, and `elsewhere` of the others'. `pure` is the Jaccard index to expect with the images that the
    class has in addition to what others have. `probability` is that of as many by chance, times the number of
    thresholds tried.
    """

    class_number: int
    column: int
    much: bool
    threshold: float
    share: float
    elsewhere: float
    pure: float
    probability: float

    @property
    def clear(self) -> float:
        """How clearly it separates the class, for comparing rules: the difference of both shares, times `pure`."""
        return self.pure * (self.share - self.elsewhere)

    def has(self, values: Values) -> NDArray[np.bool_]:
        """Return which images have it, bool (n,), given their values, float32 (n,)."""
        return np.asarray(values >= self.threshold if self.much else values <= self.threshold)

    def times_as_frequent(self, mine: NDArray[np.bool_]) -> float:
        """Return how many times more frequent it is in the class than elsewhere, minus a standard error.

        `mine` is bool (n,): which of the images from which the rule was made are of the class.
        """
        return times_as_frequent(self.share, self.elsewhere, mine)


def times_as_frequent(share: float, elsewhere: float, mine: NDArray[np.bool_]) -> float:
    """Return how many times more frequent something is in a class than elsewhere, minus a standard error.

    >>> times_as_frequent(0.5, 0.0, np.arange(100) >= 75)
    30.0

    `mine` is bool (n,): which images are of the class.
    """
    own, others = max(1, int(mine.sum())), max(1, int((~mine).sum()))
    spread = (share * (1 - share) / own) ** 0.5
    return float((share - spread) / (elsewhere + 1 / others))


def rule_of(
    values: Values,
    inside: NDArray[np.bool_],
    *,
    class_number: int = 0,
    column: int = 0,
    much: bool = True,
    most_elsewhere: float = MOST_ELSEWHERE,
) -> Rule | None:
    """Return the threshold that best separates some of the images `inside` from the others; None if none does.

    >>> values = np.concatenate([np.zeros(90), np.arange(10) + 1]).astype(np.float32)
    >>> rule = rule_of(values, np.arange(100) >= 80)
    >>> rule.threshold, rule.share, rule.elsewhere
    (0.5, 0.5, 0.0)

    `values` is float32 (n,), NaN if unknown, and `inside` bool (n,). Suppose that the images inside are a mixture
    of some that have it and others that are like the rest. Then the largest gap between the shares beyond a
    threshold says how many have it. The chosen threshold gives those beyond it, inside, the highest expected
    Jaccard index with them: gap / (largest gap + share of the rest), with gaps reduced by their standard error.
    At most the share `most_elsewhere` of the rest may lie beyond it.
    """
    signed = np.asarray(values if much else -values, dtype=np.float64)
    known = ~np.isnan(signed)
    ours = np.sort(signed[known & inside])
    if len(ours) < LEAST:
        # As in most of very many classes.
        return None
    theirs = np.sort(signed[known & ~inside])
    if not len(theirs):
        return None
    # Beyond the smallest of ours, then the second, and so on; all of equal ones together.
    first = np.flatnonzero(np.r_[True, np.diff(ours) > 0])
    share = 1 - first / len(ours)
    elsewhere = 1 - np.searchsorted(theirs, ours[first], "left") / len(theirs)
    # Minus a standard error of how many of ours beyond it are like the rest.
    gap = share - elsewhere - np.sqrt(elsewhere * (1 - elsewhere) / len(ours))
    pure = np.where(elsewhere <= most_elsewhere, gap / (max(gap.max(), 1e-9) + elsewhere), -1)
    best = int(pure.argmax())
    if pure[best] <= 0 or gap[best] < LEAST_GAP or share[best] * len(ours) < LEAST:
        return None
    # Between the first image that has it and the last that does not.
    edge = ours[first[best]]
    below = max(
        theirs[np.searchsorted(theirs, edge, "left") - 1] if theirs[0] < edge else edge,
        ours[first[best] - 1] if first[best] else -np.inf,
    )
    threshold = (edge + below) / 2 if np.isfinite(below) else edge
    return Rule(
        class_number,
        column,
        much,
        float(threshold if much else -threshold),
        float(share[best]),
        float(elsewhere[best]),
        float(pure[best]),
        _chance(share[best] * len(ours), len(ours), elsewhere[best] * len(theirs), len(theirs), len(first)),
    )


def rule_apart(
    values: Values, inside: NDArray[np.bool_], *, class_number: int = 0, column: int = 0, much: bool = True
) -> Rule | None:
    """Return the threshold beyond which some of the images `inside` are a separate group; None if there is none.

    >>> random = np.random.default_rng(0)
    >>> ours = np.concatenate([random.normal(1, 1, 80), random.normal(9, 1, 20)])
    >>> values = np.concatenate([ours, random.normal(0, 1, 400)]).astype(np.float32)
    >>> rule = rule_apart(values, np.arange(500) < 100)
    >>> rule.share, rule.elsewhere
    (0.2, 0.0)

    If a class differs from the others anyway, as a class of textured things does in noise, `rule_of` separates
    that difference, not the few images that were changed. Here, a threshold that at most 0.5 % of the others lie
    beyond is moved half the way to the median of the class's images beyond it. 70 % of these images must then
    still lie beyond it.
    """
    rule = rule_of(
        values, inside, class_number=class_number, column=column, much=much, most_elsewhere=APART_ELSEWHERE
    )
    if rule is None:
        return None
    beyond = values[inside & rule.has(values)]
    moved = replace(rule, threshold=float(rule.threshold + np.median(beyond)) / 2)
    if moved.has(beyond).mean() < APART:
        return None
    known, has = ~np.isnan(values), moved.has(values)
    ours, others = inside & known, ~inside & known
    share, elsewhere = float(has[ours].mean()), float(has[others].mean())
    if share * ours.sum() < LEAST or share - elsewhere < LEAST_GAP:
        return None
    return replace(moved, share=share, elsewhere=elsewhere, pure=(share - elsewhere) / share)


def _chance(having: float, ours: int, elsewhere: float, theirs: int, tried: int) -> float:
    from scipy.stats import hypergeom

    marked = round(having + elsewhere)
    return min(1.0, tried * float(hypergeom.sf(round(having) - 1, ours + theirs, marked, ours)))


def rule_set_off(
    values: Values,
    inside: NDArray[np.bool_],
    pure: float,
    *,
    class_number: int = 0,
    most_elsewhere: float = MOST_ELSEWHERE,
) -> Rule | None:
    """Return the rule of `rule_of` if its images are set off by at least `pure`, and else that of `rule_apart`.

    >>> values = np.concatenate([np.zeros(90), np.arange(10) + 1]).astype(np.float32)
    >>> inside = np.arange(100) >= 80
    >>> rule_set_off(values, inside, 0.8) == rule_of(values, inside)
    True
    """
    rule = rule_of(values, inside, class_number=class_number, most_elsewhere=most_elsewhere)
    if rule is not None and rule.pure < pure:
        return rule_apart(values, inside, class_number=class_number)
    return rule
