"""Words for what tells a group of images from others."""

import numpy as np
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.diagnosis.attributes.describing import describe
from nearsight.diagnosis.attributes.edits import BLUR, COMPRESSED
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES
from nearsight.diagnosis.attributes.measuring import measure_all


def test_edited_pictures_are_told_by_their_edit(photographs: Photographs) -> None:
    pictures = photographs(40)
    for way, strength, word in ((COMPRESSED, 80, "compressed"), (BLUR, 1.0, "blurred")):
        edit = way.edit(strength)
        found = describe(measure_all([*map(edit, pictures[:20]), *pictures[20:]]), np.arange(40) < 20)
        assert found is not None
        assert word in found.words
        value, low, high = found.effect.numbers
        assert 0.7 < low < value <= high <= 1


def test_groups_drawn_by_chance_are_seldom_described() -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=(120, len(NAMES))).astype(np.float32)
    named = [describe(values, generator.permutation(120) < 30) for _ in range(100)]
    assert sum(found is not None for found in named) <= 10


def test_more_and_less_have_their_own_words() -> None:
    values = np.zeros((60, len(NAMES)), dtype=np.float32)
    column = NAMES.index("brightness")
    values[:30, column] = np.arange(30) + 1
    bright, dark = describe(values, np.arange(60) < 30), describe(values, np.arange(60) >= 30)
    assert bright is not None
    assert dark is not None
    assert (bright.words, dark.words) == (ATTRIBUTES[column].much, ATTRIBUTES[column].little)
    assert bright.effect == dark.effect


def test_the_rest_can_be_some_of_the_others() -> None:
    values = np.zeros((60, len(NAMES)), dtype=np.float32)
    values[:20, 0] = 1
    values[20:40, 0] = 2
    low = describe(values, np.arange(60) < 20, np.arange(60) >= 40)
    assert low is not None
    assert low.effect.value == 1


def test_no_images_are_not_described() -> None:
    assert describe(np.zeros((3, len(NAMES)), dtype=np.float32), np.zeros(3, dtype=bool)) is None
