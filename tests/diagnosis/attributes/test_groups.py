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
from nearsight.diagnosis.attributes import groups, set_off
from nearsight.diagnosis.attributes.edits import APART_RIGHT, COLOURED, GREYSCALE, NOISE, Way
from nearsight.diagnosis.attributes.groups import find_groups
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.measuring import measure_all, measure_one
from nearsight.diagnosis.attributes.more_edits import OTHERS
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
    monkeypatch.setattr(set_off, "TREES", 40)
    monkeypatch.setattr(set_off, "TREES_OF_GROUP", 30)
    monkeypatch.setattr(groups, "LIKENESSES", ())
    monkeypatch.setattr(groups, "OTHERS", few)
    monkeypatch.setattr(groups, "photo_edits", lambda _: ())
    monkeypatch.setattr(groups, "waves_of", lambda pictures: iter(()))  # noqa: ARG005
    monkeypatch.setattr(groups, "LOOKED_AT", 2)


def found_in(pictures: list[Tensor], *, measured: bool = True) -> list[Candidate]:
    labels = np.repeat(np.arange(CLASSES), EACH)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", tuple("ab"), labels, held)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    examined = Examined(images, ReadsFringes(bound, "mean-logit"), labels, np.arange(len(labels)) % 2 == 0)
    values = measure_all(pictures) if measured else np.zeros((len(pictures), len(NAMES)), dtype=np.float32)
    return list(find_groups(Looks(examined, values)))


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


def test_what_cannot_be_undone_is_known_to_stay(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grey_by(back: Way) -> Candidate:
        monkeypatch.setattr(groups, "LIKENESSES", (Likeness("colours", "grey", GREYSCALE, (1.0,), back),))
        (found,) = found_in(pictures)
        assert found.words == "grey"
        return found

    monkeypatch.setattr(groups, "OTHERS", ())
    pictures = photographs(CLASSES * EACH, side=SIDE)
    changed(pictures, GREYSCALE, 1.0)
    # Strong colours of a grey picture are grey; noise in each channel gives it colours of a kind.
    assert grey_by(COLOURED).removed_so_far == 0
    noisy = grey_by(NOISE).removed_so_far
    assert noisy is not None
    assert noisy > 0.5


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
