"""Coverage: unions of blocks, votes and slopes against what is known of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.dimension.coverage import image_votes, line_slope, measure_coverage, measure_curve
from nearsight.dimension.neighbours import Neighbours, find_neighbours
from nearsight.settings import Sampling

MakeSet = Callable[..., ImageSet]


def random_neighbours(tiles: int = 12, blocks: int = 8, seed: int = 0) -> Neighbours:
    random = np.random.default_rng(seed)
    return Neighbours(
        owners=np.sort(random.integers(0, 3, tiles) % 3),
        labels=np.array([0, 1, 2]),
        distances=random.random((tiles, blocks)),
        neighbour_labels=random.integers(0, 3, (tiles, blocks)),
        random=1 + random.random(tiles),
        block_images=(5,) * blocks,
        training_tiles=40,
    )


def test_the_curve_is_that_of_every_union_taken_one_by_one() -> None:
    found = random_neighbours()
    curve = measure_curve(found)
    assert curve.images.tolist() == [5, 10, 20, 40]
    for size, blocks in enumerate((1, 2, 4, 8)):
        distances, right = np.zeros(3), np.zeros(3)
        for tile, image in enumerate(found.owners):
            count = (found.owners == image).sum() * (8 // blocks)
            for first in range(0, 8, blocks):
                best = min(range(first, first + blocks), key=lambda block: found.distances[tile, block])
                distances[image] += found.distances[tile, best] / count
                right[image] += (found.neighbour_labels[tile, best] == found.labels[image]) / count
        assert curve.distances[:, size] == pytest.approx(distances)
        assert curve.right[:, size] == pytest.approx(right)


def test_votes_share_ties() -> None:
    found = random_neighbours(tiles=30)
    votes = image_votes(found, classes=3)
    for image in range(3):
        mine = found.owners == image
        labels = found.neighbour_labels[mine][np.arange(mine.sum()), found.distances[mine].argmin(1)]
        counts = np.bincount(labels, minlength=3)
        ties = np.flatnonzero(counts == counts.max())
        assert votes[image] == (1 / len(ties) if image in ties else 0)


def test_distances_that_fall_as_the_theory_says_have_its_slope() -> None:
    found = random_neighbours(blocks=32)
    # With one more block each time, the nearest of n blocks is at n^(−1/5).
    falling = np.arange(1, 33.0) ** (-1 / 5)
    exact = Neighbours(
        found.owners,
        found.labels,
        np.repeat(np.sort(falling)[::-1][None], 12, 0),
        found.neighbour_labels,
        found.random,
        found.block_images,
        40,
    )
    curve = measure_curve(exact)
    unions = [
        np.mean([falling[first + width - 1] for first in range(0, 32, width)])
        for width in (1, 2, 4, 8, 16, 32)
    ]
    slope = np.polyfit(np.log(curve.images), np.log(unions), 1)[0]
    measured = measure_coverage(exact, curve, classes=3).slope
    assert (measured.value, measured.low, measured.high) == pytest.approx((slope,) * 3)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_points_of_a_cube_are_covered_at_the_slope_of_their_dimension(dimension: int) -> None:
    random = np.random.default_rng(dimension)
    queries, blocks = random.random((300, dimension)), random.random((32, 200, dimension))
    distances = np.linalg.norm(queries[:, None, None] - blocks, axis=-1).min(2)
    found = Neighbours(
        np.arange(300), np.zeros(300, dtype=np.int64), distances, np.ones((300, 32), dtype=np.int64),
        np.ones(300), (200,) * 32, 6400,
    )  # fmt: skip
    slope = measure_coverage(found, measure_curve(found), classes=2).slope
    assert slope.value == pytest.approx(-1 / dimension, rel=0.12)


def test_classes_of_one_colour_are_told_apart_by_every_tile(image_set: MakeSet) -> None:
    labels = np.arange(24) % 4
    noise = np.random.default_rng(0).integers(0, 9, (24, 3, 6, 6))
    images = image_set(60 * labels[:, None, None, None] + noise, labels)
    covered = cover(images, images.select(np.arange(8)))
    assert covered.tile_agreement.value == covered.image_agreement.value == 1
    assert covered.relative.value < 0.1


def test_labels_without_meaning_agree_by_chance(image_set: MakeSet) -> None:
    random = np.random.default_rng(1)
    images = image_set(random.integers(0, 256, (400, 3, 6, 6)), random.integers(0, 4, 400))
    covered = cover(images.select(np.arange(200)), images.select(np.arange(200, 400)))
    assert covered.tile_agreement.low < 0.25 < covered.tile_agreement.high
    assert covered.image_agreement.low < 0.25 < covered.image_agreement.high
    assert covered.repeated == 0


def test_training_images_seen_again_are_repeated(image_set: MakeSet) -> None:
    images = image_set(np.random.default_rng(2).integers(0, 256, (10, 3, 4, 4)), np.arange(10) % 4)
    covered = cover(images, images, tile=4)
    assert covered.repeated == 1
    assert covered.slope.reason.startswith("every test tile repeats a training tile")
    assert covered.relative.value == 0


def test_images_that_are_all_alike_say_so(image_set: MakeSet) -> None:
    images = image_set(np.full((10, 3, 6, 6), 90), np.arange(10) % 4)
    covered = cover(images, images)
    assert covered.relative.reason == "all tiles are alike: random tiles are at no distance"
    assert covered.nearest.value == covered.random.value == 0


def test_one_class_and_few_images_say_so(image_set: MakeSet) -> None:
    images = image_set(np.random.default_rng(3).integers(0, 256, (3, 3, 6, 6)), [2, 2, 2])
    covered = cover(images, images)
    assert covered.tile_agreement.reason == "all images carry one class, so every label agrees"
    assert covered.image_agreement.reason == covered.tile_agreement.reason
    assert covered.slope.reason == "3 training images are too few for a curve"


def test_slopes_are_those_of_numpy() -> None:
    random = np.random.default_rng(4)
    x, y = random.random((5, 7)), random.random((5, 7))
    theirs = [np.polyfit(*pair, 1)[0] for pair in zip(x, y, strict=True)]
    assert line_slope(x, y) == pytest.approx(theirs)


def cover(train: ImageSet, test: ImageSet, tile: int = 4):  # type: ignore[no-untyped-def]
    found = find_neighbours(
        train, test, (tile, tile), Sampling(), torch.Generator(), device=torch.device("cpu")
    )
    return measure_coverage(found["raw"], measure_curve(found["raw"]), classes=4)
