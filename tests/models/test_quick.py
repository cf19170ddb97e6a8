"""Quick networks: any tile from 8 pixels up, widths, initial weights, and whitening against NumPy."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from nearsight.models.quick import airbench, resnet9, scaled, whiten


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
