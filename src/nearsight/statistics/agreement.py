"""Agreement of two classifiers beyond chance."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from nearsight.statistics.estimates import Estimate, absent
from nearsight.statistics.pairs import IMAGES_AND_SEEDS
from nearsight.statistics.student import student95

# Landis and Koch (Biometrics 33, 1977) call it substantial.
SUBSTANTIAL_KAPPA = 0.6


def chance_agreement(first: ArrayLike, second: ArrayLike) -> float:
    """Return the share of images on which independent predictions with these frequencies would agree.

    >>> chance_agreement([0, 0, 1, 1], [0, 1, 1, 1])
    0.5

    `first` and `second` are the classes predicted, whole numbers, (n,).
    """
    ours, theirs = np.asarray(first), np.asarray(second)
    classes = int(max(ours.max(), theirs.max())) + 1
    one, other = (np.bincount(found, minlength=classes) / len(found) for found in (ours, theirs))
    return float(one @ other)


def kappa_estimate(agreement: Estimate) -> Estimate:
    """Return Cohen's kappa of an agreement, its share of what chance leaves open, with the agreement's interval.

    >>> found = kappa_estimate(Estimate(0.75, 0.625, 0.875, n=40, chance=0.5))
    >>> found.numbers, found.chance
    ((0.5, 0.25, 0.75), 0.0)

    Cohen, Educ. Psychol. Meas. 20, 1960, at the measured chance. Without a chance below 1 there is no kappa.
    """
    chance = agreement.chance
    if chance is None or agreement.value is None or chance >= 1:
        return absent("both predict one class only")
    value, low, high = (
        None if found is None else (found - chance) / (1 - chance)
        for found in (agreement.value, agreement.low, agreement.high)
    )
    return replace(agreement, value=value, low=low, high=high, chance=0.0)


def agreement_beside_seeds(alike: ArrayLike, answers: ArrayLike) -> Estimate:
    """Return how much more often networks agree with something than two of them with each other, with its interval.

    >>> answers = np.array([[0, 1, 2, 0], [0, 1, 2, 1], [0, 1, 0, 0]])
    >>> round(agreement_beside_seeds(np.ones((3, 4)), answers).value, 3)
    0.333

    `alike` is (seeds, images), 1 if the network of a seed agrees with the other thing, and `answers` are the
    classes that the networks themselves predict, whole numbers, (seeds, images). Every two seeds make a pair, and
    pairs share networks. So the variance over seeds is that of leaving out each seed (Tukey's pseudo-values, as
    for a U-statistic: Arvesen, Ann. Math. Stat. 40, 1969). The variance over images is added, and the degrees of
    freedom are Satterthwaite's, as in `gap_estimate`. With fewer than three seeds there is no number.
    """
    found, classes = np.asarray(alike, dtype=np.float64), np.asarray(answers)
    seeds, images = classes.shape
    if seeds < 3:
        return absent("it takes three seeds to tell how much two of them differ in agreement")
    same = (classes[:, None] == classes).sum(1) - 1.0
    between = same.sum(0) / (seeds * (seeds - 1))
    without = (same.sum(0) - 2 * same) / ((seeds - 1) * (seeds - 2))
    differences = found.mean(0) - between
    of_seeds = (found - seeds * between + (seeds - 1) * without).mean(1)
    variances = float(of_seeds.var(ddof=1)) / seeds, float(differences.var()) / max(1, images - 1)
    both, mean = sum(variances), float(differences.mean())
    spread = variances[0] ** 2 / (seeds - 1) + variances[1] ** 2 / max(1, images - 1)
    half = student95(max(seeds - 1, both**2 / spread)) * both**0.5 if spread > 0 else 0.0
    return Estimate(mean, max(-1.0, mean - half), min(1.0, mean + half), images, covers=IMAGES_AND_SEEDS)
