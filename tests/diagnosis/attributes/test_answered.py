"""What the classifier answers with a class is looked for in its images, and only that."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import answered, answers
from nearsight.diagnosis.attributes.answered import find_answered
from nearsight.diagnosis.attributes.answers import Answers
from nearsight.diagnosis.attributes.edits import GREYSCALE, LEFT, SHARP
from nearsight.diagnosis.attributes.likeness import LIKENESSES
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.measuring import measure_all, measure_one
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.statistics import jaccard

CLASSES, EACH, SIDE = 4, 60, 24
WEAK = 0.4
K = TypeVar("K")


class ReadsSlopes(Decision):
    """Takes an image for the second class where it is much lighter on the left, else for the first."""

    def scores_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.float32]:
        return _second_where(measure_one(map(image, keys), "light from the left"), 0.2)


class ReadsGrey(Decision):
    """Takes an image for the second class where it has hardly any colour, else for the first."""

    def scores_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.float32]:
        return _second_where(-measure_one(map(image, keys), "saturation"), -1.0)


def _second_where(amount: NDArray[np.float32], least: float) -> NDArray[np.float32]:
    scores = [np.full(len(amount), least), amount, *np.full((2, len(amount)), -100.0)]
    return np.stack(scores, axis=1).astype(np.float32)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask about few edits."""
    monkeypatch.setattr(answers, "LIKENESSES", ())
    monkeypatch.setattr(answers, "OTHERS", tuple(one for one in OTHERS if "lighter on" in one.words))
    monkeypatch.setattr(answers, "MORE", ())
    monkeypatch.setattr(answers, "photo_edits", lambda _: ())


def found_in(pictures: list[Tensor], reads: type[Decision] = ReadsSlopes) -> list[Candidate]:
    labels = np.repeat(np.arange(CLASSES), EACH)
    images = ImageSet(
        "toy", "test", tuple("abcd"), labels, MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    )
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    decision = reads(bound, "mean-logit")
    decided = decision.predictions_of(pictures, lambda picture: picture)
    examined = Examined(images, decision, decided, np.arange(len(labels)) % 2 == 0)
    looks = Looks(examined, measure_all(pictures))
    return list(find_answered(looks, Answers.of(looks)))


def marked() -> NDArray[np.bool_]:
    """Half of the second class."""
    places = np.arange(CLASSES * EACH)
    return (places >= EACH) & (places < 2 * EACH) & (places % 4 < 2)


def test_images_with_a_slope_of_light_are_found_where_the_classifier_answers_it(
    photographs: Photographs,
) -> None:
    pictures = [
        LEFT.edit(0.45)(one) if has else one
        for one, has in zip(photographs(CLASSES * EACH, side=SIDE), marked(), strict=True)
    ]
    (found,) = found_in(pictures)
    assert (found.class_number, found.words) == (1, "lighter on the left")
    mine = np.arange(CLASSES * EACH) // EACH == 1
    assert (found.has & marked()).sum() >= 0.6 * ((found.has | marked()) & mine).sum()
    assert found.put_on is not None
    assert found.take_off is not None
    assert found.removed_so_far is not None
    assert found.removed_so_far > 0.5


def test_a_weaker_slope_is_seen_better_by_what_the_class_loses_without_it(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [
        LEFT.edit(WEAK)(one) if has else one
        for one, has in zip(photographs(CLASSES * EACH, side=SIDE), marked(), strict=True)
    ]
    mine = np.arange(CLASSES * EACH) // EACH == 1

    def seen() -> float:
        having = [one.has for one in found_in(pictures)]
        return max((jaccard(has[mine], marked()[mine]) for has in having), default=0.0)

    by_both = seen()
    monkeypatch.setattr(answered, "FARTHEST", 0.0)
    assert by_both > seen() > 0.6


def test_what_it_does_not_answer_is_not_looked_for(photographs: Photographs) -> None:
    pictures = [
        SHARP.edit(300)(one) if has else one
        for one, has in zip(photographs(CLASSES * EACH, side=SIDE), marked(), strict=True)
    ]
    assert not found_in(pictures)


def test_what_cannot_be_undone_is_known_to_stay(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    grey = tuple(one for one in LIKENESSES if one.way == GREYSCALE)
    monkeypatch.setattr(answers, "LIKENESSES", grey)
    pictures = [
        GREYSCALE.edit(1.0)(one) if has else one
        for one, has in zip(photographs(CLASSES * EACH, side=SIDE), marked(), strict=True)
    ]
    (found,) = found_in(pictures, ReadsGrey)
    assert (found.words, found.has[marked()].mean()) == (grey[0].words, 1.0)
    # Strong colours of a grey picture are grey: nothing would be lost, whatever the classifier goes by.
    assert grey[0].back is not None
    assert found.put_on is not None
    assert found.removed_so_far == 0


def test_images_that_are_alike_have_nothing(photographs: Photographs) -> None:
    assert not found_in(photographs(CLASSES * EACH, side=SIDE))
