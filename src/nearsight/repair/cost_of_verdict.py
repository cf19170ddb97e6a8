"""What a shortcut costs its class: whether, with it and without it, the class is like classes without a shortcut."""

from collections.abc import Collection

import numpy as np

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.verdicts.interventions import WITHOUT
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.diagnosis.verdicts.rule import SUSPECT
from nearsight.diagnosis.verdicts.verdict import Verdict

# Between these quantiles of their accuracies, classes differ anyway. Of the 15 plants of five development
# networks, the rule left alone two of three that cost nothing (a border, digits), and none that costs something.
USUAL = (0.25, 0.75)


def usual_accuracies(diagnosis: Diagnosis, shortcuts: Collection[int]) -> tuple[float, float] | None:
    """Return the range of accuracies of ordinary classes: the quartiles of the classes without a shortcut.

    `shortcuts` are the numbers of the classes that have one. Accuracies are those on the images that test. None
    if every class has one, and for an older diagnosis, which does not hold accuracies of classes.
    """
    told = VERDICTS.of(diagnosis)
    found = [
        one.accuracy
        for one in (() if told is None else told.limits)
        if one.accuracy is not None and one.class_number not in shortcuts
    ]
    if not found:
        return None
    low, high = np.quantile(found, USUAL).tolist()
    return low, high


def costs_nothing(verdict: Verdict, usual: tuple[float, float]) -> bool:
    """Return whether a class is not shown to be better off with a shortcut than usual, nor worse off without it.

    This goes by 95 % intervals: images that have the shortcut are right no more often than `usual`, and images
    that do not have it, or from which it is removed, are right no less often. A network that knows its training
    images by heart is right on those without it all the same, but wrong once it is removed. What the edit itself
    does is not counted. False if one of the three is unknown.
    """
    taken_off = next((one for one in verdict.interventions if one.kind == WITHOUT), None)
    lacking, having = verdict.accuracy_without.high, verdict.accuracy_with
    if lacking is None or having.value is None or having.low is None:
        return False
    if taken_off is None or taken_off.after.high is None:
        return False
    bare = having.value * min(1.0, taken_off.after.high - (taken_off.change.chance or 0.0))
    return having.low <= usual[1] and min(lacking, bare) >= usual[0]


def little_depends(verdict: Verdict) -> bool:
    """Return whether a suspect's class is not shown to be right more often with it than without it.

    >>> little_depends(verdict)  # doctest: +SKIP
    True

    This goes by the 95 % interval of the difference. False for a shortcut, which is proven otherwise, and if every
    image of the class has it, so that nothing can be compared.
    """
    low = verdict.difference.low
    return verdict.verdict == SUSPECT and low is not None and low <= 0
