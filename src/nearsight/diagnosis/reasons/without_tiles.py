"""The strongest tiles of a sample of images by what a decision loses without them."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.reasons.strongest import ImageTiles, strongest_tiles
from nearsight.diagnosis.removal import coarse_removal_map
from nearsight.progress import SILENT, Progress
from nearsight.tiles import TileGrid

# Images of all classes together, as each takes a pass for each of its tiles; and of each class, to make a reason.
MOST_IMAGES = 240
FEWEST_IMAGES = 8


def drawn_evenly(
    labels: NDArray[np.int64], most: int = MOST_IMAGES, fewest: int = FEWEST_IMAGES, *, seed: int = 0
) -> NDArray[np.int64]:
    """Return the places of some images, as many of each class that has any; none where that would be too few.

    >>> labels = np.array([0] * 50 + [2] * 50)
    >>> np.bincount(labels[drawn_evenly(labels, most=20)]).tolist(), len(drawn_evenly(np.arange(99)))
    ([10, 0, 10], 0)

    `labels` is int64 (n,). Of a class with fewer images than its share all are taken.
    """
    present = np.unique(labels)
    share = most // max(1, len(present))
    if share < fewest:
        return np.empty(0, dtype=np.int64)
    random = np.random.default_rng(seed)
    chosen = [random.permutation(np.flatnonzero(labels == number))[:share] for number in present]
    return np.sort(np.concatenate(chosen))


def tiles_by_removal(
    decision: Decision,
    images: ImageSet,
    chosen: NDArray[np.int64],
    *,
    seed: int = 0,
    progress: Progress = SILENT,
) -> Mapping[int, tuple[TileGrid, ImageTiles]]:
    """Return the grid and the strongest tiles of some images, by their places, made from their removal maps.

    A tile is strong for a class where the class's logit falls most without it, relative to the mean of the
    classes. `progress` is told how many images are done.
    """
    found = {}
    for done, place in enumerate(chosen.tolist(), start=1):
        lost = coarse_removal_map(decision, images.image(place))
        generator = torch.Generator().manual_seed((seed << 32) + place)
        found[place] = lost.grid, strongest_tiles(lost, int(images.labels[place]), generator)
        progress.count("taking tiles away", done, len(chosen))
    return found
