"""Decoded images that are looked at again and again: kept within a bound on memory, and otherwise decoded again."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet


@dataclass(eq=False)
class Decoded:
    """The images of a set, of which those looked at last are kept decoded, in at most `room` bytes.

    >>> from nearsight.data import load
    >>> decoded = Decoded(load("scenes")["test"], room=2**20)
    >>> decoded[3] is decoded[3]
    True
    """

    images: ImageSet
    room: int
    _kept: OrderedDict[int, Tensor] = field(default_factory=OrderedDict)
    # The bytes of what is kept: to add them up for each image would take longer than to decode it.
    _taken: int = 0

    def __getitem__(self, place: int) -> Tensor:
        """Return an image as it was decoded, uint8 (3, H, W), which must not be changed."""
        if place in self._kept:
            self._kept.move_to_end(place)
            return self._kept[place]
        image = self.images.image(place)
        while self._kept and self._taken + image.nbytes > self.room:
            self._taken -= self._kept.popitem(last=False)[1].nbytes
        if image.nbytes <= self.room:
            self._kept[place] = image
            self._taken += image.nbytes
        return image


@dataclass(frozen=True, eq=False)
class DecodedImages(Sequence[Tensor]):
    """Some images of a set by their places, uint8 (3, H, W) each, decoded as they are looked at.

    >>> from nearsight.data import load
    >>> images = DecodedImages(Decoded(load("scenes")["test"], room=0), np.array([3, 1, 4]))
    >>> len(images), len(images[:2]), images[0].shape
    (3, 2, torch.Size([3, 64, 64]))
    """

    decoded: Decoded
    places: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, place: int) -> Tensor: ...
    @overload
    def __getitem__(self, place: slice) -> "DecodedImages": ...
    def __getitem__(self, place: int | slice) -> "Tensor | DecodedImages":
        if isinstance(place, slice):
            return DecodedImages(self.decoded, self.places[place])
        return self.decoded[int(self.places[place])]
