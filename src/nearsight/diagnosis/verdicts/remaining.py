"""The accuracy that would remain if no image had a shortcut."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.verdicts.judging import Judged
from nearsight.statistics import Estimate, absent
from nearsight.statistics.means import wilson_interval

Floats = NDArray[np.float64]


def remaining_accuracy(examined: Examined, shortcuts: Sequence[Judged]) -> Estimate:
    """Return the accuracy on the images that test; those with a shortcut count like their class without it.

    For each class with shortcuts, every image counts with the accuracy of those of the class that are known to have
    none. If there are none in some class, nothing is known. The interval holds for classes as frequent as they are
    here: that of the other classes together is Wilson's, that of the classes with shortcuts is `_of_classes`, and
    the distances of their ends are added as squares. `n` counts the images whose answers count.
    """
    testing = ~examined.choosing
    labels = examined.labels[testing]
    if not len(labels):
        return absent("no image tests")
    right = examined.predictions[testing] == labels
    with_shortcuts = np.unique([one.candidate.class_number for one in shortcuts])
    concerned = np.isin(labels, with_shortcuts)
    lacking = concerned.copy()
    for one in shortcuts:
        having_or_unknown = one.candidate.has[testing] | np.isnan(one.candidate.value[testing])
        lacking &= ~(having_or_unknown & (labels == one.candidate.class_number))
    classes, images = np.unique(labels[concerned], return_counts=True)
    without = np.array([(lacking & (labels == number)).sum() for number in classes], dtype=np.float64)
    if not without.all():
        return absent("no image of a class is known to lack its shortcut, so accuracy without it is unknown")
    right_without = np.array([right[lacking & (labels == number)].sum() for number in classes])
    parts, weights = [], []
    if concerned.any():
        parts.append(_of_classes(right_without / without, without, images / images.sum()))
        weights.append(float(concerned.mean()))
    if not concerned.all():
        parts.append(
            _of_classes(right[~concerned].mean(keepdims=True), (~concerned).sum(keepdims=True), np.ones(1))
        )
        weights.append(float((~concerned).mean()))
    value, below, above = _added(np.array(parts), np.array(weights))
    counted = int((lacking | ~concerned).sum())
    return Estimate(
        value, max(0.0, value - below), min(1.0, value + above), counted, 1 / len(examined.images.classes)
    )


def _of_classes(shares: Floats, images: Floats, weights: Floats) -> tuple[float, float, float]:
    """Return the mean of the classes' accuracies and the ends of its interval.

    `shares` are the accuracies on so many `images` of each class, and `weights` how much each class counts, together
    1. The interval reaches as far as the farther of two: the distances of Wilson's ends of each class, added as
    squares (Zou, Huang and Zhang, Comput. Stat. Data Anal. 53, 2009), which is too narrow for many classes of one or
    two images, and Wilson's at the effective number of images (Kish, Survey Sampling, 1965), which is too narrow if
    the class of the fewest images differs from the rest.

    >>> [round(number, 2) for number in _of_classes(np.array([1.0]), np.array([4.0]), np.ones(1))]
    [1.0, 0.51, 1.0]
    """
    each = np.array(
        [(share, *wilson_interval(share, count)) for share, count in zip(shares, images, strict=True)]
    )
    value, below, above = _added(each, weights)
    low, high = wilson_interval(value, 1 / float((weights**2 / images).sum()))
    return value, min(low, value - below), max(high, value + above)


def _added(parts: Floats, weights: Floats) -> tuple[float, float, float]:
    """Return the weighted sum of values, and how far its interval reaches below and above it.

    `parts` are (k, 3): values, and the ends of their intervals.
    """
    values, lows, highs = parts.T
    below, above = (
        float(np.hypot.reduce(weights * distance)) for distance in (values - lows, highs - values)
    )
    return float(weights @ values), below, above
