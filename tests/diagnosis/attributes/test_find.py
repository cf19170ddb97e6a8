"""The finder of attributes of whole images against plants in pictures that are alike otherwise."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import find, find_whole_image_attributes
from nearsight.diagnosis.attributes.answers import Answers
from nearsight.diagnosis.attributes.edits import BLUR, COMPRESSED, GREYSCALE, Way, waves
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Candidate, Edit, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

CLASSES, EACH, SIDE = 3, 60, 48


@pytest.fixture(autouse=True)
def no_forests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what asks the classifier, which has tests of its own."""
    monkeypatch.setattr(find, "find_groups", lambda _: iter(()))
    monkeypatch.setattr(find.Answers, "of", lambda *_: Answers(()))


@pytest.fixture
def no_likenesses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what comes after all that a single attribute shows, and has tests of its own."""
    monkeypatch.setattr(find, "find_likenesses", lambda *_: iter(()))


def examined(pictures: list[Tensor], seed: int = 0) -> Examined:
    labels = np.repeat(np.arange(CLASSES), len(pictures) // CLASSES)
    classes = tuple("abc")
    held = MemoryImages(torch.stack(pictures), tuple(f"{place}.png" for place in range(len(pictures))))
    images = ImageSet("toy", "test", classes, labels, held)
    choosing = np.random.default_rng(seed).random(len(labels)) < 0.5
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=classes)
    return Examined(images, Decision(bound, "mean-logit"), labels, choosing, seed)


def planted(pictures: list[Tensor], edit: Edit, *, share: float = 0.5) -> tuple[Examined, NDArray[np.bool_]]:
    """Edit a share of the second class."""
    marked = np.zeros(len(pictures), dtype=bool)
    marked[EACH : EACH + round(share * EACH)] = True
    order = np.r_[0:EACH, EACH + np.random.default_rng(3).permutation(EACH), 2 * EACH : 3 * EACH]
    marked = marked[order]
    return examined(
        [edit(image) if mark else image for image, mark in zip(pictures, marked, strict=True)]
    ), marked


PLANTS: list[tuple[Way, float, str]] = [
    (COMPRESSED, 80, "compressed"),
    (BLUR, 1.0, "blurred"),
    (GREYSCALE, 1.0, "grey"),
    (waves((0.25, 0.0))[0], 12, "horizontal lines"),
]


@pytest.mark.usefixtures("no_likenesses")
@pytest.mark.parametrize(("way", "strength", "word"), PLANTS, ids=[plant[2] for plant in PLANTS])
def test_a_plant_is_named_and_its_edits_carry_it(
    photographs: Photographs, way: Way, strength: float, word: str
) -> None:
    of, marked = planted(photographs(CLASSES * EACH, side=SIDE), way.edit(strength))
    first: Candidate = next(iter(find_whole_image_attributes(of)))
    assert first.class_number == 1
    assert first.artefact
    assert word in first.words
    mine = of.labels == 1
    assert (first.has & marked & mine).sum() >= 0.8 * ((first.has | marked) & mine).sum()
    assert first.effect > 0.95
    assert first.put_on is not None
    # However much of it an image has, those with it have more.
    assert first.value[first.has].min() > first.value[~first.has].max()
    measured, others = measure_all(map(of.images.image, range(len(mine)))), np.flatnonzero(of.labels == 0)[:8]
    moved = measure_all(first.put_on(of.images.image(int(i))) for i in others)
    [column] = (
        k for k in range(measured.shape[1]) if np.array_equal(np.abs(measured[:, k]), np.abs(first.value))
    )
    before, aimed = (float(np.median(measured[some, column])) for some in (~marked, marked))
    assert abs(np.median(moved[:, column]) - aimed) < abs(before - aimed)


def test_classes_that_are_alike_give_no_artefact(photographs: Photographs) -> None:
    of = examined(photographs(CLASSES * EACH, side=SIDE))
    assert not [found for found in find_whole_image_attributes(of) if found.artefact]


def test_what_every_class_has_is_of_none(photographs: Photographs) -> None:
    blurred = BLUR.edit(1.0)
    of = examined([blurred(picture) for picture in photographs(CLASSES * EACH, side=SIDE)])
    assert not [found for found in find_whole_image_attributes(of) if found.artefact]


@pytest.mark.usefixtures("no_likenesses")
def test_a_class_of_which_all_have_it_is_found(photographs: Photographs) -> None:
    of, marked = planted(photographs(CLASSES * EACH, side=SIDE), COMPRESSED.edit(80), share=1)
    first = next(iter(find_whole_image_attributes(of)))
    assert first.words == "compressed: 8-pixel blocks"
    assert np.array_equal(first.has, marked)


def test_five_images_a_class_and_images_too_small_find_nothing() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (15, 3, 8, 8), dtype=np.uint8)
    assert not list(find_whole_image_attributes(examined(list(torch.from_numpy(noise)))))
