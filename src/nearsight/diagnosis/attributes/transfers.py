"""Edits learned from pictures, other than tones: what differs at each place, and at each frequency."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter
from torch import Tensor

from nearsight.diagnosis.attributes.means import mean_of

# With fewer pictures on either side, what they happen to depict would decide.
FEWEST = 8
# Number of standard errors by which means, or spreads, must differ for a place to count as changed.
SURE = 4.0
# Grey levels that are added to spreads; and the largest factor by which a spread, or an amplitude, is changed.
STEADY, MOST = 2.0, 6.0
# The least share of the picture that must be changed for it to be an edit.
LEAST = 0.003


@dataclass(frozen=True, eq=False)
class PlaceTransfer:
    """Makes each place of a picture like the same place of others, in mean and spread, if these differ.

    `before` and `after` are means, float32 (3, H, W), `gain` is how many times larger the spread becomes, and
    `where`, bool (H, W), is what is changed. Pictures of other sizes are changed by resized maps.
    """

    before: Tensor
    after: Tensor
    gain: Tensor
    where: Tensor

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""
        fitted = self._sized(image)
        changed = fitted.after + (image.float() - fitted.before) * fitted.gain
        return torch.where(fitted.where, changed, image.float()).round().clamp(0, 255).to(torch.uint8)

    @property
    def back(self) -> "PlaceTransfer":
        """The edit that removes it again, as far as anything is left to see."""
        return PlaceTransfer(self.after, self.before, (1 / self.gain).clamp(max=MOST), self.where)

    def times(self, factor: float) -> "PlaceTransfer":
        """Return the same with so many times the change of means, and of the logarithm of spreads."""
        after = self.before + factor * (self.after - self.before)
        return PlaceTransfer(self.before, after, self.gain**factor, self.where)

    def _sized(self, image: Tensor) -> "PlaceTransfer":
        size = image.shape[1:]
        if size == self.where.shape:
            return self
        before, after, gain = (
            F.interpolate(one[None], size=size, mode="bilinear", align_corners=False)[0]
            for one in (self.before, self.after, self.gain)
        )
        where = F.interpolate(self.where[None, None].float(), size=size, mode="nearest")[0, 0] > 0
        return PlaceTransfer(before, after, gain, where)


def place_transfer(change: Sequence[Tensor], like: Sequence[Tensor]) -> PlaceTransfer | None:
    """Return the edit that makes pictures like `change` resemble `like` at each place; None if nothing is certain.

    >>> random = np.random.default_rng(0)
    >>> plain = [torch.from_numpy(random.integers(0, 256, (3, 8, 8), dtype=np.uint8)) for _ in range(16)]
    >>> framed = [one.clone() for one in plain]
    >>> for one in framed:
    ...     one[:, 0] = 255
    >>> edit = place_transfer(plain, framed)
    >>> int(edit.where.sum()), int(edit(plain[0])[:, 0].min()) > 245
    (8, True)

    Pictures are uint8 (3, H, W); those of the most common size count.
    """
    common = _of_common_size(change, like)
    if common is None:
        return None
    _, *pictures = common
    ours, theirs = map(_Moments.of, pictures)
    gain, where = torch.empty_like(ours.mean), torch.zeros(ours.mean.shape[1:], dtype=torch.bool)
    for channel in range(len(gain)):  # one by one, as each step makes an array of a whole picture
        spread, wanted = ours.spread[channel], theirs.spread[channel]
        away = (theirs.mean[channel] - ours.mean[channel]).abs()
        away /= (spread**2 / ours.count + wanted**2 / theirs.count).sqrt() + 1
        gain[channel] = ((wanted + STEADY / 4) / (spread + STEADY)).clamp(1 / MOST**2, MOST)
        calmer = gain[channel].log().abs() * (2 / (1 / ours.count + 1 / theirs.count)) ** 0.5
        where |= (away > SURE) | (calmer > SURE)
    return PlaceTransfer(ours.mean, theirs.mean, gain, where) if where.float().mean() >= LEAST else None


def _of_common_size(
    change: Sequence[Tensor], like: Sequence[Tensor]
) -> tuple[tuple[int, int], Iterator[Tensor], Iterator[Tensor]] | None:
    """Return the most common size, and the pictures that have it, to be looked at once; None if they are too few."""
    sizes = [[one.shape[1:] for one in some] for some in (change, like)]
    every = [*sizes[0], *sizes[1]]
    size = max(every, key=every.count)
    if min(some.count(size) for some in sizes) < FEWEST:
        return None
    ours, theirs = ((one for one in some if one.shape[1:] == size) for some in (change, like))
    return (size[0], size[1]), ours, theirs


@dataclass(frozen=True, eq=False)
class _Moments:
    """Of some pictures, how many they are, and the mean and spread of each place, float32 (3, H, W)."""

    count: int
    mean: Tensor
    spread: Tensor

    @staticmethod
    def of(pictures: Iterable[Tensor]) -> "_Moments":
        """Return those of at least two pictures, uint8 (3, H, W), of which no more than one is held at a time."""
        count = 0
        for picture in pictures:
            values = picture.int()
            if not count:
                sums, squares = torch.zeros_like(values), torch.zeros_like(values)
            sums += values
            squares += values**2
            count += 1
        mean, spread = (torch.empty(sums.shape) for _ in range(2))
        for channel in range(len(sums)):
            own = sums[channel].double()
            mean[channel] = own / count
            spread[channel] = ((squares[channel] - own**2 / count) / (count - 1)).clamp(min=0).sqrt()
        return _Moments(count, mean, spread)


@dataclass(frozen=True, eq=False)
class SpectrumTransfer:
    """Multiplies the amplitude of each frequency, float64 (H, W // 2 + 1); other sizes use the nearest frequency."""

    gain: NDArray[np.float64]
    size: tuple[int, int]

    def __call__(self, image: Tensor) -> Tensor:
        """Return a changed image, uint8 (3, H, W)."""
        height, width = image.shape[1:]
        gain = self.gain
        if (height, width) != self.size:
            rows = np.rint(np.fft.fftfreq(height) * self.size[0]).astype(np.int64) % len(gain)
            columns = np.rint(np.fft.rfftfreq(width) * self.size[1]).astype(np.int64)
            gain = gain[rows][:, np.minimum(columns, gain.shape[1] - 1)]
        changed = np.fft.irfft2(np.fft.rfft2(image.numpy()) * gain, s=(height, width))
        return torch.from_numpy(np.clip(np.rint(changed), 0, 255).astype(np.uint8))

    @property
    def back(self) -> "SpectrumTransfer":
        """The edit that removes it again, as far as anything is left to see."""
        return replace(self, gain=np.minimum(1 / self.gain, MOST))

    def times(self, factor: float) -> "SpectrumTransfer":
        """Return the same with so many times the change of the logarithm of amplitudes."""
        return replace(self, gain=self.gain**factor)


def spectrum_transfer(change: Sequence[Tensor], like: Sequence[Tensor]) -> SpectrumTransfer | None:
    """Return the edit that gives pictures like `change` the spectrum of pictures like `like`; None if too few.

    >>> random = np.random.default_rng(0)
    >>> noisy = [torch.from_numpy(random.integers(0, 256, (3, 16, 16), dtype=np.uint8)) for _ in range(16)]
    >>> calm = [(one.float() / 2 + 64).byte() for one in noisy]
    >>> bool(spectrum_transfer(noisy, calm)(noisy[0]).float().std() < 0.7 * noisy[0].float().std())
    True

    Pictures are uint8 (3, H, W); those of the most common size count. The mean stays as it is.
    """
    common = _of_common_size(change, like)
    if common is None:
        return None
    size, ours, theirs = common
    gain = np.clip(np.sqrt(_power(theirs) / _power(ours)), 1 / MOST, MOST)
    gain[0, 0] = 1.0
    return SpectrumTransfer(gain, size)


def _power(pictures: Iterable[Tensor]) -> NDArray[np.float64]:
    """Return the mean power of pictures at each frequency, smoothed over its neighbours."""
    mean = mean_of((np.abs(np.fft.rfft2(one.numpy())) ** 2).mean(0) for one in pictures)
    mean[0, 0] = (mean[0, 1] + mean[1, 0]) / 2
    return np.asarray(uniform_filter(mean, 3, mode=("wrap", "nearest")) + 1.0)
