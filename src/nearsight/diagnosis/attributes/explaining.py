"""How much of what sets some images off an edit explains: whether others that it was applied to look like them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.forests import Forest
from nearsight.diagnosis.attributes.looks import looks_of
from nearsight.diagnosis.candidates import EditOf, Examined
from nearsight.diagnosis.decoded import DecodedImages

Mask = NDArray[np.bool_]

# Images of each side from which a forest grows, at most and at least.
MOST, FEWEST = 40, 8


@dataclass(frozen=True, eq=False)
class Recogniser:
    """A forest that tells some images from others by how they look, and what it says of both."""

    forest: Forest
    others: DecodedImages
    of_group: float
    of_others: float

    @staticmethod
    def of(examined: Examined, group: Mask, others: Mask) -> "Recogniser | None":
        """Grow one from images that choose, bool (n,) both; None if these are too few, or look alike."""
        ours, theirs = examined.pictures(group, MOST), examined.pictures(others, MOST)
        if min(len(ours), len(theirs)) < FEWEST:
            return None
        looks = np.stack([looks_of(one) for some in (ours, theirs) for one in some])
        own = np.arange(len(looks)) < len(ours)
        forest = Forest.grown(looks, own, seed=examined.seed)
        sure = forest.said[:, 1]
        of_group, of_others = float(sure[own].mean()), float(sure[~own].mean())
        return Recogniser(forest, theirs, of_group, of_others) if of_group > of_others else None

    def explained(self, edit: EditOf) -> float:
        """Return how far the others come to look like the group by an edit: 0 not at all, 1 as much as the group."""
        others = zip(self.others, self.others.places.tolist(), strict=True)
        sure = self.forest.sure(np.stack([looks_of(edit(*one)) for one in others]))[:, 1]
        return (float(sure.mean()) - self.of_others) / (self.of_group - self.of_others)
