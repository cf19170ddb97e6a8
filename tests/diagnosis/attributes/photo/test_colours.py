"""What an edit of colours leaves alone, and how it is undone."""

from itertools import permutations

import numpy as np
import pytest
import torch
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.colours import COLOURS

SWAPS = [one for one in COLOURS if one.words == "swapped colours"]
HUES = [one for one in COLOURS if one.words == "turned hues"]


def named(words: str) -> Likeness:
    (one,) = (one for one in COLOURS if one.words == words)
    return one


def test_whole_swaps_are_all_other_orders_of_channels(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=20)
    swapped = {tuple(one.way.edit(1.0)(picture).flatten().tolist()) for one in SWAPS}
    orders = {tuple(picture[list(order)].flatten().tolist()) for order in permutations(range(3))}
    assert swapped == orders - {tuple(picture.flatten().tolist())}


def test_the_negative_of_a_negative_is_the_picture(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=20)
    negative = named("a negative").way.edit(1.0)
    assert negative(picture).equal(255 - picture)
    assert negative(negative(picture)).equal(picture)


@pytest.mark.parametrize("likeness", HUES, ids=lambda one: one.way.name)
def test_turned_hues_keep_greys_and_the_sum_of_channels(likeness: Likeness) -> None:
    grey = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    assert likeness.way.edit(1.0)(grey).equal(grey)
    pale = torch.randint(100, 150, (3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    turned = likeness.way.edit(1.0)(pale)
    assert (turned.int().sum(0) - pale.int().sum(0)).abs().max() <= 2


def test_lost_and_blurred_channels_leave_the_others_alone(photographs: Photographs) -> None:
    (picture,) = photographs(1, side=20)
    for k, name in enumerate(("red", "green", "blue")):
        others = [one for one in range(3) if one != k]
        for words, strength in ((f"no {name} of its own", 1.0), (f"blurred {name}", 2.5)):
            changed = named(words).way.edit(strength)(picture)
            assert changed[others].equal(picture[others])
            assert not changed[k].equal(picture[k])


def test_solarised_pictures_keep_what_is_dark() -> None:
    ramp = torch.arange(256, dtype=torch.uint8).expand(3, 1, 256)
    inverted = named("solarised: light parts inverted").way.edit(96)(ramp)[0, 0].int()
    folded = named("solarised: light parts turned dark").way.edit(75)(ramp)[0, 0].int()
    values = np.arange(256)
    assert inverted.tolist() == np.where(values < 160, values, 255 - values).tolist()
    assert folded.tolist() == np.where(values <= 180, values, 360 - values).tolist()
