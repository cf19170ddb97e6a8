"""Augmentation: a function of seed and position, whoever asks, and the same in memory as from a stream."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.models import Preprocessing
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import TileSizes
from nearsight.training.augmentation import Augmentation
from nearsight.training.batches import StreamedTiles

MEAN = (0.5, 0.4, 0.3)
Colours = Literal["none", "jitter", "randaugment"]


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(3), dtype=torch.uint8)


@pytest.mark.parametrize("colours", ["jitter", "randaugment"])
def test_what_is_changed_depends_on_seed_and_position_alone(colours: Colours) -> None:
    recipe = Recipe(resized_crop=0.3, augmentation=colours)
    image = noise(1, 3, 12, 16)

    def changed(position: int, seed: int = 0) -> torch.Tensor:
        done = Augmentation(replace(recipe, seed=seed), MEAN)
        return done.recolour(done.cut(image, (8, 10), position), position)

    first = [changed(position) for position in range(6)]
    torch.manual_seed(99)
    outside = torch.get_rng_state()
    assert all(changed(position).equal(first[position]) for position in reversed(range(6)))
    assert torch.get_rng_state().equal(outside)
    assert {tuple(one.shape) for one in first} == {(1, 3, 8, 10)}
    assert len({one.numpy().tobytes() for one in first}) > 3
    assert not all(changed(position, seed=1).equal(first[position]) for position in range(6))


@pytest.mark.parametrize("colours", ["jitter", "randaugment"])
def test_all_tiles_of_an_image_are_changed_in_the_same_way(colours: Colours) -> None:
    done = Augmentation(Recipe(augmentation=colours), MEAN)
    tile = noise(1, 3, 9, 9)
    for position in range(8):
        one, two = done.recolour(tile.expand(2, -1, -1, -1).contiguous(), position)
        assert one.equal(two)


def test_a_part_of_the_whole_area_is_the_image_resized() -> None:
    grey = torch.full((1, 3, 7, 9), 77, dtype=torch.uint8)
    cut = Augmentation(Recipe(resized_crop=0.5), MEAN)
    assert cut.cuts
    assert cut.cut(grey, (5, 5), 0).unique().tolist() == [77]
    assert not Augmentation(Recipe(), MEAN).changes


def test_a_streamed_position_is_what_the_augmentation_makes_of_its_image(
    stream: Callable[[list[np.ndarray]], ImageSet],
) -> None:
    pixels = [noise(3, 10, 14).permute(1, 2, 0).numpy(), noise(3, 16, 9).permute(1, 2, 0).numpy()]
    images = stream(pixels)
    recipe = Recipe(resized_crop=0.3, augmentation="jitter", flip="none", resize_short=8, batch_size=2)
    plain = Preprocessing(MEAN, MEAN, resize_short=8)
    tiles = StreamedTiles(images, recipe, TileSizes((8, 8)), plain)
    done = Augmentation(recipe, MEAN)
    for position in range(4):
        found, label = tiles[position]
        # Of the image as it was decoded, so that a small part of a large one keeps its detail.
        wanted = done.recolour(done.cut(images.image(label)[None], (8, 8), position), position)
        assert found.equal(wanted)
