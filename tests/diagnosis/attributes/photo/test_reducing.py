"""Large pictures are edited as small ones are, and small ones as they are."""

import torch
from tests.diagnosis.attributes.conftest import Photographs
from torch.nn.functional import avg_pool2d

from nearsight.diagnosis.attributes.edits import GREYSCALE, LEFT
from nearsight.diagnosis.attributes.photo.reducing import SIDE, on_small_pictures


def test_a_small_picture_is_edited_as_it_is(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=40)
    assert on_small_pictures(LEFT).edit(0.6)(picture).equal(LEFT.edit(0.6)(picture))


def test_a_large_picture_looks_from_afar_as_if_it_had_been_small(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=2 * SIDE + 4)
    picture = picture[:, :, :-4]
    for way, strength in ((LEFT, 0.4), (GREYSCALE, 1.0)):
        large = on_small_pictures(way).edit(strength)(picture)
        assert large.shape == picture.shape
        seen, wanted = (avg_pool2d(one.float(), 4) for one in (large, way.edit(strength)(picture)))
        assert float((seen - wanted).abs().mean()) < 2


def test_what_does_not_change_a_small_picture_changes_no_large_one() -> None:
    grey = torch.full((3, 3 * SIDE, 2 * SIDE), 77, dtype=torch.uint8)
    assert on_small_pictures(GREYSCALE).edit(1.0)(grey).equal(grey)
