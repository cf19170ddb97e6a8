"""Every edit of photographs changes a picture, more so the stronger it is, and never its argument."""

from collections import Counter
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes.answers import too_large
from nearsight.diagnosis.attributes.kinds import EDITED, NAMES
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.catalogue import PHOTO_EDITS, photo_edits

NOT_MEASURED = {"cast"}


def sized(sides: tuple[int, ...]) -> ImageSet:
    """A set of square images, of which only the sizes are asked."""
    return cast("ImageSet", SimpleNamespace(sizes=np.array([(side, side) for side in sides])))


@pytest.mark.parametrize("likeness", PHOTO_EDITS, ids=lambda one: one.way.name)
def test_an_edit_keeps_its_argument_and_is_alike_every_time(
    photographs: Photographs, likeness: Likeness
) -> None:
    (picture,) = photographs(1, side=48)
    picture = picture[:, :40]
    kept = picture.clone()
    for strength in likeness.way.strengths:
        edit = likeness.way.edit(strength)
        first, second = edit(picture), edit(picture)
        assert picture.equal(kept)
        assert first.equal(second)
        assert (first.shape, first.dtype) == (picture.shape, picture.dtype)
        assert not first.equal(picture)


@pytest.mark.parametrize("likeness", PHOTO_EDITS, ids=lambda one: one.way.name)
def test_a_stronger_edit_changes_more(photographs: Photographs, likeness: Likeness) -> None:
    pictures, strengths = photographs(4, side=48), likeness.way.strengths
    assert list(strengths) == sorted(strengths)

    def changed(strength: float) -> float:
        edit = likeness.way.edit(strength)
        return sum(float((edit(one).float() - one.float()).abs().mean()) for one in pictures)

    assert len(strengths) == 1 or changed(strengths[-1]) > 1.2 * changed(strengths[0])


def test_a_flat_picture_of_one_pixel_is_edited_too() -> None:
    for likeness in PHOTO_EDITS:
        for side in (1, 17):
            grey = torch.full((3, side, side), 90, dtype=torch.uint8)
            assert likeness.way.edit(likeness.way.strengths[0])(grey).shape == grey.shape


def test_each_way_is_there_once_and_its_kind_is_known() -> None:
    assert set(Counter(one.way.name for one in PHOTO_EDITS).values()) == {1}
    assert {one.attribute for one in PHOTO_EDITS} <= {*NAMES, *EDITED, *NOT_MEASURED}
    assert all(one.strengths and one.back is None for one in PHOTO_EDITS)


def test_very_large_images_are_not_edited() -> None:
    # A few of millions of pixels among small ones take as long as many.
    for sides, count in (((1400,) * 3, len(PHOTO_EDITS)), ((1500,) * 3, 0), ((2600, 20, 20), 0)):
        assert len(photo_edits(sized(sides))) == count
        assert not too_large(sized(sides))
    assert too_large(sized((2100, 2100)))
