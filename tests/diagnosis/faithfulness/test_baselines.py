"""The maps beside ours, Grad-CAM against its formula."""

import importlib.util
import types

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.diagnosis.faithfulness import baselines
from nearsight.diagnosis.faithfulness.baselines import edge_map, grad_cam, random_map
from nearsight.models import build, published_classifier

IMAGE = torch.randn(3, 24, 24, generator=torch.Generator().manual_seed(0))
needs_package = pytest.mark.skipif(
    importlib.util.find_spec(baselines.PACKAGE) is None, reason="grad-cam is not installed"
)


def network(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build(name, classes=4, width=0.2, tile=16).eval()


@needs_package
def test_grad_cam_is_the_rectified_sum_of_maps_weighted_by_their_mean_gradients() -> None:
    model = network("resnet18")
    explain, note = grad_cam(model, IMAGE)
    assert explain is not None
    assert note == "Grad-CAM at blocks.7, in the full pass"
    features = model.forward_features(IMAGE[None]).detach().requires_grad_()
    model.head(features.mean((2, 3)))[0, 2].backward()
    weights = features.grad.mean((2, 3), keepdim=True)
    expected = (weights * features).sum(1, keepdim=True).relu().detach()
    expected = F.interpolate(expected, size=(24, 24), mode="bilinear")[0, 0]
    found = explain(IMAGE, 2)
    assert found.shape == (24, 24)
    # The package brings a map to 0 to 1 before it is enlarged and after.
    scaled = (expected - expected.min()) / (expected.max() - expected.min())
    assert torch.corrcoef(torch.stack([found.flatten(), scaled.flatten()]))[0, 1] > 0.99


@needs_package
def test_grad_cam_leaves_the_model_as_it_was() -> None:
    model = network("airbench").train()
    explain, _ = grad_cam(model, IMAGE)
    assert explain is not None
    explain(IMAGE, 0)
    assert model.training
    assert all(weight.grad is None for weight in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@needs_package
def test_the_layer_of_a_transformer_is_the_norm_of_its_last_block_and_its_map_has_the_images_shape() -> None:
    classifier = published_classifier("timm:vit_tiny_patch16_224", 224, pretrained=False)
    image = torch.randn(3, 224, 224, generator=torch.Generator().manual_seed(0))
    explain, note = grad_cam(classifier, image)
    assert explain is not None
    assert note == "Grad-CAM at blocks.11.norm1, in the full pass"
    found = explain(image, 3)
    # The same by hand: the tokens of that norm and their gradients, the class token left out.
    network, kept = classifier.network, []
    network.blocks[11].norm1.register_forward_hook(lambda _part, _inputs, output: kept.append(output))
    logit = network(image[None])[0, 3]
    [gradient] = torch.autograd.grad(logit, kept)
    weights = gradient[0, 1:].mean(0)
    expected = (kept[0][0, 1:].detach() @ weights).relu().view(1, 1, 14, 14)
    expected = F.interpolate(expected, size=(224, 224), mode="bilinear")[0, 0]
    assert torch.corrcoef(torch.stack([found.flatten(), expected.flatten()]))[0, 1] > 0.99


class Wrapped(nn.Module):
    """Returns an object with the logits, as the classifiers of Hugging Face do."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> types.SimpleNamespace:
        """Return the logits inside an object."""
        return types.SimpleNamespace(logits=self.network(images))


@needs_package
def test_logits_inside_an_object_have_the_same_grad_cam() -> None:
    bare, wrapped = (grad_cam(model, IMAGE) for model in (network("resnet9"), Wrapped(network("resnet9"))))
    assert bare[0] is not None
    assert wrapped[0] is not None
    assert torch.equal(bare[0](IMAGE, 1), wrapped[0](IMAGE, 1))
    assert wrapped[1] == bare[1].replace("at ", "at network.")


@needs_package
def test_a_network_that_cannot_be_differentiated_is_left_out_with_the_reason() -> None:
    class Detached(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = network("resnet9")

        def forward(self, images: Tensor) -> Tensor:
            return self.body(images).detach()

    explain, note = grad_cam(Detached(), IMAGE)
    assert explain is None
    assert note.startswith("Grad-CAM is left out: it ended in RuntimeError: ")


def test_what_has_no_feature_map_has_no_grad_cam_and_a_note() -> None:
    linear = nn.Sequential(nn.Flatten(), nn.Linear(3 * 24 * 24, 2))
    for model in (linear, lambda images: images.mean((2, 3))):
        explain, note = grad_cam(model, IMAGE)
        assert explain is None
        assert "left out" in note


def test_without_its_package_grad_cam_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "PACKAGE", "no_such_package")
    explain, note = grad_cam(network("airbench"), IMAGE)
    assert explain is None
    assert "pip install 'nearsight[peers]'" in note


def test_edges_are_where_brightness_changes_and_random_maps_follow_their_seed() -> None:
    step = torch.zeros(3, 8, 8)
    step[:, :, 4:] = 1
    edges = edge_map(step)
    assert edges[:, 3:5].min() > 0
    assert edges[:, :3].abs().max() == edges[:, 5:].abs().max() == 0

    def drawn(seed: int) -> Tensor:
        return random_map(step, torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(0), drawn(0))
    assert not torch.equal(drawn(0), drawn(1))
