"""Mixes of channels against the changes that they are to find again."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.attributes.curves import FEWEST
from nearsight.diagnosis.attributes.mixes import ColourMix, colour_mix

# Paler, with less contrast, and yellowish: of changes that are symmetric, a mix is the very one.
OLD = np.array([[0.80, 0.06, 0.04], [0.06, 0.75, 0.05], [0.04, 0.05, 0.50]])
ADDED = np.array([30.0, 25.0, 15.0])


def _pictures(count: int, seed: int) -> list[Tensor]:
    random = np.random.default_rng(seed)
    common = random.normal(128, 25, (count, 1, 24, 24))
    drawn = common + random.normal(0, 20, (count, 3, 24, 24))
    return list(torch.from_numpy(np.clip(np.rint(drawn), 0, 255).astype(np.uint8)))


def test_the_mix_between_other_pictures_is_the_change_that_was_made() -> None:
    old = ColourMix(OLD, ADDED)
    found = colour_mix(_pictures(40, 0), [old(one) for one in _pictures(40, 1)])
    assert found is not None
    np.testing.assert_allclose(found.matrix, OLD, atol=0.05)
    for picture in _pictures(3, 2):
        before = picture.clone()
        assert (found(picture).int() - old(picture).int()).abs().float().mean() < 2
        assert torch.equal(picture, before)


@pytest.mark.parametrize("grey", [False, True])
def test_equal_pictures_are_left_as_they_are(grey: bool) -> None:
    some = [one[:1].expand(3, -1, -1) for one in _pictures(10, 0)] if grey else _pictures(10, 0)
    edit = colour_mix(some, some)
    assert edit is not None
    assert (edit(some[3]).int() - some[3].int()).abs().max() <= 1


def test_twice_the_strength_is_twice_the_change_and_none_is_no_change() -> None:
    edit, [picture] = ColourMix(np.eye(3) + 0.1 * (OLD - np.eye(3)), 0.1 * ADDED), _pictures(1, 0)
    assert torch.equal(edit.times(0)(picture), picture)
    once, twice = (edit.times(factor)(picture).int() - picture.int() for factor in (1, 2))
    assert (twice - 2 * once).abs().max() <= 2


def test_of_too_few_pictures_there_is_none() -> None:
    assert colour_mix(_pictures(FEWEST - 1, 0), _pictures(20, 1)) is None
    assert colour_mix(_pictures(20, 0), _pictures(FEWEST - 1, 1)) is None
