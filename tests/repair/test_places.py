"""Which tiles show a shortcut."""

from dataclasses import replace

import numpy as np
import torch
from tests.repair.conftest import Linear, classifier_of

from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons.atlas import ClassReasons
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.evidence import TiledModel
from nearsight.repair.places import TOGETHER, tiles_at, tiles_of_reason, tiles_off_object
from nearsight.statistics import Estimate


def _bound(stride=4):
    network = Linear()
    with torch.no_grad():
        network.last.weight.zero_()
        network.last.weight[0] = 1
        network.last.bias.copy_(torch.tensor([20.0, 0, 0]))
    return TiledModel(classifier_of(network, tile=4), stride=stride)


def test_tiles_at_a_box_are_those_that_share_a_pixel_with_it(painted) -> None:
    images, bound = painted(each=1), _bound(stride=1)
    has = np.ones(3, dtype=np.bool_)
    [found] = tiles_at([(0.5, 0.25, 0.625, 0.5)], has)(bound, images, [0])
    box = torch.zeros(16, 16, dtype=torch.bool)
    box[8:10, 4:8] = True
    assert np.array_equal(found, object_shares(box, bound.grid_of(images.image(0))).numpy() > 0)
    [none] = tiles_at([(0, 0, 1, 1)], ~has)(bound, images, [0])
    assert not none.any()


def test_tiles_off_the_object_show_nothing_of_it(painted) -> None:
    images, bound = painted(each=1), _bound()
    masks = torch.zeros(3, 16, 16, dtype=torch.bool)
    masks[0, :5, :5] = True
    images = replace(images, regions=MaskRegions(masks))
    assert [of.sum() for of in tiles_off_object(bound, images, [0, 1])] == [16 - 4, 0]


def _reason(images, corner):
    none = Estimate(None, None, None)
    place = Place(0, 0, 0, 0, "top left")
    count = len(images)
    return Reason(none, none, none, place, "", None, (), count, 1.0, tuple(images), (corner,) * count)


def test_tiles_of_a_reason_are_found_in_images_of_every_class(painted) -> None:
    images = painted(each=20, share=1.0)
    # The stamp elsewhere in an image of another class.
    images.pixels[30, :, 8:12, 4:8] = 255
    stamps, colours = _reason(range(10), (0, 0)), _reason(range(10, 20), (8, 8))
    found = ClassReasons("red", 20, (colours, stamps), ())
    find = tiles_of_reason(_bound(), images, found, stamps, 0)
    together = list(find(_bound(), images, [5, 30, 40]))
    assert [np.argwhere(of).tolist() for of in together] == [[[0, 0]], [[2, 1]], []]
    # Images that are asked for together are each found as alone.
    many = [i % len(images) for i in range(2 * TOGETHER + 1)]
    alone = {i: next(find(_bound(), images, [i])) for i in range(0, len(images), 7)}
    for i, of in zip(many, find(_bound(), images, many), strict=True):
        assert i not in alone or np.array_equal(of, alone[i])


def test_a_tile_that_speaks_against_the_class_is_of_no_reason_of_it(painted) -> None:
    images = painted(each=20, share=1.0)
    stamps, colours = _reason(range(10), (0, 0)), _reason(range(10, 20), (8, 8))
    found = ClassReasons("red", 20, (colours, stamps), ())
    [none] = tiles_of_reason(_bound(), images, found, stamps, 1)(_bound(), images, [5])
    assert not none.any()
