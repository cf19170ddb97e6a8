"""The embedding of every tile of a set, in parts, with the image and the place of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.evaluation.chunks import resized_chunks
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid

if TYPE_CHECKING:
    import pyarrow as pa

# Tiles whose embeddings are made and handed out together.
_TOGETHER = 1024
# The share of the memory bound that decoded images may take.
_HELD_SHARE = 1 / 8


@dataclass(frozen=True, eq=False)
class TileEmbeddings:
    """Embeddings of some tiles, float32 (n, features), with the number of each one's image and its place there.

    `image`, `top` and `left` are int32 (n,); places are in pixels of the image as the model sees it, resized.
    """

    image: NDArray[np.int32]
    top: NDArray[np.int32]
    left: NDArray[np.int32]
    embedding: NDArray[np.float32]

    def table(self, images: ImageSet) -> "pa.Table":
        """Return a row for each tile: `image`, `path`, `label`, `class`, `top`, `left` and `embedding`."""
        import pyarrow as pa

        seen, place = np.unique(self.image, return_inverse=True)
        paths = pa.array([images.images.path(int(i)) for i in seen], pa.string())
        labels = images.labels[self.image]
        values = pa.array(self.embedding.reshape(-1))
        return pa.table(
            {
                "image": self.image,
                "path": paths.take(pa.array(place)),
                "label": labels,
                "class": pa.array(images.classes, pa.string()).take(pa.array(labels)),
                "top": self.top,
                "left": self.left,
                "embedding": pa.FixedSizeListArray.from_arrays(values, self.embedding.shape[1]),
            }
        )


def tile_count(bound: TiledModel, images: ImageSet) -> int:
    """Return how many tiles a model looks at in the images of a set."""
    (tile, step), total = bound.sides(), 0
    sizes, counts = np.unique(images.sizes, axis=0, return_counts=True)
    for (height, width), count in zip(sizes.tolist(), counts.tolist(), strict=True):
        if bound.preprocessing is not None:
            height, width = bound.preprocessing.resized(height, width)
        total += count * len(TileGrid(height, width, tile, step, bound.grid))
    return total


def tile_embeddings(bound: TiledModel, images: ImageSet, workers: int = 0) -> Iterator[TileEmbeddings]:
    """Yield the embeddings of all tiles of a set in their order, some at a time; memory does not grow with the set.

    >>> import torch
    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Classifier
    >>> pixels = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    >>> two = ImageSet("toy", "test", ("a", "b", "c"), np.array([0, 1]), MemoryImages(pixels, ("", "")))
    >>> classifier = Classifier.of(lambda tiles: tiles.mean((2, 3)), classes=two.classes, tile=2)
    >>> bound = TiledModel(classifier, stride=2)
    >>> [found] = tile_embeddings(bound, two)
    >>> found.embedding.shape, found.top[:4].tolist(), found.left[:4].tolist()
    ((8, 3), [0, 0, 2, 2], [0, 2, 0, 2])

    Raises `InputError` where a tile does not fit an image and for images that cannot be read.
    """
    stream = _tiles(bound, images, workers)
    while some := [*islice(stream, _TOGETHER)]:
        numbers, tops, lefts, tiles = zip(*some, strict=True)
        found = bound.embed(tiles).float().numpy()
        image, top, left = (np.array(each, np.int32) for each in (numbers, tops, lefts))
        yield TileEmbeddings(image, top, left, found)


def _tiles(bound: TiledModel, images: ImageSet, workers: int) -> Iterator[tuple[int, int, int, Tensor]]:
    """Yield the tiles of all images, each with its image's number, its top and its left."""
    number = 0
    for chunk in resized_chunks(images, bound.preprocessing, int(bound.memory * _HELD_SHARE), workers):
        for image in chunk:
            grid = bound.grid_of(image)
            spans = [(top, top + grid.tile) for top in grid.tops]
            bands = (
                (image[:, top:bottom] for top, bottom in spans)
                if isinstance(image, Tensor)
                else image.bands(spans)
            )
            for top, band in zip(grid.tops, bands, strict=True):
                for left in grid.lefts:
                    yield number, top, left, band[:, :, left : left + grid.tile].clone()
            number += 1
