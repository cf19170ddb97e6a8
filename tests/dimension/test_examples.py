"""What several tiles are worth in images: copies nothing, independent tiles their number, and what lies between."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet
from nearsight.dimension.coverage import by_image
from nearsight.dimension.examples import Examples, weigh_tiles
from nearsight.dimension.neighbours import Neighbours
from nearsight.dimension.several_tiles import Place, SeveralTiles, find_several
from nearsight.settings import Sampling

MakeSet = Callable[..., ImageSet]
CPU = torch.device("cpu")
SIDE = 8


def measured(
    make: MakeSet, make_tiles: Callable[[int, int], NDArray[np.float64]], images: int = 512
) -> Examples:
    """Return what tiles of one pixel are worth, of images that have 16 of them."""
    return weigh_tiles(found(make, make_tiles, images)["raw"])


def found(
    make: MakeSet, make_tiles: Callable[[int, int], NDArray[np.float64]], images: int
) -> Mapping[Place, SeveralTiles]:
    """Return the nearest tiles of one pixel; images are those of the maker, by their number and a seed."""
    sets = {}
    for number, (split, count) in enumerate((("train", images), ("test", 200))):
        levels = make_tiles(count, number)
        sets[split] = make(levels, np.arange(count) % 4, split=split)
    sampling = Sampling(example_images=images, test_images=200)
    return find_several(sets["train"], sets["test"], (1, 1), sampling, device=CPU)


def independent(count: int, seed: int) -> NDArray[np.float64]:
    """Return images whose every pixel is drawn by itself."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 4, 4))


def copies(count: int, seed: int) -> NDArray[np.float64]:
    """Return images of one colour each."""
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 1, 1)).repeat(4, 2).repeat(4, 3)


def pairs(count: int, seed: int) -> NDArray[np.float64]:
    """Return images of two colours each, half and half."""
    halves = np.random.default_rng(seed).integers(0, 256, (count, 3, 1, 2))
    return halves.repeat(4, 2).repeat(2, 3)


def test_independent_tiles_are_worth_their_number(image_set: MakeSet) -> None:
    examples = measured(image_set, independent)
    for row in examples.worth:
        if row.tiles < row.most:
            assert row.by_distance.value == pytest.approx(row.tiles, rel=0.2)
    assert {row.tiles for row in examples.worth} == {2, 4, 8, 16}


def test_copies_are_worth_nothing(image_set: MakeSet) -> None:
    for row in measured(image_set, copies).worth:
        assert row.by_distance.numbers == (1.0, 1.0, 1.0)


def test_two_colours_are_worth_no_more_than_two(image_set: MakeSet) -> None:
    examples = measured(image_set, pairs)
    most = examples.most_tiles
    assert most is not None
    assert most.tiles == 16
    _, low, high = most.by_distance.numbers
    assert low <= 2 <= high


def test_labels_of_noise_are_weighed_in_nothing(image_set: MakeSet) -> None:
    for row in measured(image_set, independent).worth:
        assert row.by_label.value is None
        assert "not certain" in str(row.by_label.reason)


def test_labels_that_follow_the_distance_gain_as_the_images_do() -> None:
    """The nearest of N is right where it is nearer than a threshold of the query's, log-uniform: linear in log N."""
    random = np.random.default_rng(0)
    queries, blocks, tiles = 2000, 32, 16
    several = random.exponential(size=(queries, 8, tiles))
    single = random.exponential(size=(queries, blocks))
    single[:, :8] = several[:, :, 0]
    threshold = 10.0 ** random.uniform(-4, 1.5, queries)
    labels = np.zeros(queries, dtype=np.int64)
    made = SeveralTiles(
        Neighbours(
            np.arange(queries),
            labels,
            single,
            (single > threshold[:, None]).astype(np.int64),
            np.ones(queries),
            (1,) * blocks,
            blocks,
        ),
        several,
        (several > threshold[:, None, None]).astype(np.int64),
    )
    for row in weigh_tiles(made).worth:
        if row.tiles < row.most:
            value, low, high = row.by_label.numbers
            assert low <= row.tiles <= high
            assert value == pytest.approx(row.tiles, rel=0.2)


def test_more_tiles_are_never_farther(image_set: MakeSet) -> None:
    examples = measured(image_set, pairs)
    for images in {row.images for row in examples.worth}:
        distances = [row.distance for row in examples.worth if row.images == images]
        assert distances == sorted(distances, reverse=True)
    single = [point.distance for point in examples.single]
    assert single == sorted(single, reverse=True)


def test_the_first_tiles_are_those_of_the_single_curve(image_set: MakeSet) -> None:
    several = found(image_set, independent, 64)["raw"]
    assert np.array_equal(several.distances[:, :, 0], several.single.distances[:, :8])
    assert np.array_equal(several.neighbour_labels[:, :, 0], several.single.neighbour_labels[:, :8])
    assert len(by_image(several.distances[:, 0, 0], several.single)) == 200


def test_an_embedding_is_a_place_too(image_set: MakeSet) -> None:
    sets = [image_set(independent(64, seed), np.arange(64) % 4) for seed in (0, 1)]
    sampling = Sampling(example_images=64, test_images=20)
    several = find_several(
        *sets, (1, 1), sampling, device=CPU, embed=lambda tiles: tiles.flatten(1).float() / 255
    )
    # The embedding is the pixels themselves.
    assert np.allclose(several["embedding"].distances, several["raw"].distances, atol=1e-5)


@pytest.mark.parametrize(
    ("images", "told"), [(8, "8 training images are too few"), (1, "1 training images are too few")]
)
def test_too_few_images_say_so(images: int, told: str, image_set: MakeSet) -> None:
    examples = measured(image_set, independent, images)
    assert examples.worth == ()
    assert told in str(examples.reason)
    assert examples.most_tiles is None
