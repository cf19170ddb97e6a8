"""Which images take part if not all do."""

import numpy as np
from numpy.typing import NDArray


def draw(total: int, most: int | None, seed: int) -> NDArray[np.int64]:
    """Return the places of at most `most` of `total` images, drawn with `seed`, in their own order, int64 (n,).

    >>> draw(3, most=None, seed=0).tolist(), len(draw(100, most=7, seed=0))
    ([0, 1, 2], 7)
    """
    chosen: NDArray[np.int64] = np.sort(np.random.default_rng(seed).permutation(total)[:most])
    return chosen


def draw_of_each(labels: NDArray[np.int64], most: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Return the places of at most `most` images of each class, in their own order, int64 (n,).

    >>> labels = np.array([0, 0, 0, 2])
    >>> np.bincount(labels[draw_of_each(labels, 2, np.random.default_rng(0))]).tolist()
    [2, 0, 1]

    `labels` is int64 (n,), the class of each image.
    """
    drawn = [random.permutation(np.flatnonzero(labels == number))[:most] for number in np.unique(labels)]
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=np.int64)
