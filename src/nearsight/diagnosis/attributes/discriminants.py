"""Directions in which images differ, relative to how they vary anyway."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]

# Covariances are shrunk by this share.
SHRUNK = 0.1


@dataclass(frozen=True, eq=False)
class Direction:
    """A linear discriminant: 0 for plain images on the average, 1 for edited ones.

    `precision` is the inverse of the covariance of looks, float64 (numbers, numbers).
    """

    weights: Numbers
    plain: Numbers
    precision: Numbers

    @staticmethod
    def of(plain: Numbers, change: Numbers, precision: Numbers) -> "Direction":
        """Return that of a change, float64 (numbers,), of plain images, float64 (n, numbers)."""
        weights = precision @ change
        whole = max(float(weights @ change), 1e-9)
        return Direction(np.asarray(weights / whole, dtype=np.float64), plain.mean(0), precision)

    def __call__(self, looks: Numbers) -> Values:
        return np.asarray((looks - self.plain) @ self.weights, dtype=np.float32)


def precision_of(*some: Numbers) -> Numbers:
    """Return the inverse of the shrunk covariance of images around the mean of the kind that each is of."""
    common = np.cov(np.concatenate([one - one.mean(0) for one in some]).T)
    width = len(common)
    # Of images that are all the same, nothing varies.
    steady = max(float(np.trace(common)) / width, 1e-6)
    return np.asarray(
        np.linalg.inv((1 - SHRUNK) * common + SHRUNK * steady * np.eye(width)), dtype=np.float64
    )


def alike(precision: Numbers, one: Numbers, other: Numbers) -> float:
    """Return the cosine between two changes of looks, relative to how looks vary anyway."""
    both = np.stack([one, other])
    products = both @ precision @ both.T
    return float(products[0, 1] / max((products[0, 0] * products[1, 1]) ** 0.5, 1e-9))
