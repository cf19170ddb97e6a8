"""What is seen of images, as one row of numbers each, and the same of edited ones, on one scale."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.scaling import Scale
from nearsight.diagnosis.candidates import Edit, EditOf, Examined
from nearsight.diagnosis.decoded import DecodedImages

Values = NDArray[np.float32]
Numbers = NDArray[np.float64]


class Seen(Protocol):
    """What is seen of the examined images: `looks.Looks` of whole images, `backdrops.Backdrops` of backgrounds."""

    @property
    def examined(self) -> Examined:
        """The images and the classifier."""

    @property
    def values(self) -> Values:
        """The named attributes of the images, float32 (n, attributes)."""

    @property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images that choose from which rules grow, int64 (g,)."""

    @property
    def of_grown(self) -> Values:
        """What they look like, float32 (g, numbers)."""

    @property
    def of_all(self) -> Values:
        """What all examined images look like, float32 (n, numbers); NaN where that is not known."""

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many images choose."""

    def look(self, images: Iterable[Tensor], places: Sequence[int]) -> Values:
        """Return what images look like, float32 (n, numbers); of edited ones, with the places of the originals.

        Images are looked at as they come, so that few are held at once.
        """

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes what is seen of an image, which has a place."""

    def whole(self, way: Way, strength: float) -> Edit | None:
        """Return the same for an image without a place; None if what is seen of it is not known without."""


@dataclass(frozen=True, eq=False)
class Scaled:
    """What is seen of images on one scale; `plain`, float64 (g, numbers), of those from which rules grow."""

    seen: Seen
    scale: Scale
    plain: Numbers

    @staticmethod
    def of(seen: Seen) -> "Scaled":
        """Return it on the scale of the images from which rules grow."""
        scale = Scale.of(seen.of_grown)
        return Scaled(seen, scale, scale(seen.of_grown))

    @property
    def examined(self) -> Examined:
        """The images and the classifier."""
        return self.seen.examined

    @property
    def labels(self) -> NDArray[np.int64]:
        """The labels of the images from which rules grow, int64 (g,)."""
        return self.examined.labels[self.seen.grown]

    def edited(self, edit: EditOf, places: NDArray[np.int64]) -> Numbers:
        """Return what is seen of some of these after an edit, float64 (places, numbers); `places` are 0 to g - 1."""
        return self.edited_of(self.examined.pictures_at(self.seen.grown[places]), edit)

    def changes(self, edit: EditOf, places: NDArray[np.int64]) -> Numbers:
        """Return what an edit changes in what is seen of some of these, float64 (places, numbers)."""
        return np.asarray(self.edited(edit, places) - self.plain[places], dtype=np.float64)

    def edited_of(self, pictures: DecodedImages, edit: EditOf) -> Numbers:
        """Return what is seen of decoded images after an edit, float64 (n, numbers)."""
        places = pictures.places.tolist()
        edited = (edit(one, place) for one, place in zip(pictures, places, strict=True))
        return self.scale(self.seen.look(edited, places))
