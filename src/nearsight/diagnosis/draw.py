"""Which images take part where not all do."""

import numpy as np
from numpy.typing import NDArray


def draw(total: int, most: int | None, seed: int) -> NDArray[np.int64]:
    """Return the places of at most `most` of `total` images, drawn by `seed`, in their own order, int64 (n,).

    >>> draw(3, most=None, seed=0).tolist(), len(draw(100, most=7, seed=0))
    ([0, 1, 2], 7)
    """
    chosen: NDArray[np.int64] = np.sort(np.random.default_rng(seed).permutation(total)[:most])
    return chosen
