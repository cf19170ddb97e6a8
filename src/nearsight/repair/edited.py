"""Images of a set, some of them edited."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import GivenImages, ImageSet, MemoryImages
from nearsight.data.image_set import JoinedImages
from nearsight.data.stored import as_stored
from nearsight.repair.shortcut import EditIn

Edits = Mapping[int, Sequence[EditIn]]


def edit_image(images: ImageSet, i: int, edits: Sequence[EditIn]) -> Tensor:
    """Return image i of a set after some edits, each applied to the result of the one before; uint8 (3, H, W).

    Of an image from a JPEG, the result is compressed as the image was (`data.stored`): otherwise a network would tell
    edited images from real ones by this, and learn to distrust the edit, but not the shortcut.

    >>> pixels = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    >>> black = ImageSet("black", "train", ("a", "b"), np.array([0]), MemoryImages(pixels, ("a.png",)))
    >>> brighter = lambda images, i: images.image(i) + 5
    >>> edit_image(black, 0, [brighter, brighter]).unique().tolist()
    [10]
    """
    pixels = images.image(i)
    for number, edit in enumerate(edits):
        pixels = edit(images if number == 0 else _with_image(images, i, pixels), i)
    return as_stored(images, i, pixels) if edits else pixels


def edited(
    images: ImageSet,
    edits: Edits,
    resize: Callable[[Tensor], Tensor],
    of: NDArray[np.int64] | None = None,
) -> ImageSet:
    """Return a set in which the images that `edits` names by their places are edited, and the others unchanged.

    >>> pixels = torch.zeros(2, 3, 2, 2, dtype=torch.uint8)
    >>> black = ImageSet("black", "train", ("a", "b"), np.array([0, 1]), MemoryImages(pixels, ("a.png", "b.png")))
    >>> brighter = lambda images, i: images.image(i) + 5
    >>> edited(black, {1: [brighter]}, lambda image: image).pixels[:, 0, 0, 0].tolist()
    [0, 5]
    >>> edited(black, {1: [brighter]}, lambda image: image, np.array([0, 0, 1])).pixels[:, 0, 0, 0].tolist()
    [0, 5, 0]

    With `of`, int64 (n,), the set has image `of[k]` at each place k: an image can be there several times, edited and
    as it is. Edited images are `resize`d in the way of the network's preprocessing, because some edits need this. A
    set in memory stays there, with all of its images in that size. Of any other set nothing is held, and an image is
    edited each time it is read.
    """
    of = np.arange(len(images)) if of is None else of
    drawn = images.select(of)
    if isinstance(drawn.images, MemoryImages):
        first = resize(images.image(0)) if len(images) else torch.empty(0)
        # What is drawn is a copy.
        pixels = drawn.images.pixels
        if len(images) and first.shape != pixels.shape[1:]:
            pixels = torch.stack([resize(image) for image in drawn.images.pixels])
        for k, some in edits.items():
            pixels[k] = resize(edit_image(images, int(of[k]), some))
        return replace(drawn, images=replace(drawn.images, pixels=pixels), files=None)
    order = np.array(sorted(edits), dtype=np.int64)
    part, place = np.zeros(len(of), dtype=np.int64), np.arange(len(of), dtype=np.int64)
    part[order], place[order] = 1, np.arange(len(order))
    sizes = drawn.sizes[order].copy()
    by_size = {
        size: resize(torch.zeros(3, *size, dtype=torch.uint8)).shape[1:]
        for size in set(map(tuple, sizes.tolist()))
    }
    resized = np.array([by_size[tuple(size)] for size in sizes.tolist()], dtype=np.int32).reshape(-1, 2)
    made = GivenImages(
        _Items(images, tuple((int(of[k]), edits[k]) for k in order.tolist()), resize),
        np.arange(len(order)),
        resized,
        f"the edited images of {images.name}",
    )
    return replace(drawn, images=JoinedImages((drawn.images, made), part, place), files=None)


@dataclass(frozen=True, eq=False)
class _Items:
    """Edited images of a set, each made when it is requested: the place of each in the set, and its edits."""

    images: ImageSet
    edited: tuple[tuple[int, Sequence[EditIn]], ...]
    resize: Callable[[Tensor], Tensor]

    def __len__(self) -> int:
        return len(self.edited)

    def __getitem__(self, number: int) -> tuple[Tensor, int]:
        i, edits = self.edited[number]
        return self.resize(edit_image(self.images, i, edits)), int(self.images.labels[i])


def _with_image(images: ImageSet, i: int, pixels: Tensor) -> ImageSet:
    """Return a set in which image i has other pixels, and all other images are unchanged."""
    part, place = np.zeros(len(images), dtype=np.int64), np.arange(len(images), dtype=np.int64)
    part[i], place[i] = 1, 0
    one = MemoryImages(pixels[None], (images.path(i),), images.value_range)
    return replace(images, images=JoinedImages((images.images, one), part, place))
