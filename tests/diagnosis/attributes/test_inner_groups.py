"""What only a network sees of some images of a class is found, and moves others to the class inside the network."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import set_off
from nearsight.diagnosis.attributes.inner_groups import find_inner_groups
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.looks_inside import LooksInside
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Examined
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.interventions import INNER, given_inside
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.protocols import FULL_PASS
from nearsight.statistics import jaccard

CLASSES, EACH, SIDE = 3, 64, 16


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Grow few trees."""
    monkeypatch.setattr(set_off, "TREES", 60)
    monkeypatch.setattr(set_off, "TREES_OF_GROUP", 40)


class SeesChequers(nn.Module):
    """Takes an image for the last class where neighbours alternate; else for the class of its strongest colour."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Conv2d(3, 3, 2, bias=False)
        self.norm = nn.BatchNorm2d(3)
        chequer = torch.tensor([[1.0, -1.0], [-1.0, 1.0]])
        weight = torch.zeros(3, 3, 2, 2)
        weight[0, 0], weight[1, 1] = 0.25, 0.25
        weight[2] = chequer / 12
        self.look.weight.data = weight

    def forward(self, images: Tensor) -> Tensor:
        seen = self.norm(self.look(images))
        red, green = seen[:, 0].mean((1, 2)), seen[:, 1].mean((1, 2))
        return torch.stack([red, green, 20 * seen[:, 2].std((1, 2)) - 2], dim=1)


def examined(*, planted: bool) -> tuple[Examined, Looks, NDArray[np.bool_]]:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(CLASSES), EACH)
    # Classes overlap, so that no forest knows a class by its colour.
    colours = np.eye(3)[labels] * 8 + random.normal(100, 25, (len(labels), 3))
    pixels = colours[:, :, None, None] + random.normal(0, 6, (len(labels), 3, SIDE, SIDE))
    has = np.zeros(len(labels), dtype=np.bool_)
    if planted:
        has[2 * EACH + random.permutation(EACH)[: EACH // 2]] = True
        sign = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 8, -8)
        pixels[has] += sign
    held = MemoryImages(torch.from_numpy(pixels.clip(0, 255).astype(np.uint8)), ("",) * len(labels))
    images = ImageSet("toy", "test", ("red", "green", "blue"), labels, held)
    classifier = Classifier.of(SeesChequers().eval(), classes=images.classes, mean=0.4, std=0.2)
    decision = Decision(TiledModel(classifier, tile=SIDE), FULL_PASS)
    seen = Examined(images, decision, None, np.arange(len(labels)) % 2 == 0)
    pictures = [images.image(i) for i in range(len(images))]
    return seen, Looks(seen, measure_all(pictures)), has


def found_in(looks: Looks) -> list[Candidate]:
    inside = LooksInside.of(looks)
    assert inside is not None
    return list(find_inner_groups(inside))


def test_a_group_that_the_layers_see_apart_is_found_and_proven_inside_the_network() -> None:
    seen, looks, has = examined(planted=True)
    (found,) = found_in(looks)
    assert (found.class_number, found.causes, found.artefact, found.put_on) == (2, ANY_CAUSE, False, None)
    mine = seen.labels == 2
    assert jaccard(found.has[mine], has[mine]) > 0.9
    made = given_inside(seen, found)
    assert made is not None
    assert made.kind == INNER
    assert made.effect > 0.3
    # What the network's layers see of the class's others is not what makes the class.
    assert (made.change.chance or 0) < 0.1


def test_the_network_is_as_it_was_afterwards() -> None:
    seen, looks, _ = examined(planted=True)
    before = seen.decision.predictions_of(range(8), seen.images.image)
    given_inside(seen, found_in(looks)[-1])
    np.testing.assert_array_equal(seen.decision.predictions_of(range(8), seen.images.image), before)
    module = seen.decision.bound.module
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def test_nothing_is_found_where_nothing_is_planted_or_no_layer_can_be_seen() -> None:
    _, looks, _ = examined(planted=False)
    assert found_in(looks) == []
    seen, looks, _ = examined(planted=True)
    blind = Decision(
        TiledModel(lambda tiles: tiles.mean((2, 3)), tile=SIDE, classes=seen.images.classes), "mean-logit"
    )
    unseen = Examined(seen.images, blind, None, seen.choosing)
    assert LooksInside.of(Looks(unseen, looks.values)) is None
