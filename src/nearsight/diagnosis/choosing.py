"""Which images choose what is searched for, and which test it: never the same images."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.data.joined_images import chosen_of
from nearsight.data.split_list import TRAINED_ON

# A median class of so many images is divided. With fewer, training images choose, so that all of it can test.
ENOUGH = 100
# Training images that choose, of a class and in all.
OF_A_CLASS, IN_ALL = 120, 600


def choosing_half(labels: NDArray[np.int64], seed: int = 0) -> NDArray[np.bool_]:
    """Return which images choose, bool (n,): half of each class, drawn with `seed`. The others test.

    >>> choosing_half(np.array([0, 0, 0, 0, 1, 1, 1, 2])).reshape(2, 4).sum(1).tolist()
    [2, 1]

    `labels` is int64 (n,). If a class has an odd number of images, the smaller half chooses; a single image only
    tests.
    """
    chosen = np.zeros(len(labels), dtype=np.bool_)
    random = np.random.default_rng((seed, 16))
    for number in np.unique(labels):
        mine = np.flatnonzero(labels == number)
        chosen[random.permutation(mine)[: len(mine) // 2]] = True
    return chosen


def training_images(tested: ImageSet, others: Mapping[str, ImageSet], seed: int = 0) -> ImageSet | None:
    """Return the training images that choose in place of half of a small test split; None where half of it does.

    >>> from nearsight.data import load
    >>> digits = load("digits")
    >>> len(digits["test"]), len(training_images(digits["test"], digits))
    (365, 600)
    >>> training_images(digits["train"], digits)

    `others` are the set's splits by name. A split is small if its median class has fewer than 100 images. The images
    are drawn with `seed`, at most 120 of a class and 600 in all. If that is fewer of the median class than half of
    the split, the split is divided. So is one that the network was trained on, or that a repair chooses on.
    """
    parts = [others[name] for name in TRAINED_ON if name in others]
    if tested.split in TRAINED_ON or not parts or not len(tested):
        return None
    labels = np.concatenate([part.labels for part in parts])
    classes, counts = np.unique(tested.labels, return_counts=True)
    half = int(np.median(counts)) // 2
    most = min(OF_A_CLASS, IN_ALL // len(classes))
    random = np.random.default_rng((seed, 17))
    chosen = [random.permutation(np.flatnonzero(labels == number))[:most] for number in classes]
    if half >= ENOUGH // 2 or np.median([len(some) for some in chosen]) < max(1, half):
        return None
    return chosen_of(parts, np.sort(np.concatenate(chosen)))
