"""Nearest training tiles of test tiles, block by block of training images."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.dimension.drawing import choose_images, draw_tiles
from nearsight.dimension.search import distances, nearest, piece_rows
from nearsight.dimension.spaces import Space, vectors
from nearsight.settings import Sampling
from nearsight.settings.sampling import count_blocks


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest training tile of each test tile in each block of training images.

    `owners` (tiles,) is the place of each test tile's image in `labels` (images,). `distances` and
    `neighbour_labels` are (tiles, blocks): those of the nearest tile in each block. `random` (tiles,) is the mean
    distance to one random tile of each block. `block_images` and `training_tiles` are how many training images a
    block has and how many training tiles there are in all.
    """

    owners: NDArray[np.int64]
    labels: NDArray[np.int64]
    distances: NDArray[np.float64]
    neighbour_labels: NDArray[np.int64]
    random: NDArray[np.float64]
    block_images: tuple[int, ...]
    training_tiles: int


def find_neighbours(
    train: ImageSet,
    test: ImageSet,
    size: tuple[int, int],
    sampling: Sampling,
    generator: torch.Generator,
    *,
    device: torch.device,
    tick: Callable[[int], None] = lambda _images: None,
) -> Mapping[Space, Neighbours]:
    """Return the nearest training tiles of test tiles of a height and width, in both spaces.

    >>> from nearsight.data import load
    >>> sets, few = load("digits"), Sampling(training_tiles=64, test_images=5, tiles_per_test_image=2)
    >>> found = find_neighbours(
    ...     sets["train"], sets["test"], (4, 4), few, torch.Generator(), device=torch.device("cpu")
    ... )
    >>> found["raw"].distances.shape, sum(found["raw"].block_images)
    ((10, 32), 64)

    Training images come in random order in up to 32 blocks of (nearly) equal size, so that blocks, and unions of
    them, are random training sets. A block's tiles are in memory only while it is searched. `tick` is called with
    the training images of each finished block.
    """
    chosen = choose_images(test, sampling.test_images, sampling.seed)
    queries, owners = draw_tiles(test, chosen, size, sampling.tiles_per_test_image, generator)
    # Prepared once, because preparing all of them again would not pay for a block of few tiles.
    rows = piece_rows(queries)
    pieces = [queries[start : start + rows].to(device) for start in range(0, len(queries), rows)]
    prepared = {space: torch.cat([vectors(piece, space) for piece in pieces]) for space in get_args(Space)}
    training = choose_images(train, sampling.training_tiles, sampling.seed)
    per_image = max(1, sampling.training_tiles // len(training))
    found: dict[Space, list[tuple[Tensor, NDArray[np.int64], Tensor]]] = {"raw": [], "normalised": []}
    blocks = np.array_split(training, count_blocks(len(training)))
    tiles = 0
    for block in blocks:
        reference, sources = draw_tiles(train, block, size, per_image, generator)
        at_random = torch.randint(len(reference), (len(queries),), generator=generator).to(device)
        reference, tiles = reference.to(device), tiles + len(reference)
        for space in get_args(Space):
            prepare = partial(vectors, space=space)
            near, places = nearest(prepared[space], reference, 1, prepare)
            labels = train.labels[block[sources[places[:, 0].cpu().numpy()]]]
            found[space].append(
                (near[:, 0].cpu(), labels, distances(prepared[space], reference, at_random, prepare).cpu())
            )
        tick(len(block))
    return {
        space: Neighbours(
            owners,
            test.labels[chosen],
            torch.stack([near for near, _, _ in of_blocks], 1).double().numpy(),
            np.stack([labels for _, labels, _ in of_blocks], 1),
            torch.stack([random for _, _, random in of_blocks], 1).double().mean(1).numpy(),
            tuple(map(len, blocks)),
            tiles,
        )
        for space, of_blocks in found.items()
    }
