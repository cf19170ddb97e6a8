"""Which images choose what is searched for, and which test it: never the same images."""

import numpy as np
from numpy.typing import NDArray


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
