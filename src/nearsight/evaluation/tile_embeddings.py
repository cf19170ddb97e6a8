"""The embedding of every tile of a set, in parts, with the image and the place of each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.evaluation.chunks import Looked, resized_chunks
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


def tile_counts(bound: TiledModel, images: ImageSet) -> NDArray[np.int64]:
    """Return how many tiles a model looks at in each image of a set, int64 (n,)."""
    tile, step = bound.sides()
    sizes, place = np.unique(images.sizes, axis=0, return_inverse=True)
    counts = []
    for height, width in sizes.tolist():
        if bound.preprocessing is not None:
            height, width = bound.preprocessing.resized(height, width)
        counts.append(len(TileGrid(height, width, tile, step, bound.grid)))
    return np.array(counts, np.int64)[place.reshape(-1)]


def image_groups(counts: NDArray[np.int64]) -> list[range]:
    """Return the images whose tiles are embedded together, of the number of tiles of each: about 1,024 tiles.

    >>> image_groups(np.array([600, 600, 600, 5000, 10, 10]))
    [range(0, 2), range(2, 4), range(4, 6)]

    They depend on the set alone, and no batch has tiles of two groups, so that the last bits of an embedding do not
    depend on what else is made.
    """
    before = np.cumsum(counts) - counts
    starts = np.flatnonzero(np.diff(before // _TOGETHER, prepend=-1))
    stops = [*starts[1:].tolist(), len(counts)]
    return [range(start, stop) for start, stop in zip(starts.tolist(), stops, strict=True)]


def tile_embeddings(
    bound: TiledModel, images: ImageSet, groups: Sequence[range], workers: int = 0
) -> Iterator[tuple[range, TileEmbeddings]]:
    """Yield the embeddings of all tiles of some groups of images, in order, some of a group at a time.

    >>> import torch
    >>> from nearsight.data import MemoryImages
    >>> from nearsight.models import Classifier
    >>> pixels = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).reshape(2, 3, 4, 4)
    >>> two = ImageSet("toy", "test", ("a", "b", "c"), np.array([0, 1]), MemoryImages(pixels, ("", "")))
    >>> classifier = Classifier.of(lambda tiles: tiles.mean((2, 3)), classes=two.classes, tile=2)
    >>> bound = TiledModel(classifier, stride=2)
    >>> [(group, found)] = tile_embeddings(bound, two, image_groups(tile_counts(bound, two)))
    >>> group, found.embedding.shape, found.top[:4].tolist(), found.left[:4].tolist()
    (range(0, 2), (8, 3), [0, 0, 2, 2], [0, 2, 0, 2])

    Memory does not grow with the set. Raises `InputError` where a tile does not fit an image and for images that
    cannot be read.
    """
    numbers = np.array([number for group in groups for number in group], np.int64)
    stream = _tiles(bound, images.select(numbers), workers)
    for group in groups:
        of_group = (found for number in group for found in _numbered(number, next(stream)))
        while some := [*islice(of_group, _TOGETHER)]:
            numbered, tops, lefts, tiles = zip(*some, strict=True)
            embedding = bound.embed(tiles).float().numpy()
            image, top, left = (np.array(each, np.int32) for each in (numbered, tops, lefts))
            yield group, TileEmbeddings(image, top, left, embedding)


_Tile = tuple[int, int, Tensor]


def _numbered(number: int, tiles: Iterator[_Tile]) -> Iterator[tuple[int, int, int, Tensor]]:
    return ((number, *tile) for tile in tiles)


def _tiles(bound: TiledModel, images: ImageSet, workers: int) -> Iterator[Iterator[_Tile]]:
    """Yield the tiles of each image, with their top and their left."""
    for chunk in resized_chunks(images, bound.preprocessing, int(bound.memory * _HELD_SHARE), workers):
        for image in chunk:
            yield _tiles_of(bound, image)


def _tiles_of(bound: TiledModel, image: Looked) -> Iterator[_Tile]:
    grid = bound.grid_of(image)
    spans = [(top, top + grid.tile) for top in grid.tops]
    bands = (
        (image[:, top:bottom] for top, bottom in spans) if isinstance(image, Tensor) else image.bands(spans)
    )
    for top, band in zip(grid.tops, bands, strict=True):
        for left in grid.lefts:
            yield top, left, band[:, :, left : left + grid.tile].clone()
