"""What the network's inner layers see of images, alone or beside how they look, as one row of numbers each."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.inner import NUMBERS, InnerLayers, together
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.candidates import Edit, EditOf, Examined
from nearsight.errors import InputError

Values = NDArray[np.float32]

# Channels of each layer that are looked at, at most, evenly spaced; of each the mean and the standard deviation.
CHANNELS, OF_CHANNEL = 32, 2
# Images that are seen together, unless a layer has no maps of one of them.
AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class LooksInside:
    """What the network's inner layers see of images; `looks` comes before it, if these are `joined`.

    It is the mean and the spread of some channels of some layers over all places. What a network goes by moves its
    features, even where hardly anything that is measured of an image changes. `numbers`, float32 (g, all), are all
    that the layers give of the images from which rules grow.
    """

    looks: Looks
    layers: InnerLayers
    numbers: Values
    joined: bool = True

    @staticmethod
    def of(looks: Looks) -> "LooksInside | None":
        """Return it for the images from which rules grow; None if no layer has maps of all of them."""
        examined, grown = looks.examined, looks.grown
        layers = (
            InnerLayers.of(examined.decision, examined.images.image(int(grown[0]))) if len(grown) else None
        )
        if layers is None:
            return None
        try:
            numbers = layers.see_all(examined.images, grown, seeing(examined, 0, len(grown)))
        except InputError:
            # Images are of several sizes, and a layer has no maps of some.
            return None
        return LooksInside(looks, layers, numbers)

    @property
    def alone(self) -> "LooksInside":
        """The same without looks."""
        return replace(self, joined=False)

    @property
    def examined(self) -> Examined:
        """The images and the classifier."""
        return self.looks.examined

    @property
    def values(self) -> Values:
        """The named attributes of the images, float32 (n, attributes)."""
        return self.looks.values

    @property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images from which rules grow."""
        return self.looks.grown

    @property
    def of_grown(self) -> Values:
        """What is seen of these, float32 (g, numbers)."""
        seen = self.numbers[:, _chosen(self.layers)]
        return np.concatenate([self.looks.of_grown, seen], axis=1) if self.joined else seen

    @cached_property
    def of_all(self) -> Values:
        """The same of all examined images, float32 (n, numbers); NaN where a layer has no maps of an image."""
        chosen, images = _chosen(self.layers), self.examined.images
        seen = np.full((len(self.values), len(chosen)), np.nan, dtype=np.float32)
        seen[self.grown] = self.numbers[:, chosen]
        rest = np.setdiff1d(np.arange(len(seen)), self.grown)
        for start in range(0, len(rest), AT_ONCE):
            some = rest[start : start + AT_ONCE]
            seeing(self.examined, start, len(rest))(0)
            try:
                seen[some] = self._inside(map(images.image, some.tolist()))
            except InputError:
                for place in some.tolist():
                    with suppress(InputError):
                        seen[place] = self._inside([images.image(place)])
        return np.concatenate([self.looks.of_all, seen], axis=1) if self.joined else seen

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many images choose."""
        return self.looks.classes(fewest)

    def look(self, images: Iterable[Tensor], places: Sequence[int]) -> Values:
        """Return what is seen of images, float32 (n, numbers); few are held at once."""
        rows, done = [], 0
        for some in together(images):
            row = self._inside(some)
            if self.joined:
                row = np.concatenate([self.looks.look(some, places[done : done + len(some)]), row], axis=1)
            rows.append(row)
            done += len(some)
        return np.concatenate(rows)

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes an image, wherever it is in the set."""
        return self.looks.edit(way, strength)

    def whole(self, way: Way, strength: float) -> Edit | None:
        """Return the same for an image of no set."""
        return self.looks.whole(way, strength)

    def _inside(self, images: Iterable[Tensor]) -> Values:
        return np.stack(self.layers.see_each(images))[:, _chosen(self.layers)]


def _chosen(layers: InnerLayers) -> NDArray[np.int64]:
    """Return which of all numbers that the layers give are used."""
    found, start = [], 0
    for channels in layers.channels:
        some = np.unique(np.linspace(0, channels - 1, min(channels, CHANNELS)).round().astype(np.int64))
        found += [start + kind * channels + some for kind in range(OF_CHANNEL)]
        start += NUMBERS * channels
    return np.concatenate(found)


def seeing(examined: Examined, before: int, count: int) -> Callable[[int], None]:
    """Return what reports how many images the layers have seen, of so many, with those that they saw before."""
    doing = "asking inner layers what they see of images"
    return lambda done: examined.progress.count(doing, before + done, count)
