"""All that is measured of each image as one row: the named attributes, and a profile without names."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.measuring import measure
from nearsight.diagnosis.attributes.profile import profile, profile_all
from nearsight.diagnosis.candidates import Edit, EditOf, Examined

Values = NDArray[np.float32]

# Images whose looks are compared, at most.
MOST = 3000


def looks_of(picture: Tensor) -> Values:
    """Return the looks of one picture, uint8 (3, H, W), as float32 (numbers,); what cannot be measured is 0."""
    looks: Values = np.nan_to_num(np.concatenate([measure(picture), profile(picture)]))
    return looks


@dataclass(frozen=True, eq=False)
class Looks:
    """The looks of the examined images. `values` are their named attributes, float32 (n, attributes).

    `grown`, int64 (g,), are the places of the images that choose, at most 3,000, from which rules about looks grow.
    """

    examined: Examined
    values: Values

    @cached_property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images from which rules grow, in order; those without attributes are left out."""
        choosing = np.flatnonzero(self.examined.choosing & ~np.isnan(self.values).any(1))
        return np.sort(np.random.default_rng((self.examined.seed, 6)).permutation(choosing)[:MOST])

    @cached_property
    def of_grown(self) -> Values:
        """The looks of these, float32 (g, numbers)."""
        return self._of(self.grown)

    @cached_property
    def of_all(self) -> Values:
        """The looks of all examined images, float32 (n, numbers), measured only if they are asked for."""
        looks = np.empty((len(self.values), self.of_grown.shape[1]), dtype=np.float32)
        rest = np.setdiff1d(np.arange(len(looks)), self.grown)
        looks[self.grown] = self.of_grown
        if len(rest):
            looks[rest] = self._of(rest)
        return looks

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many images choose.

        A class that is so much rarer than others that none of its images is among those from which rules grow is
        left out.
        """
        labels = self.examined.labels[self.examined.choosing & ~np.isnan(self.values).any(1)]
        grown = np.unique(self.examined.labels[self.grown]).tolist()
        return [number for number in grown if (labels == number).sum() >= fewest]

    def look(self, images: Iterable[Tensor], places: Sequence[int]) -> Values:
        """Return the looks of images, float32 (n, numbers), wherever they are in the set."""
        del places
        return np.stack([looks_of(image) for image in images])

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes an image, wherever it is in the set."""
        edit = way.edit(strength)
        return lambda image, _: edit(image)

    def whole(self, way: Way, strength: float) -> Edit | None:
        """Return the same for an image of no set."""
        return way.edit(strength)

    def _of(self, places: NDArray[np.int64]) -> Values:
        profiles = profile_all(self.examined.images.image(i) for i in places.tolist())
        looks: Values = np.nan_to_num(np.concatenate([self.values[places], profiles], axis=1))
        return looks
