"""Looks of a set in which one class has very few images."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import groups, looks, set_off
from nearsight.diagnosis.attributes.groups import find_groups
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

SIDE, RARE = 24, 2
LABELS = np.repeat([0, 1, RARE], [60, 60, 1])


@pytest.fixture
def looked(photographs: Photographs) -> Looks:
    """The looks of images of three classes that all choose, of the third a single one."""
    pictures = photographs(len(LABELS), side=SIDE)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", tuple("abc"), LABELS, held)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    choosing: NDArray[np.bool_] = np.ones(len(LABELS), dtype=np.bool_)
    examined = Examined(images, Decision(bound, "mean-logit"), LABELS, choosing)
    return Looks(examined, measure_all(pictures))


def test_a_class_from_which_no_rule_grows_is_passed_over(
    looked: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert looked.classes(1) == [0, 1, RARE]
    monkeypatch.setattr(looks, "MOST", 80)
    monkeypatch.setattr(groups, "FEWEST", 1)
    monkeypatch.setattr(set_off, "TREES", 20)
    fewer = Looks(looked.examined, looked.values)
    assert RARE not in LABELS[fewer.grown]
    assert fewer.classes(1) == [0, 1]
    assert not list(find_groups(fewer))
