"""Agreement of two classifiers beyond chance."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from nearsight.statistics.estimates import Estimate, absent

# Landis and Koch (Biometrics 33, 1977) call it substantial.
SUBSTANTIAL_KAPPA = 0.6


def chance_agreement(first: ArrayLike, second: ArrayLike) -> float:
    """Return on what share of images independent predictions with the frequencies of these would agree.

    >>> chance_agreement([0, 0, 1, 1], [0, 1, 1, 1])
    0.5

    `first` and `second` are the classes predicted, whole numbers, (n,).
    """
    ours, theirs = np.asarray(first), np.asarray(second)
    classes = int(max(ours.max(), theirs.max())) + 1
    one, other = (np.bincount(found, minlength=classes) / len(found) for found in (ours, theirs))
    return float(one @ other)


def kappa_estimate(agreement: Estimate) -> Estimate:
    """Return Cohen's kappa of an agreement, the share of what chance leaves, with the agreement's interval.

    >>> found = kappa_estimate(Estimate(0.75, 0.625, 0.875, n=40, chance=0.5))
    >>> found.numbers, found.chance
    ((0.5, 0.25, 0.75), 0.0)

    Cohen, Educ. Psychol. Meas. 20, 1960, at the chance found. Without a chance below 1 there is none.
    """
    chance = agreement.chance
    if chance is None or agreement.value is None or chance >= 1:
        return absent("both predict one class only")
    value, low, high = (
        None if found is None else (found - chance) / (1 - chance)
        for found in (agreement.value, agreement.low, agreement.high)
    )
    return replace(agreement, value=value, low=low, high=high, chance=0.0)
