"""Groups of images that are alike at one place of the picture, more than images of many classes are by chance."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.repeats.steps import KINDS, Usual, in_blocks

# Blocks along the longer side of the picture, and the least number of pixels per block side.
BLOCKS = 12
SMALLEST_BLOCK = 4
# As a share of the values of a block. It keeps plain places, which agree in nothing, from being scaled up.
PLAIN = 0.1
ROUNDS = 25
DRAWS = 8
# With more classes, each is too small a part of the background to matter.
FEW_CLASSES = 20


@dataclass(frozen=True, eq=False)
class Windows:
    """Parts of the picture made of blocks: squares of 1 to 3 blocks, rows, columns, the rim, the middle, and all.

    `members` is float32 (windows, blocks), 1 where a block is in a window.

    >>> Windows.of(4, 4).members.shape[1]
    16
    """

    members: Tensor

    @staticmethod
    def of(rows: int, columns: int) -> "Windows":
        """Return the windows of a picture of so many rows and columns of blocks."""
        found = []
        for part in _parts(rows, columns):
            chosen = np.zeros((rows, columns), dtype=np.float32)
            chosen[part] = 1
            found.append(chosen.ravel())
        rim = np.ones((rows, columns), dtype=np.float32)
        rim[1:-1, 1:-1] = 0
        found.append(rim.ravel())
        return Windows(torch.from_numpy(np.unique(np.stack(found), axis=0)))


def _parts(rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    everything = slice(None)
    for side in (1, 2, 3):
        for top in range(rows - side + 1):
            for left in range(columns - side + 1):
                yield slice(top, top + side), slice(left, left + side)
    yield from ((slice(row, row + 1), everything) for row in range(rows))
    yield from ((everything, slice(column, column + 1)) for column in range(columns))
    quarter_down, quarter_across = rows // 4, columns // 4
    middle = slice(quarter_down, rows - quarter_down)
    yield middle, slice(quarter_across, columns - quarter_across)
    yield middle, everything
    yield everything, everything


def likeness(products: Tensor, windows: Tensor, values: int) -> Tensor:
    """Return how alike images are in each window, (windows, n, n): 1 for the same steps, 0 for unrelated ones.

    `products` (blocks, n, n) are scalar products of the images' steps in each block, each over `values` numbers.
    """
    count = products.shape[1]
    alike = (windows @ products.flatten(1)).reshape(len(windows), count, count)
    squares = alike.diagonal(dim1=1, dim2=2) + PLAIN * values * windows.sum(1)[:, None]
    scale = squares.rsqrt()
    alike.mul_(scale[:, :, None]).mul_(scale[:, None, :])
    alike.diagonal(dim1=1, dim2=2).fill_(1.0)
    return alike


def strongest_group(alike: Tensor) -> tuple[Tensor, Tensor]:
    """Return the size of the strongest group in each matrix of likeness, and how strongly each image belongs to it.

    >>> alike = torch.eye(5)[None]
    >>> alike[0, :3, :3] = 1.0
    >>> size, belongs = strongest_group(alike)
    >>> round(float(size), 2), belongs[0].round(decimals=2).tolist()
    (2.0, [0.5799999833106995, 0.5799999833106995, 0.5799999833106995, 0.0, 0.0])

    `alike` is (windows, n, n) with ones on the diagonal. The size is the largest eigenvalue minus 1, (windows,):
    for k images that agree fully with one another and with no others, it is k − 1. Belonging is its eigenvector,
    (windows, n).
    """
    # NumPy multiplies many small matrices by a vector each several times faster than torch does.
    matrices = alike.numpy()
    vector = alike.clamp(min=0).sum(2).numpy() ** 2
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    size = np.zeros(len(matrices), dtype=np.float32)
    for _ in range(ROUNDS):
        turned = np.matmul(matrices, vector[:, :, None])[:, :, 0]
        size = (turned * vector).sum(1)
        vector = turned / np.linalg.norm(turned, axis=1, keepdims=True).clip(min=1e-9)
    return torch.from_numpy(size - 1), torch.from_numpy(vector)


@dataclass(frozen=True, eq=False)
class Ground:
    """Images of all classes, seen at one anchor, on which likeness by chance is measured.

    `pixels` is uint8 (n, 3, height, width), `labels` (n,).
    """

    pixels: Tensor
    labels: NDArray[np.int64]
    seed: int = 0

    @cached_property
    def _usual(self) -> Usual:
        return Usual.of(self.pixels)

    @cached_property
    def _steps(self) -> Tensor:
        return self._usual.unusual(self.pixels)

    @cached_property
    def _few(self) -> bool:
        return len(np.unique(self.labels)) <= FEW_CLASSES

    def others(self, label: int | None) -> Tensor:
        """Return which images are of other classes than one, bool (n,)."""
        return torch.from_numpy(self.labels != (-1 if label is None else label))

    def usual(self, label: int | None) -> Usual:
        """Return what steps usually are in images of other classes than one.

        If there are many classes, it is what they are in all images.
        """
        if label is None or not self._few:
            return self._usual
        centre = self._steps[self.others(label)].mean(0)
        return Usual(self._usual.scale, self._usual.mean + centre)

    @property
    def block(self) -> int:
        """The side of a block, in pixels."""
        return max(SMALLEST_BLOCK, max(self.pixels.shape[2:]) // BLOCKS)

    @cached_property
    def windows(self) -> Tensor:
        """The windows of their picture, (windows, blocks)."""
        height, width = self.pixels.shape[2:]
        return Windows.of(-(-height // self.block), -(-width // self.block)).members

    @cached_property
    def _products(self) -> Tensor:
        blocks, _ = in_blocks(self._steps, self.block)
        return torch.bmm(blocks, blocks.transpose(1, 2))

    def _products_of(self, images: Tensor) -> Tensor:
        """Return the scalar products of some images, (blocks, n, n); one gather is faster than two of whole rows."""
        pairs = images[:, None] * len(self.labels) + images
        found = self._products.flatten(1).index_select(1, pairs.flatten())
        return found.reshape(-1, len(images), len(images))

    def groups(self, steps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the strongest group in each window among images given by their unusual steps."""
        blocks, _ = in_blocks(steps, self.block)
        products = torch.bmm(blocks, blocks.transpose(1, 2))
        return strongest_group(likeness(products, self.windows, blocks.shape[2]))

    def chance(self, count: int, without: int | None) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation of the groups' sizes among `count` images drawn from all classes.

        `without` leaves a class out, which matters if there are few. Both are (windows,).
        """
        key = (count, without if self._few else None)
        if key not in self._known:
            theirs = self.others(key[1])
            allowed, share = torch.nonzero(theirs).squeeze(1), theirs / theirs.sum()
            # As if each image's steps were given minus the mean of these images.
            means = self._products @ share
            mean = (means @ share)[:, None, None]
            random = np.random.default_rng((self.seed, count))
            values = KINDS * self.block**2
            sizes = []
            for _ in range(DRAWS):
                drawn = allowed[torch.from_numpy(random.permutation(len(allowed))[:count])]
                offset = means[:, drawn]
                products = self._products_of(drawn) - offset[:, :, None] - offset[:, None, :] + mean
                sizes.append(strongest_group(likeness(products, self.windows, values))[0])
            stacked = torch.stack(sizes)
            self._known[key] = stacked.mean(0), stacked.std(0)
        return self._known[key]

    @cached_property
    def _known(self) -> dict[tuple[int, int | None], tuple[Tensor, Tensor]]:
        return {}
