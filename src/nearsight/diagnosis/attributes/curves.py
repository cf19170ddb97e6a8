"""An edit of tones learned from pictures: one curve per channel, which gives some pictures the tones of others."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.candidates import Edit, Examined

Shares = NDArray[np.float64]
LEVELS = 256
# With fewer pictures on either side, a curve would show what they happen to depict.
FEWEST, MOST = 8, 64
# What a change of tones alone can produce.
TONAL = (
    *("cast", "warm edges", "green edges", "warm", "green"),
    *("warm everywhere", "cold everywhere", "green everywhere", "purple everywhere"),
    *("warm shadows", "green shadows", "warm lights", "green lights"),
    *("blown out", "drowned", "brightness", "contrast", "darkest", "lightest", "midtones"),
)


def tone_curve(change: Sequence[Tensor], like: Sequence[Tensor]) -> Edit | None:
    """Return the edit that gives pictures like `change` the tones of pictures like `like`; None if there are too few.

    >>> random = np.random.default_rng(0)
    >>> plain = [torch.from_numpy(random.integers(60, 160, (3, 8, 8), dtype=np.uint8)) for _ in range(8)]
    >>> bluish = [torch.clamp(one.int() + torch.tensor([-20, 0, 40])[:, None, None], 0, 255).byte() for one in plain]
    >>> edit = tone_curve(plain, bluish)
    >>> edit(torch.full((3, 1, 1), 100, dtype=torch.uint8)).flatten().tolist()
    [80, 100, 140]

    Pictures are uint8 (3, H, W). Each channel has a curve that maps its pooled histogram over the first pictures
    to that over the others; each picture counts the same. Casts, more or less contrast, and darker or lighter
    tones of any strength are such curves. What the pictures depict is in the curve too, but evens out over many
    pictures.
    """
    if min(len(change), len(like)) < FEWEST:
        return None
    return _matching(_shares(change), _shares(like))


@dataclass(frozen=True, eq=False)
class CurvesOfClass:
    """The curves between a class's images without something and those with it. Tones are counted once.

    `has` is bool (n,): which of all examined images have it. Only images that choose are used.
    """

    examined: Examined
    class_number: int
    has: NDArray[np.bool_]

    def edit(self, *, on: bool) -> Edit | None:
        """Return the curve that makes images without it like those with it, or back; None if there are too few."""
        if self._counted is None:
            return None
        having, without = self._counted
        return _matching(without, having) if on else _matching(having, without)

    @cached_property
    def shift(self) -> NDArray[np.float64] | None:
        """By how much channels of images with it are brighter on average (log2), float64 (3,); None if too few."""
        if self._counted is None:
            return None
        having, without = (shares @ np.arange(LEVELS) + 1 for shares in self._counted)
        return np.asarray(np.log2(having / without), dtype=np.float64)

    @cached_property
    def _counted(self) -> tuple[Shares, Shares] | None:
        mine = self.examined.labels == self.class_number
        having, without = (self.examined.pictures(mine & these, MOST) for these in (self.has, ~self.has))
        return None if min(len(having), len(without)) < FEWEST else (_shares(having), _shares(without))


def _matching(ours: Shares, theirs: Shares) -> Edit:
    levels = np.arange(LEVELS)
    curves = np.stack(
        [
            np.interp(own.cumsum() - own / 2, other.cumsum() - other / 2, levels)
            for own, other in zip(ours, theirs, strict=True)
        ]
    )
    return ToneCurves(torch.from_numpy(curves))


def _shares(pictures: Sequence[Tensor]) -> Shares:
    """Return the share of the pixels at each level, float64 (3, levels), as the mean over pictures."""
    found = np.zeros((3, LEVELS))
    for picture in pictures:
        for channel in range(3):
            counts = torch.bincount(picture[channel].flatten().long(), minlength=LEVELS).numpy()
            found[channel] += counts / counts.sum()
    return found / len(pictures)


@dataclass(frozen=True, eq=False)
class ToneCurves:
    """A new level for each level of each channel, float64 (3, levels)."""

    curves: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""
        levels = self.curves.round().to(torch.uint8)
        return torch.stack([curve[channel.long()] for curve, channel in zip(levels, image, strict=True)])

    def times(self, factor: float) -> "ToneCurves":
        """Return the same with so many times the change of each level.

        >>> warmer = ToneCurves(torch.arange(256.0).add(10).clamp(max=255).expand(3, -1))
        >>> warmer.times(2)(torch.full((3, 1, 1), 100, dtype=torch.uint8)).flatten().tolist()
        [120, 120, 120]
        """
        plain = torch.arange(LEVELS, dtype=self.curves.dtype)
        return ToneCurves((plain + factor * (self.curves - plain)).clamp(0, LEVELS - 1))
