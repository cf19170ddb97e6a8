"""TileNet: its strides, and norms that are part of its convolutions; what it sees: test_one_tile."""

import copy
from collections.abc import Callable

import pytest
import torch

from nearsight.models.one_tile import OneTile
from nearsight.models.tile_net import _ConvNorm

Networks = Callable[[str, int], OneTile]


@pytest.mark.parametrize("tile", [9, 16, 40])
def test_in_evaluation_its_convolutions_hold_their_norms(one_tile: Networks, tile: int) -> None:
    """Against each convolution followed by its norm, the gains of which are random here too."""
    torch.manual_seed(0)
    made = one_tile("tilenet", tile).double()
    pairs = [module for module in made.modules() if isinstance(module, _ConvNorm)]
    assert len(pairs) >= 2
    for pair in pairs:
        conv, norm = pair
        torch.nn.init.uniform_(norm.weight, 0.5, 2)
        features = torch.randn(2, conv.in_channels, 11, 12, dtype=torch.float64, requires_grad=True)
        ours, apart = pair(features), torch.nn.Sequential.forward(pair, features)
        torch.testing.assert_close(ours, apart)
        assert ours.shape[2] == (11 - conv.kernel_size[0]) // conv.stride[0] + 1
        wanted = [features, conv.weight, norm.bias]
        for mine, theirs in zip(
            torch.autograd.grad(ours.square().sum(), wanted),
            torch.autograd.grad(apart.square().sum(), wanted),
            strict=True,
        ):
            torch.testing.assert_close(mine, theirs)


def test_in_training_its_norms_are_those_of_the_batch(one_tile: Networks) -> None:
    made = one_tile("tilenet", 16).train()
    apart = copy.deepcopy(made)
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ours = made(images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ConvNorm, "forward", torch.nn.Sequential.forward)
        assert ours.equal(apart(images))
    for mine, theirs in zip(made.buffers(), apart.buffers(), strict=True):
        assert mine.equal(theirs)
    assert not made.stem[1].running_mean.equal(one_tile("tilenet", 16).stem[1].running_mean)


def test_norms_that_alone_are_in_training_learn_statistics(one_tile: Networks) -> None:
    """As when the statistics are estimated again on whole images."""
    made = one_tile("tilenet", 8)
    norms = [module for module in made.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
    before = [norm.running_mean.clone() for norm in norms]
    with torch.no_grad():
        made(torch.randn(6, 3, 10, 10, generator=torch.Generator().manual_seed(0)))
    assert not any(norm.running_mean.equal(mean) for norm, mean in zip(norms, before, strict=True))


@pytest.mark.parametrize(("tile", "stride"), [(8, 1), (32, 1), (33, 2), (65, 2), (66, 4), (131, 4), (224, 8)])
def test_the_stride_grows_with_the_tile(one_tile: Networks, tile: int, stride: int) -> None:
    assert one_tile("tilenet", tile).stride == stride
