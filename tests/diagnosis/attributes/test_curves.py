"""Curves of tones against the changes that they are to find again."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.attributes.curves import FEWEST, CurvesOfClass, tone_curve

Change = Callable[[Tensor], Tensor]


def pictures(count: int, seed: int) -> list[Tensor]:
    random = np.random.default_rng(seed)
    brightness = random.normal(128, 25, (count, 1, 1, 1))
    drawn = random.normal(0, 40, (count, 3, 24, 24)) + brightness
    return list(torch.from_numpy(np.clip(np.rint(drawn), 0, 255).astype(np.uint8)))


def floats(change: Change) -> Change:
    return lambda picture: change(picture.float()).round().clamp(0, 255).to(torch.uint8)


CHANGES = {
    "cast": floats(lambda picture: picture + torch.tensor([-17.0, -17.0, 35.0])[:, None, None]),
    "less contrast": floats(lambda picture: 128 + (picture - 128) * 0.5),
    "dark": floats(lambda picture: 255 * (picture / 255) ** 2.1),
    "dim": floats(lambda picture: picture * 0.6),
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_curve_between_other_pictures_is_the_change_that_was_made(name: str) -> None:
    change = CHANGES[name]
    edit = tone_curve(pictures(60, 0), list(map(change, pictures(60, 1))))
    back = tone_curve(list(map(change, pictures(60, 1))), pictures(60, 0))
    assert edit is not None
    assert back is not None
    for picture in pictures(5, 2):
        before, wanted = picture.clone(), change(picture).float()
        assert (edit(picture).float() - wanted).abs().mean() < 0.25 * (picture.float() - wanted).abs().mean()
        assert torch.equal(picture, before)
        assert (back(change(picture)).float() - picture.float()).abs().mean() < 8


def test_equal_pictures_are_left_as_they_are() -> None:
    some = pictures(10, 0)
    edit = tone_curve(some, some)
    assert edit is not None
    assert torch.equal(edit(some[3]), some[3])


def test_a_picture_counts_the_same_whatever_its_size() -> None:
    some = pictures(10, 0)
    larger = [picture.repeat(1, 3, 2) for picture in some[:5]] + some[5:]
    one, other = tone_curve(some, pictures(10, 1)), tone_curve(larger, pictures(10, 1))
    assert one is not None
    assert other is not None
    assert torch.equal(one(some[0]), other(some[0]))


def test_of_too_few_pictures_there_is_none() -> None:
    assert tone_curve(pictures(FEWEST - 1, 0), pictures(20, 1)) is None
    assert tone_curve(pictures(20, 0), pictures(FEWEST - 1, 1)) is None


def test_both_curves_of_a_class_are_those_between_its_pictures_which_are_counted_once() -> None:
    plain, bluish = pictures(20, 0), list(map(CHANGES["cast"], pictures(20, 1)))
    asked: list[int] = []

    def chosen(among: np.ndarray[Any, Any], most: int) -> list[Tensor]:
        asked.append(most)
        return [(bluish + plain)[i] for i in np.flatnonzero(among)]

    examined: Any = SimpleNamespace(labels=np.zeros(40, dtype=np.int64), pictures=chosen)
    has = np.arange(40) < 20
    curves = CurvesOfClass(examined, 0, has)
    for on, wanted in ((True, tone_curve(plain, bluish)), (False, tone_curve(bluish, plain))):
        edit = curves.edit(on=on)
        assert edit is not None
        assert wanted is not None
        assert torch.equal(edit(plain[3]), wanted(plain[3]))
    assert len(asked) == 2
    assert CurvesOfClass(examined, 0, np.arange(40) < FEWEST - 1).edit(on=True) is None
