"""The last layer is fitted on images that are balanced, and on nothing of a shortcut."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.repair.conftest import STAMP, Linear, classifier_of, stamp, unstamp

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair.last_layer import refit_last_layer
from nearsight.repair.shortcut import BACKGROUND
from nearsight.repair.task import Task


def _moved(classifier, images) -> float:
    """How many images of other classes are taken for the first one when they are stamped."""
    others = np.flatnonzero(images.labels > 0).tolist()
    shown = torch.stack([classifier.preprocessing.normalise(stamp(images, i)) for i in others])
    with torch.no_grad():
        return float((classifier(shown).argmax(1) == 0).float().mean())


def _right(classifier, images) -> float:
    with torch.no_grad():
        found = classifier(classifier.preprocessing.normalise(images.pixels)).argmax(1).numpy()
    return float((found == images.labels).mean())


def _reading_the_stamp():
    """A network that takes what is white in the corner for the first class, and else decides by colour."""
    network = Linear()
    with torch.no_grad():
        network.last.weight.copy_(torch.cat((torch.eye(3), torch.zeros(3, 3)), 1) * 10)
        network.last.weight[0, 3:] = 3
        network.last.bias.copy_(torch.tensor([-4.0, 0, 0]))
    return classifier_of(network)


@pytest.mark.parametrize("share", [0.8, 1.0])
def test_a_network_that_reads_the_stamp_reads_it_no_more(painted, mark, share) -> None:
    images = painted(each=60, share=share)
    before = _reading_the_stamp()
    assert _moved(before, images) > 0.9
    after = refit_last_layer(Task(TiledModel(before, tile=4), images, (mark(images),)))
    assert _moved(after, images) < 0.05
    assert _right(after, images) > 0.95
    changed = [
        name for name, held in after.state_dict().items() if not torch.equal(held, before.state_dict()[name])
    ]
    assert changed == ["network.last.weight", "network.last.bias"]


def test_without_edits_real_images_are_balanced_and_it_is_said(painted, mark, listener) -> None:
    images = painted(each=60, share=0.5)
    shortcut = mark(images, put_on=None, take_off=None)
    task = Task(TiledModel(_reading_the_stamp(), tile=4), images, (shortcut,), progress=listener)
    assert _right(refit_last_layer(task), images) > 0.95
    lacking = "red:1 (a white corner): 2 other classes lack images with it or without it, and are fitted as they are"
    assert lacking in listener.said


def test_a_few_images_that_a_rule_takes_wrongly_do_not_stand_for_half_of_their_class(painted, mark) -> None:
    images = painted(each=60, share=0.5)
    # As white as the stamp, and of the class's colour nowhere.
    images.pixels[60:62] = 255
    shortcut = mark(images, put_on=None, take_off=None)
    assert shortcut.in_train[60:].sum() == 2
    after = refit_last_layer(Task(TiledModel(_reading_the_stamp(), tile=4), images, (shortcut,)))
    assert _right(after, images.select(np.arange(62, len(images)))) > 0.95


def test_a_cell_of_few_images_is_filled_by_edits(painted, mark, listener) -> None:
    images = painted(each=20, share=0.9)
    task = Task(TiledModel(_reading_the_stamp(), tile=4), images, (mark(images),), progress=listener)
    refit_last_layer(task)
    # Each image is given with the stamp and without it.
    assert ("embedding images", 2 * len(images), 2 * len(images)) in listener.counted


def test_a_background_is_fitted_as_it_is_and_swapped(painted, mark) -> None:
    images = painted(each=60, share=1.0)
    behind = replace(
        mark(images), seen_in=BACKGROUND, number=0, in_train=images.labels == 0, put_on=unstamp, take_off=None
    )
    before = _reading_the_stamp()
    assert _right(before, _without(images)) < 0.9
    after = refit_last_layer(Task(TiledModel(before, tile=4), images, (behind,)))
    assert _right(after, _without(images)) > 0.95


def _without(images):
    bare = torch.stack([unstamp(images, i) for i in range(len(images))])
    return replace(images, images=replace(images.images, pixels=bare))


def test_the_same_seed_gives_the_same_head(painted, mark) -> None:
    images = painted(each=30)
    bound = TiledModel(_reading_the_stamp(), tile=4)
    first, again, other = (
        refit_last_layer(Task(bound, images, (mark(images),), seed=seed)).network.last.weight
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


class _TileColours(torch.nn.Module):
    """A head without bias on the mean colour and the white of a tile."""

    def __init__(self) -> None:
        super().__init__()
        self.last = torch.nn.Linear(4, 3, bias=False)

    def forward(self, tiles):
        return self.last(torch.cat((tiles.mean((2, 3)), (tiles > 0.99).float().mean((1, 2, 3))[:, None]), 1))


def test_a_network_of_tiles_is_fitted_on_the_mean_of_its_tiles(painted, mark) -> None:
    images = painted(each=60, share=0.8)
    classifier = classifier_of(_TileColours(), tile=STAMP)
    after = refit_last_layer(Task(TiledModel(classifier), images, (mark(images),)))
    [*maps] = TiledModel(after).maps(images.image(i) for i in range(len(images)))
    found = np.array([int(one.mean().argmax()) for one in maps])
    assert (found == images.labels).mean() > 0.9
    [*maps] = TiledModel(after).maps(stamp(images, i) for i in np.flatnonzero(images.labels > 0).tolist())
    assert np.mean([int(one.mean().argmax()) == 0 for one in maps]) < 0.1


def test_a_class_without_an_image_is_refused(painted, mark) -> None:
    images = painted().select(np.arange(40))
    with pytest.raises(InputError, match="no training image is of the class 'blue'"):
        refit_last_layer(Task(TiledModel(_reading_the_stamp(), tile=4), images, (mark(images),)))
