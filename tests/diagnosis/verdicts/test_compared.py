"""Images with something and without it: reduced, or cut out where detail would be lost; weak changes stronger."""

import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.verdicts.compared import HAVING, LACKING, OTHERS, Compared

GREY = torch.full((3, 200, 400), 100, dtype=torch.uint8)


def only(image: Tensor, other: Tensor, shown_on: str = HAVING) -> Compared:
    found = Compared.of([(3, image, other)], shown_on)
    assert found is not None
    return found


def test_a_cast_is_shown_on_the_whole_image_and_stronger() -> None:
    found = only(GREY + torch.tensor([0, 0, 20], dtype=torch.uint8)[:, None, None], GREY)
    [pair] = found.pairs
    assert (found.cut, found.amplified, pair.index, pair.pictures.shape) == (False, 4, 3, (2, 3, 64, 128))
    having, lacking, change = found.pictures(pair)
    assert having[:, 0, 0].tolist() == [100, 100, 120]
    assert lacking[:, 0, 0].tolist() == [100, 100, 100]
    assert change[:, 0, 0].tolist() == [128, 128, 208]
    assert found.told == (
        "Above, images that have it; below, the same with it removed; at the bottom what it changes, 4 times as "
        "strong, on grey."
    )


def test_a_strong_change_is_seen_without_help() -> None:
    found = only(GREY, 255 - GREY // 2)
    assert found.amplified == 1
    assert len(found.pictures(found.pairs[0])) == 2
    assert "on grey" not in found.told


def test_fine_detail_is_cut_out_where_there_is_most_of_it() -> None:
    fine = GREY.clone()
    fine[:, :, 250::2] += 30
    fine[:, :, 251::2] -= 30
    found = only(fine, GREY)
    [pair] = found.pairs
    assert (found.cut, pair.pictures.shape) == (True, (2, 3, 128, 128))
    assert (pair.pictures[0] != 100).float().mean() > 0.9
    assert found.told.endswith("Of each image the 128 pixels a side that change most.")


def test_images_that_do_not_change_are_left_out() -> None:
    assert Compared.of([(3, GREY, GREY)], HAVING) is None
    found = Compared.of([(3, GREY, GREY), (5, GREY + 9, GREY)], HAVING)
    assert found is not None
    assert [pair.index for pair in found.pairs] == [5]


@pytest.mark.parametrize(
    ("shown_on", "said"), [(LACKING, "of the class that lack it"), (OTHERS, "other classes")]
)
def test_what_nothing_removes_is_added_and_this_is_said(shown_on: str, said: str) -> None:
    told = only(GREY + 9, GREY, shown_on).told
    assert told.startswith("Nothing removes it alone, so it is added to images")
    assert said in told


def test_small_images_are_shown_as_they_are() -> None:
    small = GREY[:, :1, :3]
    assert torch.equal(only(small + 50, small).pairs[0].pictures, torch.stack([small + 50, small]))
