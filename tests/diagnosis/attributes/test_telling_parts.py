"""The part that makes others like a picture is found wherever it is, and pasted where it was."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.telling_parts import BOXES, QUARTERS, PartsPasted, cut_box, telling_boxes

SIDE = 16


def redness(pictures: list[Tensor]) -> NDArray[np.float32]:
    return np.array([float(one[0].float().mean()) for one in pictures], dtype=np.float32)


def grey(count: int) -> list[Tensor]:
    return [torch.full((3, SIDE, SIDE), 60 + k, dtype=torch.uint8) for k in range(count)]


@pytest.mark.parametrize("box", QUARTERS[::3])
def test_the_box_of_a_mark_is_found_and_moves_with_it(box: tuple[float, float, float, float]) -> None:
    (donor,), hosts = grey(1), grey(2)
    donor[0][cut_box(donor, box).covered] = 255
    (found,) = telling_boxes(redness, [donor], hosts)
    assert found == box
    pasted = PartsPasted([donor], (found,))(hosts[1])
    expected = hosts[1].clone()
    expected[:, cut_box(donor, box).covered] = donor[:, cut_box(donor, box).covered]
    torch.testing.assert_close(pasted, expected)


def test_a_mark_too_large_for_a_small_box_takes_a_larger_one() -> None:
    (donor,), hosts = grey(1), grey(1)
    donor[0, : SIDE // 2, : SIDE // 2] = 255
    (found,) = telling_boxes(redness, [donor], hosts)
    assert found == (0, 0, 0.5, 0.5)


def test_the_same_part_is_always_pasted_into_the_same_picture_of_any_size() -> None:
    donors = grey(5)
    parts = PartsPasted(donors, BOXES[:5])
    for host in (*grey(3), torch.zeros(3, 9, 21, dtype=torch.uint8)):
        before = host.clone()
        torch.testing.assert_close(parts(host), parts(host))
        torch.testing.assert_close(host, before)
        assert parts(host).shape == host.shape
