"""TileNet sees exactly one tile, and an image's logits are the mean of its map."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.models import Reach, TileNet, build, reach
from nearsight.models.tile_net import _ConvNorm

TILES = range(8, 41)


def network(tile: int, width: float = 0.1) -> TileNet:
    """A network whose batch norms do something."""
    with torch.random.fork_rng():
        torch.manual_seed(tile)
        made = TileNet(tile, classes=3, width=width)
        for module in made.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
                torch.nn.init.normal_(module.bias, 0, 0.1)
    return made.eval()


@pytest.mark.parametrize("tile", [*TILES, 66, 224])
def test_the_reach_is_exactly_the_tile(tile: int) -> None:
    made = network(tile)
    assert reach(made, tile) == Reach(tile, tile, made.stride, (1, 1))


@pytest.mark.parametrize("tile", TILES)
def test_every_pixel_of_the_tile_and_none_beyond_has_a_gradient(tile: int) -> None:
    made = network(tile).double()
    side = tile + 2 * made.stride
    image = torch.randn(1, 3, side, side, dtype=torch.float64, requires_grad=True)
    # Where a unit is off it hides a path, and a softplus never is.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nearsight.models.tile_net.F.gelu", torch.nn.functional.softplus)
        places = made.forward_map(image)
    assert places.shape[2:] == (3, 3)
    (gradient,) = torch.autograd.grad(places[0, :, 1, 1].sum(), image)
    seen = gradient[0].abs().amax(0) > 0
    expected = torch.zeros_like(seen)
    expected[made.stride : made.stride + tile, made.stride : made.stride + tile] = True
    assert torch.equal(seen, expected)


@settings(max_examples=20, deadline=None)
@given(tile=st.integers(8, 60), down=st.integers(0, 9), right=st.integers(0, 9))
def test_the_full_pass_is_the_mean_over_the_aligned_grid_of_tiles(tile: int, down: int, right: int) -> None:
    made = network(tile)
    image = torch.randn(3, tile + down, tile + right, generator=torch.Generator().manual_seed(down))
    windows = image.unfold(1, tile, made.stride).unfold(2, tile, made.stride).permute(1, 2, 0, 3, 4)
    with torch.inference_mode():
        alone = made(windows.flatten(0, 1)).T.reshape(1, 3, *windows.shape[:2])
        torch.testing.assert_close(made.forward_map(image[None]), alone, rtol=0, atol=1e-4)
        torch.testing.assert_close(made(image[None]), alone.mean((2, 3)), rtol=0, atol=1e-4)


@pytest.mark.parametrize("tile", [9, 16, 40])
def test_in_evaluation_its_convolutions_hold_their_norms(tile: int) -> None:
    """Against each convolution followed by its norm, the gains of which are random here too."""
    torch.manual_seed(0)
    made = network(tile).double()
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


def test_in_training_its_norms_are_those_of_the_batch() -> None:
    made = network(16).train()
    apart = copy.deepcopy(made)
    images = torch.randn(6, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    ours = made(images)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_ConvNorm, "forward", torch.nn.Sequential.forward)
        assert ours.equal(apart(images))
    for mine, theirs in zip(made.buffers(), apart.buffers(), strict=True):
        assert mine.equal(theirs)
    assert not made.stem[1].running_mean.equal(network(16).stem[1].running_mean)


def test_norms_that_alone_are_in_training_learn_statistics() -> None:
    """As when the statistics are estimated again on whole images."""
    made = network(8)
    norms = [module for module in made.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.train()
    before = [norm.running_mean.clone() for norm in norms]
    with torch.no_grad():
        made(torch.randn(6, 3, 10, 10, generator=torch.Generator().manual_seed(0)))
    assert not any(norm.running_mean.equal(mean) for norm, mean in zip(norms, before, strict=True))


@pytest.mark.parametrize(("tile", "stride"), [(8, 1), (32, 1), (33, 2), (65, 2), (66, 4), (131, 4), (224, 8)])
def test_the_stride_grows_with_the_tile(tile: int, stride: int) -> None:
    assert network(tile).stride == stride


def test_it_is_built_by_name_for_the_tile_given() -> None:
    assert build("tilenet", 4, width=0.1, tile=21).tile == 21
    assert build("tilenet", 4, width=0.1).tile == 16
    with pytest.raises(InputError, match="at least 8 pixels, got 7"):
        build("tilenet", 4, tile=7)


def test_it_learns_to_tell_the_corner_that_a_dot_lies_in() -> None:
    torch.manual_seed(0)
    made = TileNet(8, classes=4, width=0.1)
    corners = torch.arange(64) % 4
    images = torch.randn(64, 3, 8, 8) * 0.1
    for image, corner in zip(images, corners.tolist(), strict=True):
        image[:, 5 * (corner // 2) + 1, 5 * (corner % 2) + 1] += 3
    optimizer = torch.optim.Adam(made.parameters(), lr=0.01)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(made(images), corners)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        assert torch.equal(made(images).argmax(1), corners)
