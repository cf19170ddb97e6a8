"""Casts are called by their hue, as a person would call them."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.edits import HUES
from nearsight.diagnosis.attributes.hues import MEASURED, words_of
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES

GAINS = {
    "reddish": [(1.3, 1.0, 1.0), (1.0, 0.75, 0.75)],
    # Old paper, and the light of a bulb.
    "yellowish": [(1.0, 1.0, 0.65), (1.06, 1.0, 0.72), (1.25, 1.0, 0.6)],
    "greenish": [(1.0, 1.3, 1.0), (0.8, 1.0, 0.75)],
    "turquoise": [(0.7, 1.0, 1.0), (0.75, 1.05, 1.0)],
    "bluish": [(1.0, 1.0, 1.4), (0.75, 0.8, 1.0)],
    "purplish": [(1.0, 0.7, 1.0), (1.2, 0.9, 1.15)],
}


def _shift(gains: tuple[float, float, float]) -> np.ndarray:
    return np.log2(np.array(gains))


def _attribute(name: str):
    return ATTRIBUTES[NAMES.index(name)]


@pytest.mark.parametrize(("hue", "gains"), [(hue, one) for hue, some in GAINS.items() for one in some])
def test_a_cast_has_the_hue_that_it_moves_colours_to_whatever_attribute_shows_it(hue, gains) -> None:
    shift = _shift(gains)
    named = []
    for name, direction in MEASURED.items():
        attribute, along = _attribute(name), float(direction @ shift)
        if abs(along) > 0.1 and (attribute.much if along > 0 else attribute.little):
            named.append((abs(along), words_of(attribute, shift, much=along > 0)))
    # The attribute that measures most of it, as the finder names the clearest.
    assert max(named)[1].startswith(f"{hue} cast")


@pytest.mark.parametrize("name", MEASURED)
def test_a_name_never_contradicts_what_is_measured(name: str) -> None:
    attribute, random = _attribute(name), np.random.default_rng(0)
    for much in (True, False):
        if not (attribute.much if much else attribute.little):
            continue
        towards = MEASURED[name] if much else -MEASURED[name]
        for shift in random.normal(size=(50, 3)):
            hue = words_of(attribute, shift, much=much).split()[0]
            assert np.array(HUES[hue]) @ towards > 0


def test_what_is_no_cast_keeps_its_words() -> None:
    assert words_of(_attribute("contrast"), _shift((1.3, 1, 1)), much=False) == "weak contrast"
    assert words_of(_attribute("warm everywhere"), _shift((1.0, 1.0, 0.6))) == (
        "yellowish cast: no pixel without it"
    )


def test_the_shift_is_that_between_images_of_the_class() -> None:
    random = np.random.default_rng(0)
    plain = torch.from_numpy(random.integers(60, 160, (20, 3, 16, 16), dtype=np.uint8))
    gains = (1.2, 1.0, 0.6)
    warm = (plain * torch.tensor(gains)[:, None, None]).clamp(0, 255).byte()

    class Seen:
        labels = np.zeros(40, dtype=np.int64)

        @staticmethod
        def pictures(among: np.ndarray, most: int) -> list[Tensor]:
            return list(warm if among[0] else plain)[:most]

    has = np.arange(40) < 20
    shift = CurvesOfClass(Seen(), 0, has).shift
    np.testing.assert_allclose(shift, _shift(gains), atol=0.03)
