"""What a run is trained on, if that is not simply the set's images."""

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.settings import Recipe

# Reading all images again would take as long as a pass over them.
FINGERPRINT_IMAGES = 16


@dataclass(frozen=True, eq=False)
class SilentTiles:
    """Tiles that should say nothing: for each image, at which places of a grid of corners they begin.

    >>> silent = SilentTiles((np.array([[True, False]]),), stride=4)
    >>> silent.at(0, torch.tensor([0, 0, 0]), torch.tensor([1, 3, 9])).tolist()
    [True, False, False]

    `corners[i]` is bool (rows, columns) of image i in the network's size; `stride` is the number of pixels
    between two of its places. A tile belongs to the place whose corner is nearest to its own.
    """

    corners: tuple[NDArray[np.bool_], ...]
    stride: int

    def at(self, i: int, tops: Tensor, lefts: Tensor) -> Tensor:
        """Return which tiles of image i are silent, bool, given their corners in pixels, int64 of one shape."""
        grid = torch.from_numpy(self.corners[i])
        return grid[places(tops, lefts, self.stride, (grid.shape[0], grid.shape[1]))]

    def select(self, index: NDArray[np.int64]) -> "SilentTiles":
        """Return the tiles of a subset of the images, in the order of `index`."""
        return SilentTiles(tuple(self.corners[i] for i in index.tolist()), self.stride)


def places(tops: Tensor, lefts: Tensor, stride: int, grid: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the rows and columns of a grid of corners that are nearest to corners in pixels, int64 like these.

    >>> places(torch.tensor([0, 7]), torch.tensor([5, 99]), 4, (3, 2))
    (tensor([0, 2]), tensor([1, 1]))
    """
    rows, columns = grid
    return (
        ((tops + stride // 2) // stride).clamp_max(rows - 1),
        ((lefts + stride // 2) // stride).clamp_max(columns - 1),
    )


@dataclass(frozen=True, eq=False)
class Material:
    """What a run is trained on in place of its set's own training images.

    `images` are what the network sees: the set's own, edited, left out or repeated; the run still lists its set.
    The target of `silent` tiles is equal probability for all classes, so that they learn to say nothing. `groups`
    is the group of each of `images`, int64 (n,): with it the loss is that of the worst group (group DRO: Sagawa,
    Koh, Hashimoto and Liang, ICLR 2020).
    """

    images: ImageSet
    silent: SilentTiles | None = None
    groups: NDArray[np.int64] | None = None


def fingerprint(material: Material, compared: int = FINGERPRINT_IMAGES) -> str:
    """Return what distinguishes one material from another: labels, groups, silent tiles and some images' pixels.

    >>> from dataclasses import replace
    >>> from nearsight.data import load
    >>> images = load("digits")["train"].select(np.arange(20))
    >>> one, other = Material(images), Material(images, groups=np.arange(20))
    >>> fingerprint(one) == fingerprint(replace(other, groups=None)), fingerprint(one) == fingerprint(other)
    (True, False)

    `compared` is how many images are read, evenly over all.
    """
    images, silent, groups = material.images, material.silent, material.groups
    digest = blake2b(images.labels.tobytes(), digest_size=16)
    for i in np.linspace(0, len(images) - 1, compared).astype(int):
        digest.update(images.image(int(i)).numpy().tobytes())
    if groups is not None:
        digest.update(b"groups" + groups.tobytes())
    if silent is not None:
        digest.update(b"silent %d" % silent.stride)
        for corners in silent.corners:
            digest.update(np.packbits(corners).tobytes())
    return digest.hexdigest()


def check_material(material: Material, recipe: Recipe, devices: int = 1) -> None:
    """Raise `InputError` if a recipe, or several processes, cannot train on a material.

    >>> from nearsight.data import load
    >>> images = load("digits")["train"].select(np.arange(2))
    >>> check_material(Material(images, groups=np.array([0])), Recipe())
    Traceback (most recent call last):
    nearsight.errors.InputError: `groups` must give each of the 2 images its group, got 1
    """
    count = len(material.images)
    for name in ("cutmix", "mixup"):
        share = getattr(recipe, name)
        if share is not None and (material.groups is not None or material.silent is not None):
            raise InputError(
                f"a mixed image is of two groups and silent in a part, and {name} is {share:g}; leave it out"
            )
    if material.groups is not None:
        _check_groups(material.groups, count)
        if devices > 1:
            raise InputError(
                f"the loss of the worst group is taken in one process, got {devices}; give `devices=1`"
            )
    if material.silent is None:
        return
    if len(material.silent.corners) != count:
        raise InputError(
            f"silent must tell of each of the {count} images, got {len(material.silent.corners)}"
        )
    shapes = {corners.shape for corners in material.silent.corners}
    if material.images.pixels is not None and len(shapes) > 1:
        raise InputError(f"images of one size have one grid of silent tiles, got {len(shapes)} shapes of it")
    if recipe.tile is None:
        raise InputError("tiles can be silent only where a run is trained on tiles; give `tile`")
    if recipe.tile_schedule is not None:
        raise InputError(
            f"silent tiles are of one size, and tile_schedule is {recipe.tile_schedule}; leave it out"
        )
    if recipe.tiles_per_image > 1:
        raise InputError(
            f"a silent tile is judged by itself, and tiles_per_image is {recipe.tiles_per_image}; "
            "give `tiles_per_image=1`"
        )


def _check_groups(groups: NDArray[np.int64], count: int) -> None:
    if len(groups) != count:
        raise InputError(f"`groups` must give each of the {count} images its group, got {len(groups)}")
    if groups.min() < 0:
        raise InputError(f"`groups` are numbered from 0, got {groups.min()}")
