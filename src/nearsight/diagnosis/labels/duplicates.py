"""Near-duplicates: images of one split that are also in another split."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.data.thumbnails import CHUNK, NEAR, THUMBNAIL, thumbnails
from nearsight.settings.choices import DEFAULT_MEMORY


@dataclass(frozen=True)
class Duplicate:
    """An examined image and its nearest image in another split.

    `index` and `other_index` are places in the two sets. `distance` is between their thumbnails, as
    `near_duplicates` makes them: 0 for the same picture, about √2 for unrelated ones.
    """

    index: int
    path: str
    other_split: str
    other_index: int
    other_path: str
    distance: float
    same_label: bool


def near_duplicates(
    images: ImageSet,
    others: Mapping[str, ImageSet],
    *,
    most: int | None = None,
    memory: int = DEFAULT_MEMORY,
) -> tuple[Duplicate, ...]:
    """Return the examined images that are nearly the same picture as one of another split, nearest first.

    >>> import numpy as np
    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.randint(0, 200, (2, 3, 32, 32), dtype=torch.uint8)
    >>> def split(name, pixels):
    ...     return ImageSet("toy", name, ("cat", "dog"), np.zeros(len(pixels), int), MemoryImages(pixels, ("",) * 2))
    >>> found = near_duplicates(split("test", pixels), {"train": split("train", pixels.flip(0) + 30)})
    >>> [(duplicate.index, duplicate.other_index) for duplicate in found]
    [(0, 1), (1, 0)]

    `others` are the splits to search, by name; an examined image is reported once for each split that contains
    it. `most` keeps only this many, the nearest. A thumbnail is the image averaged over 16×16 cells, in each
    channel minus the means of its rows and of its columns, scaled to length 1; so brightness, contrast, a colour
    cast, and a horizon or vignette have no effect. Near means a Euclidean distance of up to 0.55. Two kinds of
    image are left out because they are too plain to compare: those with a side below 16 pixels, and those whose
    thumbnail deviates by less than 2 grey levels (root mean square of 0 to 255).

    The threshold was set by looking at the 10,000 test images of CIFAR-10 against its 50,000 others. Up to 0.5
    there are 204 pairs, all with one label, and all of the 44 that we looked at show one photograph or one
    series. From 0.5 to 0.55 there are 27, of which 26 do. From 0.6 to 0.65 about half of 30 do; the others are
    alike only in outline. Without levelling rows and columns, pictures of sea and sky come as near as copies do.
    With learned features and by eye, Barz and Denzler (arXiv 1902.00423) found such copies for 3.3 % of these
    images, where this finds 2.3 %: it misses mirror images, crops and shifted copies. Drawings on a plain
    background, such as digits, can be near without being copies.

    It holds 3 kB per examined image, one decoded image, and a bounded part of the other splits in memory, of
    which less than `memory` is converted to float at a time. Time grows with the product of the numbers of
    images. Images too large to be held are read part by part. Raises `InputError` for an image that cannot be read.
    """
    ours = torch.cat([torch.empty(0, 3 * THUMBNAIL**2), *thumbnails(images, memory)])
    found = [
        Duplicate(
            index=index,
            path=images.path(index),
            other_split=split,
            other_index=other,
            other_path=others[split].path(other),
            distance=distance,
            same_label=bool(images.labels[index] == others[split].labels[other]),
        )
        for split in others
        for index, other, distance in _nearest(ours, thumbnails(others[split], memory))
    ]
    found.sort(key=lambda duplicate: (duplicate.distance, duplicate.index))
    return tuple(found[:most])


def _nearest(ours: Tensor, theirs: Iterator[Tensor]) -> Iterator[tuple[int, int, float]]:
    """Yield each of our thumbnails that is near one of theirs, with the nearest of theirs and the distance."""
    nearest = torch.full((len(ours),), torch.inf)
    place = torch.zeros(len(ours), dtype=torch.int64)
    start = 0
    for chunk in theirs:
        for first in range(0, len(ours), CHUNK):
            rows = slice(first, first + CHUNK)
            closest = (ours[rows] @ chunk.T).argmax(1)
            # The root of 2 − 2 × product would lose the last digits of a copy's distance.
            distance = (ours[rows] - chunk[closest]).norm(dim=1)
            nearer = distance < nearest[rows]
            nearest[rows] = torch.where(nearer, distance, nearest[rows])
            place[rows] = torch.where(nearer, closest + start, place[rows])
        start += len(chunk)
    for index in ((nearest <= NEAR) & ours.any(1)).nonzero()[:, 0].tolist():
        yield index, int(place[index]), float(nearest[index])
