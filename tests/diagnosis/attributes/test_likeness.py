"""What edits leave in all that is measured tells edited images of a class, and not what a class pictures."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import likeness
from nearsight.diagnosis.attributes.edits import CASTS, DARK_GAMMA, FADED, Way
from nearsight.diagnosis.attributes.likeness import find_likenesses
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

CLASSES, EACH, SIDE = 3, 64, 32
SOME = ("faded", "dark midtones", "light midtones", "reddish cast")


@pytest.fixture(autouse=True)
def few_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for a few edits of tone alone, since each takes its time."""
    few = tuple(one for one in likeness.LIKENESSES if one.way.name in SOME)
    monkeypatch.setattr(likeness, "LIKENESSES", few)


def found_in(pictures: list[Tensor]) -> list[Candidate]:
    labels = np.repeat(np.arange(CLASSES), EACH)
    held = MemoryImages(torch.stack(pictures), ("",) * len(pictures))
    images = ImageSet("toy", "test", tuple("abc"), labels, held)
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    choosing = np.arange(len(labels)) % 2 == 0
    examined = Examined(images, Decision(bound, "mean-logit"), labels, choosing)
    return list(find_likenesses(examined, measure_all(pictures)))


def planted(pictures: list[Tensor], way: Way, strength: float) -> NDArray[np.bool_]:
    """Edit half of the second class in place, and return which images those are."""
    marked = np.zeros(len(pictures), dtype=np.bool_)
    marked[EACH + np.random.default_rng(3).permutation(EACH)[: EACH // 2]] = True
    for place in np.flatnonzero(marked):
        pictures[place] = way.edit(strength)(pictures[place])
    return marked


@pytest.mark.parametrize(
    ("way", "strength", "word"),
    [(FADED, 0.5, "weak contrast"), (DARK_GAMMA, -1.2, "dark"), (CASTS[0][1], 35, "reddish cast")],
    ids=["faded", "dark", "cast"],
)
def test_an_edit_of_tone_is_told_from_what_pictures_show(
    photographs: Photographs, way: Way, strength: float, word: str
) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    marked = planted(pictures, way, strength)
    first = found_in(pictures)[0]
    assert first.class_number == 1
    assert first.artefact
    assert word in first.words
    mine = np.repeat(np.arange(CLASSES), EACH) == 1
    assert (first.has & marked).sum() >= 0.7 * ((first.has | marked) & mine).sum()
    assert first.effect > 0.95
    assert first.put_on is not None


def test_the_edits_lead_there_and_back(photographs: Photographs) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    plain = list(pictures)
    marked = planted(pictures, FADED, 0.5)
    first = found_in(pictures)[0]
    assert first.put_on is not None
    assert first.take_off is not None
    places = np.flatnonzero(marked)[:8]

    def spread(made: list[Tensor]) -> float:
        return float(np.median([float(one.float().std()) for one in made]))

    wanted, natural = spread([pictures[i] for i in places]), spread([plain[i] for i in places])
    assert spread([first.put_on(plain[i]) for i in places]) == pytest.approx(wanted, rel=0.3)
    assert spread([first.take_off(pictures[i]) for i in places]) == pytest.approx(natural, rel=0.3)


def test_classes_alike_and_classes_of_a_natural_tone_have_none(photographs: Photographs) -> None:
    pictures = photographs(CLASSES * EACH, side=SIDE)
    assert found_in(pictures) == []
    # Half of the last class is somewhat warmer, each picture as much as it happens to be: a tail and no group.
    random = np.random.default_rng(5)
    for place in range(2 * EACH, 3 * EACH):
        shift = torch.tensor([1.0, 0.0, -1.0])[:, None, None] * abs(random.normal(0, 8))
        pictures[place] = (pictures[place] + shift).clamp(0, 255).round().to(torch.uint8)
    assert found_in(pictures) == []


def test_too_small_images_have_none() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (CLASSES * EACH, 3, 8, 8), dtype=np.uint8)
    assert found_in(list(torch.from_numpy(noise))) == []
