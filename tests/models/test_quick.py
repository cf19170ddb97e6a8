"""Quick networks: any tile from 8 pixels up, widths, initial weights, and whitening against NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models import receptive_field
from nearsight.models.quick import Airbench, airbench, airbench94, resnet9, scaled, whiten


@settings(max_examples=15)
@given(make=st.sampled_from([airbench, resnet9]), height=st.integers(8, 20), width=st.integers(8, 20))
def test_any_image_from_eight_pixels_up_gives_logits(make: type[nn.Module], height: int, width: int) -> None:
    network = make(classes=5, width=0.1).eval()
    logits = network(torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()


@pytest.mark.parametrize("make", [airbench, resnet9])
def test_the_head_takes_the_maximum_over_the_final_grid(make: type[nn.Module]) -> None:
    network = make(classes=4, width=0.1).eval()
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    features = network.forward_features(images)
    assert features.shape[-2:] == (2, 2)
    strongest = features.flatten(2).max(2).values
    torch.testing.assert_close(network(images), strongest @ network.head.weight.T * network.head_scale)


@given(st.integers(1, 1000), st.floats(0.01, 10))
def test_widths_are_multiples_of_eight_near_what_was_asked(channels: int, width: float) -> None:
    result = scaled(channels, width)
    assert result >= 8
    assert result % 8 == 0
    assert abs(result - channels * width) <= 4 or result == 8


def test_airbench_convolutions_begin_as_the_identity_on_their_first_channels() -> None:
    conv = airbench(classes=3, width=0.1).groups[0].conv2
    images = torch.randn(1, conv.in_channels, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(conv(images)[:, : conv.in_channels], images)


def test_airbench_norms_have_no_trained_scale() -> None:
    network = airbench(classes=3, width=0.1)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 6
    assert not any(norm.weight.requires_grad for norm in norms)
    assert all(norm.bias.requires_grad for norm in norms)


def test_airbench94_is_of_the_published_size() -> None:
    network = airbench94(classes=10)
    assert sum(parameter.numel() for parameter in network.parameters()) == 1_972_792


@pytest.mark.parametrize("seed", [0, 1])
def test_the_head_of_airbench94_begins_with_a_standard_deviation_of_one(seed: int) -> None:
    torch.manual_seed(seed)
    weight = airbench94(classes=10, width=0.25).head.weight.detach()
    assert weight.std().item() == pytest.approx(1, abs=1e-5)
    # Uniform before it is scaled, as a linear layer's weights are by default: none lies beyond √3.
    assert weight.abs().max().item() == pytest.approx(3**0.5, abs=0.15)


def published(network: Airbench, images: Tensor, training: bool) -> Tensor:
    """airbench94 as it is written in the original, for images of 32 pixels."""
    features = F.gelu(F.conv2d(images, network.whiten.weight, network.whiten.bias))
    for group in network.groups:
        for conv, norm, pooled in (
            (group.conv1, group.norm1, True),
            (group.conv2, group.norm2, False),
        ):
            features = F.conv2d(features, conv.weight, padding=1)
            if pooled:
                features = F.max_pool2d(features, 2)
            mean, variance = (
                (features.mean((0, 2, 3)), features.var((0, 2, 3), correction=0))
                if training
                else (norm.running_mean, norm.running_var)
            )
            scaled_down = (features - mean[:, None, None]) / torch.sqrt(variance + 1e-12)[:, None, None]
            features = F.gelu(scaled_down + norm.bias[:, None, None])
    flat = F.max_pool2d(features, 3).flatten(1)
    return flat @ network.head.weight.T / flat.shape[1]


@pytest.mark.parametrize("training", [True, False])
def test_airbench94_computes_what_the_original_does_on_images_of_32_pixels(training: bool) -> None:
    torch.manual_seed(0)
    network = airbench94(classes=10, width=0.25).double().train(training)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            nn.init.normal_(norm.bias, 0, 0.1)
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 2)
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(images), published(network, images, training))


def test_the_norms_of_airbench94_forget_at_the_published_rate() -> None:
    network = airbench94(classes=3, width=0.1)
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 6
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.4, 1e-12)}
    assert not any(norm.weight.requires_grad for norm in norms)


@settings(max_examples=15)
@given(height=st.integers(9, 36), width=st.integers(9, 36))
def test_airbench94_takes_images_from_9_pixels_up_and_its_pools_round_down(height: int, width: int) -> None:
    network = airbench94(classes=5, width=0.1).eval()
    images = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    # The whitening takes a row and a column off; then each pool halves.
    assert network.forward_features(images).shape[2:] == ((height - 1) // 8, (width - 1) // 8)
    assert network(images).isfinite().all()


def test_airbench94_leaves_nothing_of_a_tile_of_8_pixels() -> None:
    with pytest.raises(InputError, match="the smallest tile that works is 9"):
        receptive_field(airbench94(classes=5, width=0.1), 8)


def test_airbench_and_airbench94_differ_in_their_pools_head_and_norms_alone() -> None:
    ours, theirs = airbench(classes=3, width=0.1), airbench94(classes=3, width=0.1)
    for norm in theirs.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eps = 1e-5
    theirs.load_state_dict(ours.state_dict())
    # On 9 pixels no grid is odd where it is pooled, so rounding is nothing.
    images = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    assert ours(images).equal(theirs(images))
    wider = torch.randn(2, 3, 10, 10, generator=torch.Generator().manual_seed(0))
    assert not ours(wider).equal(theirs(wider))


@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_whitening_is_the_inverse_square_root_of_the_patch_covariance(kernel: int) -> None:
    values = 3 * kernel**2
    layer = nn.Conv2d(3, 2 * values, kernel)
    images = torch.randn(10, 3, 9, 8, generator=torch.Generator().manual_seed(0)).cumsum(3)
    whiten(layer, images, epsilon=5e-4)
    windows = np.lib.stride_tricks.sliding_window_view(images.numpy(), (kernel, kernel), axis=(2, 3))
    patches = windows.transpose(0, 2, 3, 1, 4, 5).reshape(-1, values).astype(np.float64)
    covariance = patches.T @ patches / len(patches)
    filters = layer.weight[:values].detach().flatten(1).double().numpy()
    # Whatever the signs and the order of the filters, FᵀF is the inverse of the covariance plus epsilon.
    np.testing.assert_allclose(
        filters.T @ filters, np.linalg.inv(covariance + 5e-4 * np.eye(values)), rtol=0.02, atol=0.02
    )
    assert layer.weight[values:].equal(-layer.weight[:values])
    assert not layer.weight.requires_grad
