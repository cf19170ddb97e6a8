"""The accuracy that would remain if no image had a shortcut."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.verdicts.judging import Judged
from nearsight.statistics import Estimate, absent

DRAWS = 1000


def remaining_accuracy(examined: Examined, shortcuts: Sequence[Judged]) -> Estimate:
    """Return the accuracy on the images that test; those with a shortcut count like their class without it.

    For each class with shortcuts, an image that has any of them counts with the accuracy of the class's images
    that have none. The interval is a bootstrap over images. If every image of a class has one, nothing is known.
    """
    testing = np.flatnonzero(~examined.choosing)
    labels = examined.labels[testing]
    right = examined.predictions[testing] == labels
    has = np.zeros(len(testing), dtype=np.bool_)
    for one in shortcuts:
        has |= one.candidate.has[testing] & (labels == one.candidate.class_number)
    known = _remaining(labels, right, has)
    if known is None:
        return absent("every image of a class has its shortcut, so accuracy without it is unknown")
    random = np.random.default_rng(examined.seed)
    drawn = []
    for _ in range(DRAWS):
        places = random.integers(len(testing), size=len(testing))
        value = _remaining(labels[places], right[places], has[places])
        if value is not None:
            drawn.append(value)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(known, float(low), float(high), len(testing), 1 / len(examined.images.classes))


def _remaining(labels: NDArray[np.int64], right: NDArray[np.bool_], has: NDArray[np.bool_]) -> float | None:
    classes = int(labels.max()) + 1
    images = np.bincount(labels, minlength=classes)
    without = np.bincount(labels, weights=~has, minlength=classes)
    right_without = np.bincount(labels, weights=right & ~has, minlength=classes)
    if ((images > 0) & (without == 0)).any():
        return None
    share = right_without / np.maximum(without, 1)
    return float((images * share).sum() / images.sum())
