"""The maps beside ours, Grad-CAM against its formula."""

import importlib.util
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.diagnosis import baselines
from nearsight.diagnosis.baselines import edge_map, grad_cam, last_feature_map, random_map
from nearsight.models import build

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
    assert "last feature map" in note
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


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("resnet18", lambda model: model.blocks),
        ("airbench", lambda model: model.groups),
        ("resnet9", lambda model: model.features),
    ],
)
def test_the_last_feature_map_is_what_the_pooling_takes(
    name: str, part: Callable[[nn.Module], nn.Module]
) -> None:
    model = network(name)
    assert last_feature_map(model, IMAGE) is part(model)


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
    assert "nearsight[peers]" in note


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
