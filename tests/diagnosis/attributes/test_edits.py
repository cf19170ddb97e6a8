"""Edits move the attribute that they are for, and leave the picture that they are given alone."""

import numpy as np
import pytest
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.diagnosis.attributes.edits import WAYS, Way, waves
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES
from nearsight.diagnosis.attributes.measuring import measure_one

LOOKED_FOR = [one for one in ATTRIBUTES if one.much or one.little]
EVERY = [(name, more, way) for name in WAYS for more in (True, False) for way in WAYS[name][0 if more else 1]]


def test_every_attribute_has_its_ways() -> None:
    assert set(WAYS) == {one.name for one in LOOKED_FOR}
    for attribute in LOOKED_FOR:
        more, less = WAYS[attribute.name]
        assert more or not attribute.much
        assert less or not attribute.little


@pytest.mark.parametrize("name", [one.name for one in LOOKED_FOR])
def test_the_first_way_moves_its_attribute(photographs: Photographs, name: str) -> None:
    pictures = photographs(6)
    if name in ("lines across", "lines down", "pattern"):
        way = waves({"lines across": (0.25, 0.0), "lines down": (0.0, 0.25), "pattern": (0.25, 0.25)}[name])[
            0
        ]
    else:
        way = WAYS[name][0][0]
    before = measure_one(pictures, name)
    after = measure_one(map(way.edit(way.strengths[len(way.strengths) * 2 // 3]), pictures), name)
    assert np.median(after) > np.median(before)


@pytest.mark.parametrize("name", [attribute.name for attribute in ATTRIBUTES if attribute.little])
def test_the_first_way_to_less_moves_its_attribute(photographs: Photographs, name: str) -> None:
    pictures, way = photographs(6), WAYS[name][1][0]
    before = measure_one(pictures, name)
    after = measure_one(map(way.edit(way.strengths[len(way.strengths) * 2 // 3]), pictures), name)
    assert np.median(after) < np.median(before)


@pytest.mark.parametrize("way", {id(way): way for *_, way in EVERY}.values(), ids=lambda way: way.name)
def test_a_picture_is_not_changed_but_copied_and_alike_every_time(photographs: Photographs, way: Way) -> None:
    (picture,) = photographs(1, side=33)
    kept = picture.clone()
    edit = way.edit(way.strengths[-1])
    first, second = edit(picture), edit(picture)
    assert picture.equal(kept)
    assert first.equal(second)
    assert first.shape == picture.shape
    assert first.dtype == picture.dtype
    assert not first.equal(picture)


def test_a_wave_is_taken_out_again(photographs: Photographs) -> None:
    (picture,) = photographs(1)
    on, off = waves((0.25, 0.125))
    away = (off.edit(0.01)(on.edit(12)(picture)).float() - picture.float()).abs().mean()
    assert away < 0.2 * (on.edit(12)(picture).float() - picture.float()).abs().mean()


def test_lines_on_every_second_row_are_put_on_too(photographs: Photographs) -> None:
    (picture,) = photographs(1)
    lined = waves((0.5, 0.0))[0].edit(12)(picture).float() - picture.float()
    assert float(lined[:, ::2].mean()) > 5
    assert float(lined[:, 1::2].mean()) < -5
