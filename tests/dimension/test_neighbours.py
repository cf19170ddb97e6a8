"""Neighbours block by block: together they are the neighbours among all training tiles."""

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from nearsight.data import ImageSet, ImageSets
from nearsight.dimension.neighbours import find_neighbours
from nearsight.dimension.spaces import vectors
from nearsight.settings import Sampling

CPU = torch.device("cpu")
NoiseSets = Callable[..., ImageSets]
MakeSet = Callable[..., ImageSet]


@pytest.mark.parametrize("space", ["raw", "normalised"])
def test_the_nearest_over_blocks_is_the_nearest_of_all(noise_sets: NoiseSets, space) -> None:  # type: ignore[no-untyped-def]
    sets = noise_sets(train=37, test=5, side=5)
    # As many tiles as there are positions, so that nothing is left to chance.
    every = Sampling(training_tiles=37 * 4, test_images=5, tiles_per_test_image=4)
    found = find_neighbours(sets["train"], sets["test"], (4, 4), every, torch.Generator(), device=CPU)[space]
    cut = partial(torch.Tensor.unfold, size=4, step=1)
    tiles = {
        split: cut(cut(sets[split].pixels, 2), 3).permute(0, 2, 3, 1, 4, 5).reshape(-1, 48) for split in sets
    }
    points = {split: vectors(tiles[split], space).double().numpy() for split in tiles}
    distances, places = NearestNeighbors(n_neighbors=1).fit(points["train"]).kneighbors(points["test"])
    nearest = found.distances.argmin(1)
    labels = found.neighbour_labels[np.arange(20), nearest]
    assert found.training_tiles == 148
    assert np.sort(found.distances.min(1)) == pytest.approx(np.sort(distances[:, 0]), rel=1e-5)
    images = np.repeat(np.arange(5), 4)
    theirs = sorted(zip(sets["test"].labels[images], sets["train"].labels[places[:, 0] // 4], strict=True))
    assert sorted(zip(found.labels[found.owners], labels, strict=True)) == theirs


def test_every_training_image_is_in_one_block(noise_sets: NoiseSets) -> None:
    sets = noise_sets(train=45)
    done: list[int] = []
    found = find_neighbours(
        sets["train"], sets["test"], (8, 8), Sampling(), torch.Generator(), device=CPU, tick=done.append
    )["raw"]
    assert sum(found.block_images) == sum(done) == found.training_tiles == 45
    assert set(found.block_images) == {1, 2}
    assert found.distances.shape == (12, 32)


def test_fewer_training_tiles_than_images_take_some_images(noise_sets: NoiseSets) -> None:
    sets, few = noise_sets(train=45), Sampling(training_tiles=10)
    found = find_neighbours(sets["train"], sets["test"], (4, 4), few, torch.Generator(), device=CPU)["raw"]
    assert sum(found.block_images) == found.training_tiles == 10


def test_random_tiles_are_as_far_as_noise_is(noise_sets: NoiseSets) -> None:
    sets = noise_sets(train=64, test=64)
    found = find_neighbours(sets["train"], sets["test"], (8, 8), Sampling(), torch.Generator(), device=CPU)
    # Two uniform values from 0 to 1 differ by a square of 1/6 on average.
    assert found["raw"].random.mean() == pytest.approx(np.sqrt(192 / 6), rel=0.01)
    assert found["normalised"].random.mean() == pytest.approx(np.sqrt(2 * 192), rel=0.02)


def test_a_test_image_among_the_training_images_is_found(image_set: MakeSet) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 3, 6, 6))
    train = image_set(pixels, np.arange(9) % 4)
    test = image_set(pixels[[7]], [3], split="test")
    found = find_neighbours(train, test, (6, 6), Sampling(), torch.Generator(), device=CPU)["raw"]
    assert found.distances.min() == 0
    assert found.neighbour_labels[0, found.distances.argmin()] == 7 % 4
