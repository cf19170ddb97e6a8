"""Drawing tiles: each is cut from its image, every position as likely, and none twice."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet
from nearsight.dimension.drawing import choose_images, draw_tiles, positions
from nearsight.tiles import TileGrid

MakeSet = Callable[..., ImageSet]


@pytest.fixture
def numbered(image_set: MakeSet) -> ImageSet:
    """Return two images of 5×6 pixels, no two values of which are equal."""
    return image_set(np.random.default_rng(0).permutation(180).reshape(2, 3, 5, 6), [0, 1])


def every_tile(images: ImageSet, number: int, height: int, width: int) -> set[bytes]:
    pixels = images.image(number).numpy()
    return {
        pixels[:, top : top + height, left : left + width].tobytes()
        for top in range(pixels.shape[1] - height + 1)
        for left in range(pixels.shape[2] - width + 1)
    }


def test_all_positions_are_drawn_once_where_as_many_are_asked_for(numbered: ImageSet) -> None:
    tiles, owners = draw_tiles(numbered, np.array([1, 0]), (3, 2), 1000, torch.Generator())
    assert len(tiles) == positions(numbered, (3, 2)).sum() == 30
    for place, number in enumerate((1, 0)):
        drawn = {row.numpy().tobytes() for row in tiles[owners == place]}
        assert drawn == every_tile(numbered, number, 3, 2)


def test_positions_are_those_of_a_grid_of_stride_one(image_set: MakeSet) -> None:
    images = image_set(np.zeros((3, 3, 7, 9)), [0, 1, 2])
    assert positions(images, (4, 4)).tolist() == [len(TileGrid(7, 9, tile=4, stride=1))] * 3


def test_every_position_is_as_likely(numbered: ImageSet) -> None:
    generator = torch.Generator().manual_seed(3)
    tiles, _ = draw_tiles(numbered, np.zeros(3000, dtype=np.int64), (4, 4), 1, generator)
    counts = np.unique(tiles[:, 0].numpy(), return_counts=True)[1]
    assert len(counts) == 6
    assert np.abs(counts - 500).max() < 5 * np.sqrt(500 * 5 / 6)


def test_images_are_drawn_without_repeats_and_by_the_seed(image_set: MakeSet) -> None:
    images = image_set(np.zeros((20, 3, 4, 4)), np.zeros(20))
    chosen = choose_images(images, 7, seed=5)
    assert len(set(chosen.tolist())) == 7
    assert chosen.tolist() == choose_images(images, 7, seed=5).tolist()
    assert sorted(choose_images(images, 99, seed=5).tolist()) == list(range(20))
