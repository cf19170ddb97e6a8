"""Tile sizes: by default shares of the image, each once, and only those that fit."""

from collections.abc import Callable

import numpy as np
import pytest

from nearsight.data import ImageSet, ImageSets
from nearsight.dimension.sizes import choose_sizes, tile_size
from nearsight.errors import InputError

MakeSet = Callable[..., ImageSet]
NoiseSets = Callable[..., ImageSets]


def test_sizes_are_by_default_shares_of_the_smallest_side(noise_sets: NoiseSets) -> None:
    sets = noise_sets(side=32)
    sizes, notes = choose_sizes(sets["train"], sets["test"], None)
    assert (list(sizes), notes) == ([4, 8, 12, 16, 24, None], [])


def test_very_small_images_have_each_size_once(noise_sets: NoiseSets) -> None:
    sets = noise_sets(side=3)
    assert list(choose_sizes(sets["train"], sets["test"], None)[0]) == [1, 2, None]


def test_a_tile_as_large_as_the_image_is_whole_images(noise_sets: NoiseSets) -> None:
    sets = noise_sets()
    sizes, notes = choose_sizes(sets["train"], sets["test"], [8, 4, None, 4])
    assert sizes == {4: (4, 4), None: (8, 8)}
    assert notes == ["tile 8 is the whole image, and is listed once, as full"]


def test_what_does_not_fit_is_refused(image_set: MakeSet) -> None:
    images = image_set(np.zeros((2, 3, 5, 6)), [0, 1])
    assert tile_size(images, 5) == (5, 5)
    assert tile_size(images, None) == (5, 6)
    with pytest.raises(
        InputError, match="a tile of 6 pixels does not fit every image of toy train; sides from 1 to 5"
    ):
        tile_size(images, 6)
