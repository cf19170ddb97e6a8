"""Edits of what surrounds the middle leave the middle alone, and light falls from where their words say."""

import numpy as np
import pytest
import torch

from nearsight.diagnosis.attributes.kinds import SURROUNDINGS
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.profile import profile
from nearsight.diagnosis.attributes.surroundings import BACKGROUNDS, LIGHTS

SIDE = 40
PICTURE = torch.from_numpy(np.random.default_rng(0).integers(40, 200, (3, SIDE, SIDE), dtype=np.uint8))


@pytest.mark.parametrize("likeness", BACKGROUNDS, ids=lambda one: one.words)
def test_only_the_surroundings_change(likeness: Likeness) -> None:
    assert likeness.attribute == SURROUNDINGS
    middle = slice(SIDE // 3, SIDE - SIDE // 3)
    for way in (likeness.way, likeness.back):
        for strength in way.strengths:
            changed = way.edit(strength)(PICTURE)
            assert torch.equal(changed[:, middle, middle], PICTURE[:, middle, middle])
            assert not torch.equal(changed, PICTURE)


@pytest.mark.parametrize("likeness", LIGHTS, ids=lambda one: one.words)
def test_light_falls_from_a_corner_and_is_taken_back(likeness: Likeness) -> None:
    place = likeness.words.removeprefix("lighter at the ").split()
    row, column = (0 if place[0] == "top" else -1), (0 if place[1] == "left" else -1)
    grey = torch.full((3, SIDE, SIDE), 100, dtype=torch.uint8)
    strength = likeness.way.strengths[4]
    lit = likeness.way.edit(strength)(grey)
    assert lit[0, row, column] == lit.max() > 110
    back = likeness.back.edit(strength)(lit)
    assert int((back.int() - 100).abs().max()) <= 1


def test_a_profile_tells_the_surroundings_from_the_middle() -> None:
    """What is common to all of a picture does not change the numbers that compare both as one side's change does."""
    blurred = next(one for one in BACKGROUNDS if one.words == "blurred background")
    whole, around = profile(PICTURE), profile(blurred.way.edit(1.7)(PICTURE))
    assert np.abs(around - whole)[-20:].max() > 1
