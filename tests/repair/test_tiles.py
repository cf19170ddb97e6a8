"""Silent tiles: which, and when there would be none left."""

import numpy as np
import pytest
import torch
from tests.repair.conftest import Linear, classifier_of, stamped

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair.places import tiles_at
from nearsight.repair.task import Task
from nearsight.repair.tiles import silence_tiles, silent_tiles

CORNER = [(0, 0, 0.25, 0.25)]


@pytest.fixture
def tiled() -> TiledModel:
    """Return a bound classifier of tiles of the stamp's size."""
    torch.manual_seed(0)
    return TiledModel(classifier_of(Linear(), tile=4), stride=2)


def test_tiles_of_each_shortcut_are_silent_where_its_images_have_it(painted, tiled, mark) -> None:
    images = painted(share=0.5)
    one = mark(images, tiles=tiles_at(CORNER, stamped(images)))
    bottom = mark(images, tiles=tiles_at([(0.8, 0, 1, 1)], images.labels == 2))
    silent = silent_tiles(Task(tiled, images, (one, bottom)))
    assert silent.stride == 2
    assert len(silent.corners) == len(images)
    assert np.argwhere(silent.corners[0]).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert not silent.corners[25].any()
    # The last two rows of corners, at 10 and 12 pixels, show something below 12.8.
    assert silent.corners[45].any(1).nonzero()[0].tolist() == [5, 6]
    tops, lefts = torch.tensor([0, 8]), torch.tensor([1, 8])
    assert silent.at(0, tops, lefts).tolist() == [True, False]


def test_of_each_class_as_many_tiles_speak(painted, tiled, mark) -> None:
    images = painted(share=1.0, each=30)
    half = mark(images, tiles=tiles_at([(0, 0, 0.5, 1)], stamped(images)))
    material = silence_tiles(Task(tiled, images, (half,)))
    speaking = np.array([(~of).sum() for of in material.silent.corners])
    counts = np.bincount(material.images.labels, weights=speaking)
    assert counts[1] == counts[2] == 30 * 49
    assert counts[0] == pytest.approx(counts[1], rel=0.02)
    assert stamped(material.images).sum() == np.bincount(material.images.labels)[0]


def test_a_run_of_whole_images_is_refused_with_the_way_out(painted, whole, mark) -> None:
    images = painted()
    with pytest.raises(InputError, match=r"trained on whole images .* `method='swap'`"):
        silence_tiles(Task(whole, images, (mark(images, tiles=tiles_at(CORNER, stamped(images))),)))


def test_a_shortcut_that_no_tiles_show_is_refused(painted, tiled, mark) -> None:
    images = painted()
    with pytest.raises(InputError, match=r"no tiles are known to show red:1"):
        silence_tiles(Task(tiled, images, (mark(images),)))


def test_a_class_that_would_be_left_without_a_tile_is_refused(painted, tiled, mark) -> None:
    images = painted()
    everywhere = mark(images, tiles=tiles_at([(0, 0, 1, 1)], images.labels == 0))
    with pytest.raises(InputError, match="every tile of every training image of 'red'"):
        silence_tiles(Task(tiled, images, (everywhere,)))
