"""The head is found by what it does, and nothing else is changed."""

import pytest
import torch
from tests.repair.conftest import CLASSES, Linear, classifier_of
from torch import nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.repair.head import head_of

HALVES = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def _named(name, tile=16):
    architecture = Architecture(name, classes=3, width=0.25 if ":" not in name else 1.0, tile=tile)
    torch.manual_seed(0)
    return Classifier(architecture.build(), architecture, CLASSES, tile, HALVES).eval()


@pytest.mark.parametrize("name", ["resnet18", "resnet9", "airbench", "tilenet", "tilenet-pooled"])
def test_logits_are_what_the_new_head_makes_of_embeddings(name) -> None:
    classifier = _named(name)
    bound = TiledModel(classifier)
    head = head_of(bound)
    tiles = torch.randn(5, 3, 16, 16)
    embeddings = bound.embed(tiles)
    weight = torch.randn(3, embeddings.shape[1])
    bias = torch.randn(3) if head.bias else None
    changed = head.replaced(classifier, weight, bias)
    expected = embeddings @ weight.T + (0 if bias is None else bias)
    assert torch.allclose(changed(tiles), expected, atol=1e-4 * float(expected.detach().abs().max()))


def test_nothing_but_the_head_is_changed(whole) -> None:
    head = head_of(whole)
    before = {name: held.clone() for name, held in whole.model.state_dict().items()}
    changed = head.replaced(whole.model, torch.ones(3, 6), torch.ones(3))
    different = [name for name, held in changed.state_dict().items() if not torch.equal(held, before[name])]
    assert different == ["network.last.weight", "network.last.bias"]
    assert all(torch.equal(held, before[name]) for name, held in whole.model.state_dict().items())
    assert changed.architecture == whole.model.architecture
    assert changed.classes == whole.model.classes


def test_a_convolution_of_one_pixel_is_a_head_too() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 3, 1), nn.Flatten())
    classifier = classifier_of(network, tile=4)
    head = head_of(TiledModel(classifier))
    changed = head.replaced(classifier, torch.eye(3), torch.zeros(3))
    images = torch.rand(2, 3, 4, 4)
    assert torch.allclose(changed(images), images.mean((2, 3)), atol=1e-5)


class _Squared(Linear):
    def forward(self, images):
        return super().forward(images) ** 2


@pytest.mark.parametrize("network", [_Squared(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())])
def test_a_head_that_is_not_one_linear_layer_is_refused(network) -> None:
    with pytest.raises(InputError, match=r"the head of 'toy' is not a single linear layer.*`method='swap'`"):
        head_of(TiledModel(classifier_of(network), tile=8))


def test_what_is_no_classifier_is_refused() -> None:
    with pytest.raises(InputError, match="Classifier"):
        head_of(TiledModel(lambda images: images.mean((2, 3)), tile=4))
