"""A reason: tiles of a class that are alike to the network, and what is known about them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.with_and_without import WithAndWithout
from nearsight.statistics import Estimate
from nearsight.statistics.writing import interval, points, whole_per_cent


@dataclass(frozen=True)
class AtlasTile:
    """A tile that is shown: its image by place in the set, path and label, and its corner in pixels.

    `evidence` is relative, for the class under which the tile is shown. `logits` are the plain logits of the
    classes `kept`, in their order: the ten largest, and the class under which the tile is shown.
    """

    index: int
    path: str
    label: int
    top: int
    left: int
    evidence: float
    kept: tuple[int, ...]
    logits: tuple[float, ...]


@dataclass(frozen=True)
class Reason:
    """Tiles of one class that are alike to the network.

    `share` is its share of the evidence of the class's strongest tiles, one per image; its chance is one over the
    number of reasons. `total_share` is its share of all positive evidence for the class in its images, measured
    on tiles sampled at random: a mark in a corner may be the strongest tile of every image and yet little of all
    evidence. `purity` is measured on the strongest tiles of equally many images of the class and of others, among
    those that look like this reason and speak for the class: the share that belongs to the class. Its chance is
    that share over all reasons. `on_object` is how much of its part of all evidence lies on the object; its
    chance is how much of all tiles of the same images does. It is None if no region is known. It is not measured
    on the strongest tiles, which are more often where two things meet than the evidence as a whole. `count` is
    how many strongest tiles it has; `examples` are the strongest of them. `stability` says how well its group is
    found again with other draws, from 0 to 1 (`stability`); in older files it is None, and so are the fields
    after it.

    An image has the reason if its strongest tile for the class speaks for the class and is nearest to the
    reason's centre. `images` are the places of the class's images that have it, `corners` the top and left of
    that tile in each, `others` the places of the examined images of other classes. `accuracy` is the accuracy of
    the class's images with it and without it; the chance of its difference is that of images whose other tiles
    speak as strongly (`difference_as_strong`). `carried` is the share of the class's images that have it; its
    chance is that of other classes' images.
    """

    share: Estimate
    total_share: Estimate
    purity: Estimate
    place: Place
    appearance: str
    on_object: Estimate | None
    examples: tuple[AtlasTile, ...]
    count: int
    stability: float | None = None
    images: tuple[int, ...] = ()
    corners: tuple[tuple[int, int], ...] = ()
    others: tuple[int, ...] = ()
    accuracy: WithAndWithout | None = None
    carried: Estimate | None = None

    @property
    def seen(self) -> str:
        """How its tiles look and where they lie, in words; a place that their look names is not said twice."""
        where = self.place.name
        return self.appearance if where in self.appearance else f"{self.appearance}, {where}"

    def sentence(self, class_name: str) -> str:
        """Say the reason in one line.

        >>> half = Estimate(0.5, 0.4, 0.6, n=80, chance=0.5)
        >>> place = Place(0.2, 0.5, 0.1, 0.3, "top")
        >>> Reason(half, Estimate(0.3, 0.2, 0.4), half, place, "flat light blue", None, (), 40).sentence("aeroplane")
        'aeroplane: 50 % (40 to 60) of the evidence of its strongest tiles (30 % (20 to 40) of all) is one reason: \
flat light blue, top'
        """
        said = (
            f"{class_name}: {whole_per_cent(self.share)} of the evidence of its strongest tiles "
            f"({whole_per_cent(self.total_share)} of all) is one reason: {self.seen}"
        )
        if self.on_object is None or self.on_object.chance is None:
            return said
        return (
            f"{said}, {whole_per_cent(self.on_object)} of it on the object "
            f"({points(self.on_object.chance, 0)} % of all tiles)"
        )

    @property
    def explains(self) -> float:
        """By how much the share of its class's errors that lie in images without it exceeds that of these images."""
        known = self.accuracy
        if known is None or known.errors_without.value is None or known.errors_without.chance is None:
            return 0.0
        return known.errors_without.value - known.errors_without.chance

    def by_accuracy(self, class_name: str, rank: int) -> str:
        """Say how often images with it and without it are right, in one line; "" if that is not known.

        >>> some, sure, less = Estimate(0.58, 0.5, 0.66), Estimate(1.0, 0.95, 1.0), Estimate(0.19, 0.1, 0.32)
        >>> errors = Estimate(1.0, 0.92, 1.0, n=42)
        >>> accuracy = WithAndWithout(sure, less, Estimate(0.81, 0.68, 0.9, chance=0.24), errors)
        >>> place = Place(0.2, 0.5, 0.1, 0.3, "top")
        >>> reason = Reason(some, some, some, place, "flat blue", None, (), 70, accuracy=accuracy, carried=some)
        >>> for part in reason.by_accuracy("deer", 1).split("; "):
        ...     print(part)
        deer: 58 % (50 to 66) of the images carry reason 1 (flat blue, top)
        of these 100 % (95 to 100) are right, of the others 19 % (10 to 32)
        the difference is 81 points (68 to 90), 24 by strength of evidence alone
        100 % (92 to 100) of the errors are in the others
        """
        known = self.accuracy
        if known is None or known.difference.value is None or self.carried is None:
            return ""
        said = (
            f"{class_name}: {whole_per_cent(self.carried)} of the images carry reason {rank} ({self.seen}); of these "
            f"{whole_per_cent(known.accuracy_with)} are right, of the others {whole_per_cent(known.accuracy_without)}"
        )
        if known.difference.chance is not None:
            between = interval(known.difference, partial(points, decimals=0))
            said += (
                f"; the difference is {points(known.difference.value, 0)} points{between}, "
                f"{points(known.difference.chance, 0)} by strength of evidence alone"
            )
        if known.errors_without.value is None:
            return said
        return f"{said}; {whole_per_cent(known.errors_without)} of the errors are in the others"


def by_share(groups: NDArray[np.int64], evidence: NDArray[np.float32]) -> Sequence[int]:
    """Return the numbers of the groups that have a tile, the one with the most evidence first.

    >>> by_share(np.array([0, 2, 0]), np.array([1.0, 5.0, 1.0], dtype=np.float32))
    [2, 0]
    """
    sums = np.bincount(groups, weights=evidence)
    return [int(number) for number in np.argsort(-sums, kind="stable") if (groups == number).any()]
