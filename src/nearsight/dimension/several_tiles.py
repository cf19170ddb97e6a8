"""Nearest training tiles among several tiles of few images, and among one tile each of many."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.dimension.drawing import CHANNELS, choose_images, draw_tiles, positions
from nearsight.dimension.neighbours import Neighbours
from nearsight.dimension.search import Prepare, nearest, piece_rows
from nearsight.dimension.spaces import Space, vectors
from nearsight.settings import Sampling
from nearsight.settings.sampling import count_blocks

# Where tiles are compared: in pixels, or in the embedding of a model.
Place = Literal["raw", "normalised", "embedding"]
Embed = Callable[[Tensor], Tensor]

# In this many blocks of images, several tiles of each image are searched, up to this many.
SEVERAL_BLOCKS, MOST_TILES = 8, 16
# Tiles of each test image; half as many would hardly widen the intervals.
QUERIES = 4


@dataclass(frozen=True, eq=False)
class SeveralTiles:
    """The nearest training tile of each test tile, among one tile each of all images and several each of some.

    `single` is among one tile of each image of each block. `distances` and `neighbour_labels` (tiles, blocks, k)
    are those of the nearest among the first, the second, … tile of each image of the first blocks; the first is
    `single`'s.
    """

    single: Neighbours
    distances: NDArray[np.float64]
    neighbour_labels: NDArray[np.int64]


def find_several(
    train: ImageSet,
    test: ImageSet,
    size: tuple[int, int],
    sampling: Sampling,
    *,
    device: torch.device,
    embed: Embed | None = None,
    tick: Callable[[int], None] = lambda _images: None,
) -> Mapping[Place, SeveralTiles]:
    """Return the nearest training tiles of test tiles of a height and width, in each place where they are compared.

    >>> from nearsight.data import load
    >>> sets, few = load("digits"), Sampling(example_images=64, test_images=5)
    >>> found = find_several(sets["train"], sets["test"], (4, 4), few, device=torch.device("cpu"))
    >>> found["raw"].single.distances.shape, found["raw"].distances.shape
    ((20, 32), (20, 8, 16))

    Training images come in random order in blocks, as in `find_neighbours`. `embed` takes uint8 tiles (n, 3,
    height, width) and returns their vectors, float (n, features). `tick` is called with the images of each
    finished block.
    """
    generator = torch.Generator().manual_seed(sampling.seed)
    chosen = choose_images(test, sampling.test_images, sampling.seed)
    training = choose_images(train, sampling.example_images, sampling.seed)
    most = min(MOST_TILES, int(positions(train, size)[training].min()))
    spaces: dict[Place, Prepare] = {space: partial(vectors, space=space) for space in get_args(Space)}
    if embed is not None:
        spaces["embedding"] = lambda tiles: embed(tiles.reshape(-1, CHANNELS, *size))
    queries, owners = draw_tiles(test, chosen, size, QUERIES, generator)
    prepared = {place: _prepared(queries, prepare).to(device) for place, prepare in spaces.items()}
    blocks = np.array_split(training, count_blocks(len(training)))
    near: dict[Place, list[Tensor]] = {place: [] for place in spaces}
    labels: dict[Place, list[NDArray[np.int64]]] = {place: [] for place in spaces}
    for number, block in enumerate(blocks):
        each = most if number < SEVERAL_BLOCKS else 1
        reference, _ = draw_tiles(train, block, size, each, generator)
        for place, prepare in spaces.items():
            # Pixels become vectors piece by piece when they are searched, embeddings at once.
            rows = _prepared(reference, prepare) if place == "embedding" else reference
            for one in range(each):
                found, places = nearest(prepared[place], rows[one::each].to(device), 1, prepare)
                near[place].append(found[:, 0].cpu())
                labels[place].append(train.labels[block[places[:, 0].cpu().numpy()]])
        tick(len(block))
    return {
        place: _arranged(
            torch.stack(near[place], 1).double().numpy(),
            np.stack(labels[place], 1),
            most,
            owners,
            test.labels[chosen],
            tuple(map(len, blocks)),
        )
        for place in spaces
    }


def _prepared(tiles: Tensor, prepare: Prepare) -> Tensor:
    rows = piece_rows(tiles)
    return torch.cat([prepare(tiles[start : start + rows]) for start in range(0, len(tiles), rows)])


def _arranged(
    near: NDArray[np.float64],
    near_labels: NDArray[np.int64],
    most: int,
    owners: NDArray[np.int64],
    labels: NDArray[np.int64],
    block_images: tuple[int, ...],
) -> SeveralTiles:
    """Divide the searches, columns in the order in which they were made, by block and by tile of each image."""
    several = min(SEVERAL_BLOCKS, len(block_images))
    shape = (len(near), several, most)
    first = np.r_[np.arange(several) * most, several * most : near.shape[1]]
    single = Neighbours(
        owners,
        labels,
        near[:, first],
        near_labels[:, first],
        np.full(len(near), np.nan),
        block_images,
        sum(block_images),
    )
    return SeveralTiles(
        single,
        near[:, : several * most].reshape(shape),
        near_labels[:, : several * most].reshape(shape),
    )
