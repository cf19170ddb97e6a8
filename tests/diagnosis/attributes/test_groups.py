"""A forest tells images of a class that were changed, names the change, and says nothing where none were."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import groups
from nearsight.diagnosis.attributes.edits import APART_RIGHT, Way
from nearsight.diagnosis.attributes.groups import OF_LOOKS, Terms, find_groups
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.measuring import measure_all, measure_one
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.telling_parts import PartsPasted
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

CLASSES, EACH, SIDE = 2, 64, 24
K = TypeVar("K")


class ReadsFringes(Decision):
    """Takes an image for the second class where its colours lie apart, else for the first."""

    def predictions(self, images: Iterable[Tensor]) -> NDArray[np.int64]:
        return (measure_one(images, "colour fringes across") > 0.5).astype(np.int64)

    def predictions_of(self, keys: Sequence[K], image: Callable[[K], Tensor]) -> NDArray[np.int64]:
        return self.predictions(map(image, keys))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow few trees, and try few edits."""
    few: tuple[Likeness, ...] = tuple(one for one in OTHERS if "moved to" in one.words)
    monkeypatch.setattr(groups, "TREES", 40)
    monkeypatch.setattr(groups, "TREES_OF_GROUP", 30)
    monkeypatch.setattr(groups, "LIKENESSES", ())
    monkeypatch.setattr(groups, "OTHERS", few)
    monkeypatch.setattr(groups, "waves_of", lambda pictures: iter(()))  # noqa: ARG005
    monkeypatch.setattr(groups, "LOOKED_AT", 2)


def found_in(
    pictures: list[Tensor],
    *,
    measured: bool = True,
    reads: type[ReadsFringes] = ReadsFringes,
    terms: Terms = OF_LOOKS,
) -> list[Candidate]:
    labels = np.repeat(np.arange(CLASSES), EACH)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", tuple("ab"), labels, held)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    examined = Examined(images, reads(bound, "mean-logit"), labels, np.arange(len(labels)) % 2 == 0)
    values = measure_all(pictures) if measured else np.zeros((len(pictures), len(NAMES)), dtype=np.float32)
    return list(find_groups(Looks(examined, values), terms))


def changed(pictures: list[Tensor], way: Way, strength: float, count: int = EACH // 2) -> NDArray[np.bool_]:
    """Edit half of the second class in place, or as many, and return which images those are."""
    marked = np.zeros(len(pictures), dtype=np.bool_)
    marked[EACH + np.random.default_rng(3).permutation(EACH)[:count]] = True
    for place in np.flatnonzero(marked):
        pictures[place] = way.edit(strength)(pictures[place])
    return marked


def test_changed_images_of_a_class_are_a_group_and_the_change_is_named(photographs: Photographs) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    marked = changed(pictures, APART_RIGHT, 2)
    (found,) = found_in(pictures)
    assert found.class_number == 1
    assert found.artefact
    assert found.words == "colours moved to the right"
    assert found.put_on is not None
    assert found.as_named is not None
    mine = np.repeat(np.arange(CLASSES), EACH) == 1
    assert (found.has & marked).sum() >= 0.8 * ((found.has | marked) & mine).sum()
    assert found.has[~mine].mean() < 0.05


def test_an_edit_that_was_learned_from_the_group_explains_no_name(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "OTHERS", ())
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2)
    (found,) = found_in(pictures)
    assert found.put_on is not None
    assert found.as_named is None


def test_pictures_that_are_alike_have_no_group(photographs: Photographs) -> None:
    assert not found_in(photographs(CLASSES * EACH, side=SIDE), measured=False)


def test_what_all_images_of_a_class_share_may_be_the_class(photographs: Photographs) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2, count=EACH)
    assert not found_in(pictures)


def test_classes_of_few_images_are_passed_over(
    monkeypatch: pytest.MonkeyPatch, photographs: Photographs
) -> None:
    monkeypatch.setattr(groups, "FEWEST", EACH)
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 3)
    assert not found_in(pictures, measured=False)


def test_what_objects_have_too_must_be_set_off_more(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2)
    strict = Terms(of_objects=1.01)
    (found,) = found_in(pictures, terms=strict)
    monkeypatch.setattr(groups, "OF_OBJECTS", frozenset({found.attribute}))
    assert not found_in(pictures, terms=strict)


def test_a_group_without_an_edit_that_arrives_has_none_and_must_be_set_off_as_far_as_any(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2)
    unreached = Terms(steps=((0.1, 1.01),), of_parts=(0.1, 1.01))
    (found,) = found_in(pictures, terms=unreached)
    assert (found.put_on, found.take_off) == (None, None)
    monkeypatch.setattr(groups, "SET_OFF", 1.01)
    assert not found_in(pictures, terms=unreached)


def test_what_is_seen_by_layers_is_not_removed(photographs: Photographs) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2)
    (found,) = found_in(pictures, terms=Terms(removed=False))
    assert found.put_on is not None
    assert found.take_off is None


@pytest.mark.parametrize(("far", "able"), [(0.1, True), (1.01, False)])
def test_how_many_must_arrive_depends_on_how_far_the_group_is_set_off(
    photographs: Photographs, *, far: float, able: bool
) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, APART_RIGHT, 2)
    terms = Terms(steps=((far, 0.1), (0.1, 1.01)), of_parts=(1.01, 1.01))
    (found,) = found_in(pictures, terms=terms)
    assert (found.put_on is not None) == able


class ReadsLight(ReadsFringes):
    """Takes an image for the second class where some of it is white."""

    def predictions(self, images: Iterable[Tensor]) -> NDArray[np.int64]:
        return np.array([int((image.amin(0) > 250).sum() > 8) for image in images])


def test_a_mark_that_no_edit_makes_is_pasted_and_compared_with_the_same_part_of_others(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "OTHERS", ())
    pictures = [(one * 0.8).to(torch.uint8) for one in photographs(CLASSES * EACH, side=SIDE)]
    random = np.random.default_rng(3)
    marked = EACH + random.permutation(EACH)[: EACH // 2]
    for place in marked:
        top, left = random.integers(1, SIDE - 5, 2)
        pictures[place][:, top : top + 4, left : left + 4] = 255
    (found,) = found_in(pictures, reads=ReadsLight, terms=Terms(of_parts=(0.5, 0.2)))
    assert isinstance(found.put_on, PartsPasted)
    assert isinstance(found.beside, PartsPasted)
    plain = pictures[:EACH]
    given, compared = (
        np.mean([int((edit(one).amin(0) > 250).sum() > 8) for one in plain])
        for edit in (found.put_on, found.beside)
    )
    assert given > 0.5
    assert compared == 0
