"""What is measured of the background of a picture whose object is known, and what the object beside it looks like."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from nearsight.diagnosis.attributes.edits import Way
from nearsight.diagnosis.attributes.looks import MOST
from nearsight.diagnosis.attributes.profile import SIDE, SMALLEST
from nearsight.diagnosis.candidates import EditOf, Examined

Values = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]

# The part of a picture that must be background, and object, for either to be measured.
LEAST = 0.05
SHARES = (5, 25, 50, 75, 95)
# Standard deviations of the Gaussians between which detail is measured, in pixels.
SIGMAS = (0.6, 1.2, 2.4)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


def backdrop(pixels: Pixels, region: Mask) -> Values | None:
    """Return some 50 numbers about a background: tones, colours and detail, and how they differ from the object's.

    >>> grey = np.full((3, 20, 20), 90, dtype=np.uint8)
    >>> region = np.zeros((20, 20), dtype=np.bool_)
    >>> region[5:15, 5:15] = True
    >>> found = backdrop(grey, region)
    >>> float(found[0]), float(found[len(found) // 2])
    (90.0, 0.0)
    >>> backdrop(grey, ~region & region) is None
    True

    `pixels` is uint8 (3, H, W) and `region`, bool (H, W), is the object. None if hardly any of the picture is object,
    or background.
    """
    edge = ndimage.binary_dilation(region) & ~ndimage.binary_erosion(region, border_value=1)
    parts = (~region & ~edge, region & ~edge)
    if min(part.mean() for part in parts) < LEAST:
        return None
    channels = pixels.astype(np.float32)
    luma = np.tensordot(_LUMA, channels, 1)
    planes = [luma, *(ndimage.gaussian_filter(luma, sigma) for sigma in SIGMAS)]
    bands = np.abs(np.stack([one - other for one, other in pairwise(planes)]))
    chroma = np.stack(
        [channels.max(0) - channels.min(0), channels[0] - channels[1], channels[2] - channels[1]]
    )
    steps = np.abs(np.stack([np.diff(luma, axis=axis, append=luma.take([-1], axis)) for axis in (0, 1)]))
    behind, object_ = (
        _measures(channels, luma, chroma, np.concatenate([bands, steps]), part) for part in parts
    )
    return np.asarray(np.concatenate([behind, behind - object_]), dtype=np.float32)


def _measures(channels: Values, luma: Values, chroma: Values, detail: Values, part: Mask) -> Values:
    colours, tones = channels[:, part], luma[part]
    return np.concatenate(
        [
            colours.mean(1),
            np.percentile(tones, SHARES),
            [tones.std()],
            chroma[:, part].mean(1),
            chroma[:, part].std(1),
            np.percentile(chroma[0, part], SHARES),
            np.log2(detail[:, part].mean(1) + 0.5),
        ]
    )


@dataclass(frozen=True, eq=False)
class Backdrops:
    """What the backgrounds of the examined images look like, where regions say what is object.

    `values` are their named attributes, float32 (n, attributes), and `of_all` is float32 (n, numbers), NaN where
    background or object is not known.
    """

    examined: Examined
    values: Values

    @cached_property
    def of_all(self) -> Values:
        """What all backgrounds look like, float32 (n, numbers); NaN where that is not known."""
        images = self.examined.images
        known = [] if images.regions is None else np.flatnonzero(images.regions.known).tolist()
        found = {place: one for place in known if (one := self._look(images.image(place), place)) is not None}
        looks = np.full((len(images), len(next(iter(found.values()), ()))), np.nan, dtype=np.float32)
        for place, one in found.items():
            looks[place] = one
        return looks

    @cached_property
    def grown(self) -> NDArray[np.int64]:
        """The places of the images that choose and whose background is known, at most 3,000."""
        known = ~np.isnan(self.values).any(1) & ~np.isnan(self.of_all).any(1) & bool(self.of_all.shape[1])
        choosing = np.flatnonzero(self.examined.choosing & known)
        return np.sort(np.random.default_rng((self.examined.seed, 6)).permutation(choosing)[:MOST])

    @property
    def of_grown(self) -> Values:
        """What these look like, float32 (g, numbers)."""
        return self.of_all[self.grown]

    def classes(self, fewest: int) -> list[int]:
        """Return the numbers of the classes of which so many such images choose."""
        labels = self.examined.labels[self.grown]
        return [number for number in np.unique(labels).tolist() if (labels == number).sum() >= fewest]

    def look(self, images: Iterable[Tensor], places: Sequence[int]) -> Values:
        """Return what the backgrounds of images look like, float32 (n, numbers), of which all are known."""
        found = [self._look(image, place) for image, place in zip(images, places, strict=True)]
        known = [one for one in found if one is not None]
        assert len(known) == len(found), "only images whose background is known are looked at again"
        return np.stack(known)

    def edit(self, way: Way, strength: float) -> EditOf:
        """Return how a way changes the background of an image; one of which it is not known stays as it is."""
        edit, images = way.edit(strength), self.examined.images

        def behind(image: Tensor, place: int) -> Tensor:
            region = images.region(place)
            return image if region is None else torch.where(region, image, edit(image))

        return behind

    def whole(self, way: Way, strength: float) -> None:
        """Return that nothing can be said about an image of no set."""

    def _look(self, image: Tensor, place: int) -> Values | None:
        region = self.examined.images.region(place)
        if region is None or min(image.shape[1:]) < SMALLEST:
            return None
        stride = max(1, min(-(-max(image.shape[1:]) // SIDE), min(image.shape[1:]) // SMALLEST))
        return backdrop(image.numpy()[:, ::stride, ::stride], region.numpy()[::stride, ::stride])
