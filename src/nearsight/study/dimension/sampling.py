"""How much of a set is measured, and drawing tiles from it."""

from dataclasses import dataclass, field, fields, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.tiles import cut_tiles

CHANNELS = 3
# A power of two: blocks of training images are joined two by two into larger training sets.
MOST_BLOCKS = 32
# Of one kind of tile that is held at once: bytes, or for test tiles vectors in float32.
_HELD_BYTES = 512 * 2**20


def _number(default: int, text: str, *, least: int = 1) -> int:
    number: int = field(default=default, metadata={"help": text, "least": least})
    return number


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How much of a set is measured: every figure says what it was measured on.

    >>> Sampling().training_tiles
    100000

    Nearest neighbours are looked for among at most `training_tiles` tiles, the same number from each training
    image and at least one, for `tiles_per_test_image` tiles of each of `test_images` images. The intrinsic
    dimension is that of `points` tiles, one an image, by their `neighbours` nearest. The correlation of tiles
    of one image is that of two tiles of each of `pairs` images. All draws are fixed by `seed`. Raises
    `InputError` for a number out of range.
    """

    training_tiles: int = _number(100_000, "training tiles among which nearest ones are looked for")
    test_images: int = _number(1_000, "test images whose tiles they are looked for")
    tiles_per_test_image: int = _number(9, "tiles of each test image")
    points: int = _number(5_000, "tiles, one an image, for the intrinsic dimension")
    neighbours: int = _number(10, "neighbours of each for Levina-Bickel", least=3)
    pairs: int = _number(2_000, "training images of which two tiles show the correlation")
    seed: int = _number(0, "fixes every draw", least=0)

    def __post_init__(self) -> None:
        for spec in fields(self):
            value, least = getattr(self, spec.name), spec.metadata["least"]
            if value < least:
                raise InputError(f"{spec.name} must be at least {least}, got {value}")

    def within_memory(self, dimension: int, images: int) -> "Sampling":
        """Return the sampling of tiles of a dimension that holds at most 512 MiB of any kind of tile at once.

        >>> Sampling().within_memory(3 * 224 * 224, images=1_000_000).points
        3566
        """
        rows = max(1, _HELD_BYTES // dimension)
        return replace(
            self,
            training_tiles=min(self.training_tiles, rows * count_blocks(images)),
            test_images=min(self.test_images, max(1, rows // (4 * self.tiles_per_test_image))),
            points=min(self.points, rows),
            pairs=min(self.pairs, max(1, rows // 2)),
        )


def count_blocks(images: int) -> int:
    """Return into how many blocks training images are divided: a power of two, at most 32.

    >>> count_blocks(50_000), count_blocks(5)
    (32, 4)
    """
    return min(MOST_BLOCKS, 1 << (images.bit_length() - 1))


def positions(images: ImageSet, size: tuple[int, int]) -> NDArray[np.int64]:
    """Return how many tiles of a height and width lie wholly inside each image, int64 of shape (images,)."""
    room: NDArray[np.int64] = (images.sizes.astype(np.int64) - np.array(size) + 1).prod(1)
    return room


def choose_images(images: ImageSet, count: int, seed: int) -> NDArray[np.int64]:
    """Return `count` images at random, or all of them where there are no more, in random order."""
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

    Returns tiles, uint8 of shape (tiles, 3 · height · width), and the place in `index` that each is from,
    int64; an image with fewer positions than `per_image` gives each of them once. Greyscale images count
    as three equal channels.
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
