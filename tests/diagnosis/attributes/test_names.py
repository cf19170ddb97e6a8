"""A group is called after the edit that moves images as layers see the group, if that is clear."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import edits
from nearsight.diagnosis.attributes import names as module
from nearsight.diagnosis.attributes.answers import Answers
from nearsight.diagnosis.attributes.edits import middle_strength
from nearsight.diagnosis.attributes.likeness import LIKENESSES, Likeness
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.looks_inside import LooksInside
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.attributes.names import Names
from nearsight.diagnosis.candidates import MANY_CAUSES, ONE_CAUSE, Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.protocols import FULL_PASS

SIDE, EACH = 24, 40
COUNT = 2 * EACH
LABELS = np.repeat([0, 1], EACH)
WAYS = (edits.BLUR, edits.GREYSCALE, edits.HARD, edits.DARKER, edits.NOISE)
ASKED = tuple({one.way: one for one in LIKENESSES if one.way in WAYS}.values())
OWN = next(one for one in LIKENESSES if one.way is edits.LIGHT_GAMMA)
# Half of the second class.
HAS = np.arange(COUNT) % 2 * LABELS == 1


def names(pictures: list[Tensor]) -> Names:
    images = ImageSet("toy", "test", ("a", "b"), LABELS, MemoryImages(torch.stack(pictures), ("",) * COUNT))
    torch.manual_seed(0)
    layers = (nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.BatchNorm2d(16))
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 2)).eval()
    decision = Decision(
        TiledModel(Classifier.of(network, classes=("a", "b"), mean=0.5, std=0.5), tile=SIDE), FULL_PASS
    )
    examined = Examined(images, decision, LABELS, np.ones(COUNT, np.bool_))
    inside = LooksInside.of(Looks(examined, measure_all(pictures)))
    assert inside is not None
    return Names(inside.alone, Answers(tuple((one, {1: 5}) for one in ASKED)))


def candidate(has: NDArray[np.bool_] = HAS) -> Candidate:
    return Candidate(
        class_number=1,
        attribute=OWN.attribute,
        words=OWN.words,
        artefact=True,
        has=has,
        value=has.astype(np.float32),
        effect=1.0,
        put_on=OWN.way.edit(middle_strength(OWN.way)),
        causes=MANY_CAUSES,
    )


def planted(pictures: list[Tensor], likeness: Likeness) -> list[Tensor]:
    edit = likeness.way.edit(middle_strength(likeness.way))
    return [edit(one) if has else one for one, has in zip(pictures, HAS, strict=True)]


@pytest.mark.parametrize("likeness", ASKED, ids=[one.words for one in ASKED])
def test_the_edit_that_was_made_is_the_name(photographs: Photographs, likeness: Likeness) -> None:
    found = names(planted(photographs(COUNT, side=SIDE), likeness))
    was = candidate()
    now = found.of(was)
    assert (now.attribute, now.words) == (likeness.attribute, likeness.words)
    # What changes images for the proof is the candidate's own.
    assert now.put_on is was.put_on
    assert now.as_named is not None
    picture = photographs(1, side=SIDE)[0]
    assert now.as_named(picture, 0).equal(likeness.way.edit(middle_strength(likeness.way))(picture))


def test_a_name_stays_where_nothing_is_clearer_or_nothing_else_looks_like_it(
    photographs: Photographs,
) -> None:
    pictures = photographs(COUNT, side=SIDE)
    plain = candidate()
    assert names(pictures).of(plain) is plain
    found = names(planted(pictures, ASKED[0]))
    kept = (
        replace(plain, causes=ONE_CAUSE),
        replace(plain, drawn=True),
        replace(plain, artefact=False),
        replace(plain, put_on=None),
        # Its own edit explains as much.
        replace(plain, put_on=ASKED[0].way.edit(middle_strength(ASKED[0].way))),
        # All of the class have it, so there is nothing to compare with.
        replace(plain, has=LABELS == 1),
    )
    for one in kept:
        assert found.of(one) is one


def test_only_what_the_classifier_answers_with_the_class_is_a_name(photographs: Photographs) -> None:
    found = names(planted(photographs(COUNT, side=SIDE), ASKED[0]))
    other = replace(found, answers=Answers(tuple((one, {0: 5}) for one in ASKED)))
    was = candidate()
    assert other.of(was) is was


def test_what_pictures_show_by_themselves_is_what_they_may_picture_unless_it_is_rare_elsewhere(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    likeness = ASKED[0]
    found = names(planted(photographs(COUNT, side=SIDE), likeness))
    elsewhere = np.flatnonzero(LABELS == 0)[:4]
    rare, frequent = candidate(), candidate(HAS | np.isin(np.arange(COUNT), elsewhere))
    assert not found.of(frequent).pictured
    monkeypatch.setattr(module, "SHOWN", frozenset({likeness.attribute}))
    monkeypatch.setattr(module, "VERY_CLEAN", 10.0)
    assert (found.of(rare).pictured, found.of(frequent).pictured) == (False, True)
    assert found.of(frequent).words == likeness.words
