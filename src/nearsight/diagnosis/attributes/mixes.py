"""An edit of colours learned from pictures: each channel becomes a mix of all three, as in the pictures."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.curves import FEWEST, TONAL

Numbers = NDArray[np.float64]

# Added to the variances of channels, in squared grey levels, so that pictures of one grey can be matched.
STEADY = 4.0
# What such an edit can produce.
MIXED = (*TONAL, "saturation", "strongest colour", "colour variety")


@dataclass(frozen=True, eq=False)
class ColourMix:
    """A linear change of colours: `matrix`, float64 (3, 3), times each pixel, and `added`, float64 (3,), to it."""

    matrix: Numbers
    added: Numbers

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""
        pixels = image.reshape(3, -1).numpy().astype(np.float32)
        changed = self.matrix.astype(np.float32) @ pixels + self.added.astype(np.float32)[:, None]
        changed = np.clip(np.rint(changed), 0, 255)
        return torch.from_numpy(changed.astype(np.uint8)).reshape(image.shape)

    def times(self, factor: float) -> "ColourMix":
        """Return the same with so many times the change of each pixel.

        >>> ColourMix(np.eye(3), np.full(3, 5.0)).times(2)(torch.zeros(3, 1, 1, dtype=torch.uint8)).flatten().tolist()
        [10, 10, 10]
        """
        plain = np.eye(3)
        return ColourMix(plain + factor * (self.matrix - plain), factor * self.added)


def colour_mix(change: Sequence[Tensor], like: Sequence[Tensor]) -> ColourMix | None:
    """Return the edit that gives pictures like `change` the colours of pictures like `like`; None if too few.

    >>> random = np.random.default_rng(0)
    >>> plain = [torch.from_numpy(random.integers(60, 160, (3, 8, 8), dtype=np.uint8)) for _ in range(8)]
    >>> grey = [one.float().mean(0).round().byte().expand(3, -1, -1) for one in plain]
    >>> made = colour_mix(plain, grey)(plain[0])
    >>> int((made[0].int() - made[2].int()).abs().max()) < 10
    True

    Pictures are uint8 (3, H, W). Of all linear changes that give the first pictures the mean and the covariance of
    the others' channels, it is the one that changes pixels least (Pitié and Kokaram, "The linear Monge-Kantorovitch
    linear colour mapping", CVMP 2007). Curves of single channels cannot make colours paler, as those of old prints
    are. Each picture counts the same.
    """
    if min(len(change), len(like)) < FEWEST:
        return None
    ours, theirs = map(_moments, (change, like))
    root = _root(ours[1])
    back = np.linalg.inv(root)
    matrix = back @ _root(root @ theirs[1] @ root) @ back
    return ColourMix(matrix, theirs[0] - matrix @ ours[0])


def _moments(pictures: Sequence[Tensor]) -> tuple[Numbers, Numbers]:
    """Return the mean and the covariance of the channels over the pixels of pictures."""
    mean, square = np.zeros(3), np.zeros((3, 3))
    for picture in pictures:
        pixels = picture.reshape(3, -1).numpy().astype(np.float64)
        mean += pixels.mean(1) / len(pictures)
        square += pixels @ pixels.T / pixels.shape[1] / len(pictures)
    return mean, square - np.outer(mean, mean) + STEADY * np.eye(3)


def _root(matrix: Numbers) -> Numbers:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T, dtype=np.float64)
