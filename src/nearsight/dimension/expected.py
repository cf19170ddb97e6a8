"""How long the measurement of tile sizes will take, before it begins, from searches that are timed."""

from collections.abc import Iterable
from functools import partial

import torch

from nearsight.data import ImageSet
from nearsight.dimension.drawing import CHANNELS, positions
from nearsight.dimension.search import nearest
from nearsight.dimension.several_tiles import MOST_TILES, QUERIES, SEVERAL_BLOCKS
from nearsight.dimension.spaces import vectors
from nearsight.progress import Stopwatch
from nearsight.settings import Sampling
from nearsight.settings.sampling import count_blocks

# Tiles that are searched among others to learn how long it takes, and images that are read.
QUERIED, AMONG, READ = 256, 1024, 3
# Pixels are compared as they are and normalised.
SPACES = 2
# How often the images of a set are read for a tile size: pairs, points, and the searches.
READINGS = 4


def expected_seconds(
    train: ImageSet,
    test: ImageSet,
    sizes: Iterable[tuple[int, int]],
    sampling: Sampling,
    device: torch.device,
) -> float:
    """Return about how many seconds tiles of some heights and widths take.

    >>> from nearsight.data import load
    >>> sets, few = load("digits"), Sampling(training_tiles=500, test_images=50, points=200)
    >>> 0 < expected_seconds(sets["train"], sets["test"], [(4, 4)], few, torch.device("cpu")) < 60
    True

    The searches are counted and those of a few tiles timed; images of a set that streams are read a few times too.
    The embedding of a model is left out.
    """
    return sum(_of_size(train, test, size, sampling, device) for size in sizes)


def _of_size(
    train: ImageSet, test: ImageSet, size: tuple[int, int], sampling: Sampling, device: torch.device
) -> float:
    dimension = CHANNELS * size[0] * size[1]
    sampling = sampling.within_memory(dimension, len(train))
    queried = min(len(test), sampling.test_images)
    searched = min(len(train), sampling.training_tiles)
    tiles = searched * max(1, sampling.training_tiles // searched)
    pairs = SPACES * queried * sampling.tiles_per_test_image * tiles + min(len(train), sampling.points) ** 2
    room = int(positions(train, size).min())
    if sampling.example_images and room > 1:
        examples = min(len(train), sampling.example_images)
        blocks = count_blocks(examples)
        several = min(SEVERAL_BLOCKS, blocks)
        searches = several * min(MOST_TILES, room) + blocks - several
        pairs += SPACES * queried * QUERIES * (examples // blocks) * searches
    return pairs * _seconds_of_pair(size, device) + READINGS * _seconds_of_reading(train, searched + queried)


def _seconds_of_pair(size: tuple[int, int], device: torch.device) -> float:
    """Return how long one tile takes among one other."""
    prepare = partial(vectors, space="normalised")
    generator = torch.Generator().manual_seed(0)
    shape = (AMONG, CHANNELS * size[0] * size[1])
    tiles = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator).to(device)
    queries = prepare(tiles[:QUERIED])
    seconds = 0.0
    # What is set up for the first is not met again.
    for _ in range(2):
        watch = Stopwatch()
        nearest(queries, tiles, 1, prepare)
        seconds = watch.seconds()
    return seconds / (QUERIED * AMONG)


def _seconds_of_reading(images: ImageSet, count: int) -> float:
    if images.pixels is not None:
        return 0.0
    watch = Stopwatch()
    for place in range(min(READ, len(images))):
        images.image(place)
    return watch.seconds() / READ * count
