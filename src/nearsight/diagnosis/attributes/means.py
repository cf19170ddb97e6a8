"""The mean of arrays of which no more than one is held at a time."""

from collections.abc import Iterable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

F = TypeVar("F", np.float32, np.float64)


def mean_of(arrays: Iterable[NDArray[F]]) -> NDArray[F]:
    """Return the mean of at least one array, all of one shape, to the last bit that of `numpy.mean` over a stack.

    >>> mean_of(np.full(2, value) for value in (1.0, 2.0, 6.0)).tolist()
    [3.0, 3.0]
    """
    rest = iter(arrays)
    total, count = next(rest), 1
    for one in rest:
        total, count = total + one, count + 1
    return np.asarray(total / count, dtype=total.dtype)
