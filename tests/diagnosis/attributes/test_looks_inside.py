"""What inner layers see of images is one row each, beside their looks or alone, and the same however it is asked."""

import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.attributes.conftest import Photographs
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes import inner
from nearsight.diagnosis.attributes.looks import Looks, looks_of
from nearsight.diagnosis.attributes.looks_inside import CHANNELS, LooksInside
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.protocols import FULL_PASS

SIDE, COUNT, WIDTH = 20, 24, 40
CHOOSING = np.arange(COUNT) % 3 > 0


def seen(pictures: list[Tensor], *layers: nn.Module) -> LooksInside | None:
    labels = np.arange(COUNT) % 2
    held = MemoryImages(torch.stack(pictures), ("",) * COUNT)
    images = ImageSet("toy", "test", ("a", "b"), labels, held)
    torch.manual_seed(0)
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LazyLinear(2)).eval()
    network(torch.zeros(1, 3, SIDE, SIDE))
    classifier = Classifier.of(network, classes=images.classes, mean=0.5, std=0.5)
    decision = Decision(TiledModel(classifier, tile=SIDE), FULL_PASS)
    return LooksInside.of(Looks(Examined(images, decision, labels, CHOOSING), measure_all(pictures)))


def test_rows_are_the_same_however_they_are_asked_for(photographs: Photographs) -> None:
    pictures = photographs(COUNT, side=SIDE)
    both = seen(pictures, nn.Conv2d(3, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU())
    assert both is not None
    numbers = len(looks_of(pictures[0]))
    alone = both.alone
    assert both.of_all.shape == (COUNT, numbers + 2 * CHANNELS)
    np.testing.assert_array_equal(both.grown, np.flatnonzero(CHOOSING))
    np.testing.assert_array_equal(both.of_grown, both.of_all[CHOOSING])
    np.testing.assert_array_equal(alone.of_all, both.of_all[:, numbers:])
    np.testing.assert_allclose(both.look(pictures, range(COUNT)), both.of_all, atol=1e-4)
    np.testing.assert_allclose(alone.look(pictures[:3], range(3)), alone.of_all[:3], atol=1e-4)


def test_the_mean_and_the_spread_of_each_channel_are_taken(photographs: Photographs) -> None:
    pictures = photographs(COUNT, side=SIDE)
    convolution, norm = nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)
    both = seen(pictures, convolution, norm)
    assert both is not None
    prepared = (torch.stack(pictures).float() / 255 - 0.5) / 0.5
    with torch.no_grad():
        maps = norm(convolution(prepared)).flatten(2)
    wanted = torch.cat([maps.mean(2), maps.std(2, correction=0)], dim=1)
    np.testing.assert_allclose(both.alone.of_all, wanted.numpy(), atol=1e-4)


def test_a_model_without_layers_has_none(photographs: Photographs) -> None:
    pictures = photographs(COUNT, side=SIDE)
    held = MemoryImages(torch.stack(pictures), ("",) * COUNT)
    images = ImageSet("toy", "test", ("a", "b"), np.arange(COUNT) % 2, held)
    blind = Decision(
        TiledModel(lambda tiles: tiles.mean((2, 3))[:, :2], tile=4, classes=("a", "b")), "mean-logit"
    )
    examined = Examined(images, blind, None, CHOOSING)
    assert LooksInside.of(Looks(examined, measure_all(pictures))) is None


def test_images_are_looked_at_as_they_come(photographs: Photographs, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that edited copies of large images are not all held at once."""
    pictures = photographs(COUNT, side=SIDE)
    both = seen(pictures, nn.Conv2d(3, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU())
    assert both is not None
    at_once = 5
    monkeypatch.setattr(inner, "PIXELS_TOGETHER", at_once * SIDE**2)
    made: list[weakref.ref[Tensor]] = []

    def edited() -> Iterator[Tensor]:
        for picture in pictures:
            copy = picture.clone()
            made.append(weakref.ref(copy))
            yield copy
            del copy
            # One batch is let go when the next is complete.
            assert sum(one() is not None for one in made) <= 2 * at_once + 1

    np.testing.assert_allclose(both.look(edited(), range(COUNT)), both.of_all, atol=1e-4)
    assert len(made) == COUNT


def test_only_an_image_of_which_a_layer_has_no_maps_is_not_known(
    photographs: Photographs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = photographs(COUNT, side=SIDE)
    both = seen(pictures, nn.Conv2d(3, WIDTH, 3), nn.BatchNorm2d(WIDTH), nn.ReLU())
    assert both is not None
    wanted = both.alone.of_all
    see = inner.InnerLayers.see_each

    def refused(self: inner.InnerLayers, images: Iterable[Tensor]) -> list[NDArray[np.float32]]:
        some = list(images)
        if any(torch.equal(one, pictures[3]) for one in some):
            raise InputError("no maps")
        return see(self, some)

    monkeypatch.setattr(inner.InnerLayers, "see_each", refused)
    found = replace(both.alone).of_all
    assert np.isnan(found[3]).all()
    rest = np.arange(COUNT) != 3
    np.testing.assert_allclose(found[rest], wanted[rest], atol=1e-5)
