"""Edits of shapes move pixels, and change none of a picture without shapes."""

import numpy as np
import torch
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.diagnosis.attributes.photo.geometry import GEOMETRIES
from nearsight.diagnosis.attributes.photo.sampling import moved, turned


def test_pictures_without_shapes_stay_as_they_are() -> None:
    flat = torch.tensor([10, 120, 250], dtype=torch.uint8)[:, None, None].expand(3, 24, 24).contiguous()
    for one in GEOMETRIES:
        assert one.way.edit(one.way.strengths[-1])(flat).equal(flat), one.words


def test_a_quarter_turn_and_a_move_read_the_pixels_that_they_name(photographs: Photographs) -> None:
    pixels = photographs(1, side=12)[0].numpy()
    assert np.allclose(turned(pixels, np.pi / 2), np.rot90(pixels, 3, (1, 2)), atol=0.01)
    assert (moved(pixels, 0, 2)[:, :, :-2] == pixels[:, :, 2:]).all()
    assert (moved(pixels, -3, 0)[:, 3:] == pixels[:, :-3]).all()
