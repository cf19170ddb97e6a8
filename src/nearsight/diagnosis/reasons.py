"""A reason: tiles of a class that are alike to the network, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nearsight.diagnosis.intervals import Estimate
from nearsight.diagnosis.place import Place

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class AtlasTile:
    """A tile that is shown: its image by place in the set, path and label, and its corner in pixels.

    `evidence` is relative and for the class under which the tile is shown; `logits` are plain, of all classes.
    """

    index: int
    path: str
    label: int
    top: int
    left: int
    evidence: float
    logits: tuple[float, ...]


@dataclass(frozen=True)
class Reason:
    """Tiles of one class that are alike to the network.

    `share` is of the evidence of the class's strongest tiles, one an image; by chance one over the number of
    reasons. `total_share` is of all positive evidence for the class in its images, found on tiles sampled at
    random: a mark in a corner may be the strongest tile of every image and yet little of all evidence. Of the
    strongest tiles of as many images of the class as of others that look like this reason and speak for the class,
    `purity` is the share that is the class's own; by chance what it is over all reasons. `on_object` is how much
    of its part of all evidence lies on the object, by chance how much of all tiles of the same images does;
    None where no region is known. It is not taken from the strongest tiles, which are where two things meet
    more often than the evidence at large. `count` is how many strongest tiles it has; `examples` are the
    strongest of them.
    """

    share: Estimate
    total_share: float
    purity: Estimate
    place: Place
    appearance: str
    on_object: Estimate | None
    examples: tuple[AtlasTile, ...]
    count: int

    def sentence(self, class_name: str) -> str:
        """Say the reason in one line.

        >>> half = Estimate(0.5, 0.4, 0.6, n=80, chance=0.5)
        >>> place = Place(0.2, 0.5, 0.1, 0.3, "top")
        >>> Reason(half, 0.3, half, place, "flat light blue", None, (), 40).sentence("aeroplane")
        'aeroplane: 50 % (40 to 60) of the evidence of its strongest tiles (30 % of all) is one reason: \
flat light blue, top'
        """
        said = (
            f"{class_name}: {self.share.percent()} of the evidence of its strongest tiles "
            f"({100 * self.total_share:.0f} % of all) is one reason: "
            f"{self.appearance}, {self.place.name}"
        )
        if self.on_object is None or self.on_object.chance is None:
            return said
        return (
            f"{said}, {self.on_object.percent()} of it on the object "
            f"({100 * self.on_object.chance:.0f} % of all tiles)"
        )


def ratio_estimate(
    parts: ArrayLike, wholes: ArrayLike, *, chance: float | None = None, seed: int = 0
) -> Estimate:
    """Return the share of a sum over images that is a part of it, with its 95 % bootstrap interval.

    >>> ratio_estimate([1.0, 0.0, 3.0], [1.0, 4.0, 3.0]).value
    0.5

    `parts` and `wholes` are (n,), a pair an image. Percentiles of 2,000 resamples of the images, each with
    both its numbers. Everything is None where the whole is nothing.
    """
    from scipy.stats import bootstrap

    part, whole = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if not whole.sum() > 0:
        return Estimate(None, None, None, 0, None)
    value = float(part.sum() / whole.sum())
    if len(whole) < 2:
        return Estimate(value, None, None, 1, chance)
    interval = bootstrap(
        (part, whole),
        lambda some, all_, axis: some.sum(axis) / all_.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=BOOTSTRAPS,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high), len(whole), chance)


def by_share(groups: NDArray[np.int64], evidence: NDArray[np.float32]) -> Sequence[int]:
    """Return the numbers of the groups that have a tile, that with the most evidence first.

    >>> by_share(np.array([0, 2, 0]), np.array([1.0, 5.0, 1.0], dtype=np.float32))
    [2, 0]
    """
    sums = np.bincount(groups, weights=evidence)
    return [int(number) for number in np.argsort(-sums, kind="stable") if (groups == number).any()]
