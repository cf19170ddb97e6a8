"""A reason: tiles of a class that are alike to the network, and what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.with_and_without import WithAndWithout
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, whole_per_cent


@dataclass(frozen=True)
class AtlasTile:
    """A tile that is shown: its image by place in the set, path and label, and its corner in pixels.

    `evidence` is relative and for the class under which the tile is shown. `logits` are plain, of the classes
    `kept`, in their order: the ten with the largest, and the class under which the tile is shown.
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

    `share` is of the evidence of the class's strongest tiles, one an image; by chance one over the number of
    reasons. `total_share` is of all positive evidence for the class in its images, found on tiles sampled at
    random: a mark in a corner may be the strongest tile of every image and yet little of all evidence. Of the
    strongest tiles of as many images of the class as of others that look like this reason and speak for the
    class, `purity` is the share that is the class's own; by chance what it is over all reasons. `on_object` is
    how much of its part of all evidence lies on the object, by chance how much of all tiles of the same images
    does; None where no region is known. It is not taken from the strongest tiles, which are where two things
    meet more often than the evidence at large. `count` is how many strongest tiles it has; `examples` are the
    strongest of them. `stability` is how well its group is found again with other draws, from 0 to 1
    (`stability`); None in older files, as what follows.

    An image has the reason if its strongest tile for the class speaks for it and is nearest to the reason's
    centre: `images` are the places of the class's images that have it, `corners` the top and left of that tile
    in each, `others` the places of the images of other classes that were looked at. `accuracy` is how right the
    class's images are with it and without it.
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
            f"({whole_per_cent(self.total_share)} of all) is one reason: "
            f"{self.appearance}, {self.place.name}"
        )
        if self.on_object is None or self.on_object.chance is None:
            return said
        return (
            f"{said}, {whole_per_cent(self.on_object)} of it on the object "
            f"({points(self.on_object.chance, 0)} % of all tiles)"
        )


def by_share(groups: NDArray[np.int64], evidence: NDArray[np.float32]) -> Sequence[int]:
    """Return the numbers of the groups that have a tile, that with the most evidence first.

    >>> by_share(np.array([0, 2, 0]), np.array([1.0, 5.0, 1.0], dtype=np.float32))
    [2, 0]
    """
    sums = np.bincount(groups, weights=evidence)
    return [int(number) for number in np.argsort(-sums, kind="stable") if (groups == number).any()]
