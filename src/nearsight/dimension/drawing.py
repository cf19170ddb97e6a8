"""Drawing tiles from a set."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.tiles import cut_tiles

CHANNELS = 3


def positions(images: ImageSet, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return how many tiles of a height and width are completely inside each image, int64 of shape (images,)."""
    room: NDArray[np.int64] = (images.sizes.astype(np.int64) - np.array(size) + 1).prod(1)
    return room


def choose_images(images: ImageSet, count: int, seed: int) -> NDArray[np.int64]:
    """Return `count` images at random, or all of them if there are no more, in random order."""
    return np.random.default_rng(seed).permutation(len(images))[:count]


def draw_tiles(
    images: ImageSet,
    index: NDArray[np.int64],
    size: tuple[int, int],
    per_image: int,
    generator: torch.Generator,
) -> tuple[Tensor, NDArray[np.int64]]:
    """Draw up to `per_image` different tiles from each image in `index`, all positions equally likely.

    >>> from nearsight.data import load
    >>> images = load("digits")["train"]
    >>> tiles, owners = draw_tiles(images, np.array([7, 5]), (8, 7), per_image=3, generator=torch.Generator())
    >>> tiles.shape, owners.tolist()
    (torch.Size([4, 168]), [0, 0, 1, 1])

    Returns tiles, uint8 of shape (tiles, 3 · height · width), and the place in `index` from which each comes,
    int64. An image with fewer positions than `per_image` gives each of them once. Greyscale images count as three
    equal channels.
    """
    drawn, owners = [], []
    for place, number in enumerate(index):
        image = images.image(int(number))
        rows, columns = (image.shape[axis + 1] - size[axis] + 1 for axis in (0, 1))
        chosen = torch.randperm(rows * columns, generator=generator)[:per_image]
        alone = torch.zeros_like(chosen)
        tiles = cut_tiles(image[None], alone, chosen // columns, chosen % columns, size)
        drawn.append(tiles.flatten(1))
        owners += [place] * len(chosen)
    return torch.cat(drawn), np.array(owners, dtype=np.int64)
