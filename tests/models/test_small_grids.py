"""Convolutions on small grids as products: against PyTorch's own, values and gradients, and which they replace."""

import itertools
from collections import Counter
from contextlib import nullcontext
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from nearsight.models import build, small_grids
from nearsight.models.small_grids import SmallGridsAsProducts, small_grids_as_products, weight_gradient


class Calls(TorchDispatchMode):
    """Counts the calls of each operator."""

    def __init__(self, counts: Counter[str]) -> None:
        super().__init__()
        self.counts = counts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[str(func)] += 1
        return func(*args, **(kwargs or {}))


BFLOAT16 = {"rtol": 2e-2, "atol": 2e-2}


def passed(conv: nn.Conv2d, features: Tensor, products: bool) -> list[Tensor]:
    """Return outputs and the gradients of features, weights and bias, in bfloat16 as training has them."""
    features = features.clone().requires_grad_()
    conv.zero_grad()
    with torch.autocast("cpu", torch.bfloat16), SmallGridsAsProducts() if products else nullcontext():
        outputs = conv(features)
    outputs.float().square().sum().backward()
    return [outputs.float(), features.grad, *(parameter.grad for parameter in conv.parameters())]


@pytest.mark.parametrize(
    ("grid", "kernel", "stride", "padding"),
    [
        case
        for case in itertools.product((1, 2, 3, 5), (1, 2, 3), (1, 2), (0, 1, 2))
        if case[0] + 2 * case[3] >= case[1]
    ],
)
def test_the_gradient_of_the_weights_is_that_of_pytorch(
    grid: int, kernel: int, stride: int, padding: int
) -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(3, 5, grid, grid + 1, generator=draw, dtype=torch.float64)
    weight = torch.randn(4, 5, kernel, kernel, generator=draw, dtype=torch.float64, requires_grad=True)
    outputs = F.conv2d(features, weight, stride=stride, padding=padding)
    gradient = torch.randn(outputs.shape, generator=draw, dtype=torch.float64)
    (expected,) = torch.autograd.grad(outputs, weight, gradient)
    found = weight_gradient(gradient, features, (kernel, kernel), stride, padding)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("channels", "outputs", "grid", "kernel", "stride", "padding"),
    [
        (128, 128, 4, 3, 1, 1),  # the gradient of the weights alone
        (128, 128, 2, 3, 1, 1),  # all passes
        (128, 256, 4, 3, 2, 1),
        (256, 512, 4, 3, 1, 1),  # weights beyond the cache
        (128, 128, 4, 1, 1, 0),
        (128, 128, 3, 3, 1, 0),
        (128, 128, 4, 3, 1, 0),
        (128, 128, 1, 3, 1, 3),  # nothing but padding at the corners
    ],
)
def test_a_convolution_trains_as_pytorchs_own(
    channels: int, outputs: int, grid: int, kernel: int, stride: int, padding: int, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, outputs, kernel, stride=stride, padding=padding, bias=bias)
    conv = conv.to(memory_format=torch.channels_last)
    features = torch.randn(6, channels, grid, grid).contiguous(memory_format=torch.channels_last)
    ours, theirs = passed(conv, features, products=True), passed(conv, features, products=False)
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape
        assert (our - their).norm() <= 1e-2 * their.norm()


@pytest.mark.parametrize(
    ("conv", "side"),
    [
        (nn.Conv2d(128, 128, 3, padding=1), 5),  # a larger grid
        (nn.Conv2d(16, 128, 3, padding=1), 4),  # few weights
        (nn.Conv2d(128, 128, 3, padding=1, groups=2), 4),
        (nn.Conv2d(128, 128, 3, padding=2, dilation=2), 4),
        (nn.Conv2d(128, 128, 3, padding=(1, 0)), 4),
        (nn.Conv2d(128, 128, 3, padding="same"), 4),
    ],
)
def test_other_convolutions_stay_what_they_are(conv: nn.Conv2d, side: int) -> None:
    with torch.autocast("cpu", torch.bfloat16), SmallGridsAsProducts():
        outputs = conv(torch.randn(2, conv.in_channels, side, side))
    assert "Convolution" in type(outputs.grad_fn).__name__


def test_training_in_float32_stays_what_it_is() -> None:
    conv = nn.Conv2d(512, 512, 3, padding=1)
    with SmallGridsAsProducts():
        outputs = conv(torch.randn(2, 512, 2, 2))
    assert "Convolution" in type(outputs.grad_fn).__name__


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize(
    ("grid", "stride", "padding"), [(2, 1, 1), (4, 1, 1), (4, 2, 1), (3, 1, 0), (1, 1, 1)]
)
def test_a_float32_pass_without_gradients_gives_the_same(
    grid: int, stride: int, padding: int, bias: bool
) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(256, 512, 3, stride=stride, padding=padding, bias=bias).to(
        memory_format=torch.channels_last
    )
    features = torch.randn(6, 256, grid, grid)
    calls: Counter[str] = Counter()
    with torch.inference_mode(), Calls(calls), SmallGridsAsProducts():
        ours = conv(features)
    with torch.inference_mode():
        torch.testing.assert_close(ours, conv(features), rtol=1e-4, atol=1e-5)
    # A grid of one place is as quick as a convolution.
    assert any("conv" in name for name in calls) == (ours.shape[-1] == 1)


def test_a_networks_small_grids_are_products() -> None:
    """The last groups of airbench on a 16-pixel tile: grids of 4×4 and 2×2."""
    torch.manual_seed(0)
    network = build("airbench", 10).to(memory_format=torch.channels_last)
    tiles = torch.randn(4, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    found = []
    for products in (True, False):
        network.zero_grad()
        with torch.autocast("cpu", torch.bfloat16), SmallGridsAsProducts() if products else nullcontext():
            logits = network(tiles)
        logits.float().square().sum().backward()
        gradients = [p.grad.flatten() for p in network.parameters() if p.grad is not None]
        found.append((logits.float(), torch.cat(gradients)))
    (ours, ours_gradients), (theirs, theirs_gradients) = found
    torch.testing.assert_close(ours, theirs, **BFLOAT16)
    # A bit of bfloat16 may choose another place of a max-pool's window, as two batch sizes do.
    assert (ours_gradients - theirs_gradients).norm() <= 0.2 * theirs_gradients.norm()


@pytest.mark.parametrize("unit", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
def test_they_are_used_where_the_processor_has_the_unit(
    unit: bool, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_grids, "_has_matrix_unit", lambda: unit)
    used = isinstance(small_grids_as_products(torch.device("cpu"), dtype), SmallGridsAsProducts)
    assert used == (unit and dtype != torch.float64)
    assert not isinstance(small_grids_as_products(torch.device("cuda"), dtype), SmallGridsAsProducts)
