"""What sees one tile: its receptive field, its map, and the mean of it."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.errors import InputError
from nearsight.models import ReceptiveField, build, receptive_field
from nearsight.models.one_tile import OneTile
from nearsight.settings.models import ONE_TILE

TILES = range(8, 41)
# Gradients of larger tiles take longer and show no more.
FEWER_TILES = (*range(8, 25), 32, 33, 40)
Networks = Callable[[str, int], OneTile]

each_network = pytest.mark.parametrize("name", ONE_TILE)


@each_network
@pytest.mark.parametrize("tile", [*TILES, 66, 224])
def test_the_receptive_field_is_exactly_the_tile(one_tile: Networks, name: str, tile: int) -> None:
    network = one_tile(name, tile)
    assert receptive_field(network, tile) == ReceptiveField(tile, tile, network.stride, (1, 1))


@each_network
@pytest.mark.parametrize("tile", FEWER_TILES)
def test_every_pixel_of_the_tile_and_none_beyond_has_a_gradient(
    one_tile: Networks, name: str, tile: int
) -> None:
    network = one_tile(name, tile).double()
    side = tile + 2 * network.stride
    # A maximum hides all paths but one; what one image hides another shows.
    images = torch.randn(40, 3, side, side, dtype=torch.float64, requires_grad=True)
    # Where a unit is off it hides a path, and a softplus never is.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.nn.functional.gelu", torch.nn.functional.softplus)
        patch.setattr(torch.nn.GELU, "forward", lambda _, features: torch.nn.functional.softplus(features))
        places = network.forward_map(images)
    assert places.shape[2:] == (3, 3)
    (gradient,) = torch.autograd.grad(places[:, 0, 1, 1].sum(), images)
    seen = gradient.abs().amax((0, 1)) > 0
    expected = torch.zeros_like(seen)
    expected[network.stride : network.stride + tile, network.stride : network.stride + tile] = True
    assert torch.equal(seen, expected)


@each_network
@settings(max_examples=20)
@given(tile=st.integers(8, 60), down=st.integers(0, 9), right=st.integers(0, 9))
def test_the_full_pass_is_the_mean_over_the_aligned_grid_of_tiles(
    one_tile: Networks, name: str, tile: int, down: int, right: int
) -> None:
    network = one_tile(name, tile)
    image = torch.randn(3, tile + down, tile + right, generator=torch.Generator().manual_seed(down))
    windows = image.unfold(1, tile, network.stride).unfold(2, tile, network.stride).permute(1, 2, 0, 3, 4)
    with torch.inference_mode():
        alone = network(windows.flatten(0, 1)).T.reshape(1, 3, *windows.shape[:2])
        torch.testing.assert_close(network.forward_map(image[None]), alone, rtol=0, atol=1e-4)
        torch.testing.assert_close(network(image[None]), alone.mean((2, 3)), rtol=0, atol=1e-4)


@each_network
def test_it_is_built_by_name_for_the_tile_given(name: str) -> None:
    assert build(name, 4, width=0.1, tile=21).tile == 21
    assert build(name, 4, width=0.1).tile == 16
    with pytest.raises(InputError, match="TileNet needs a tile of at least 8 pixels, got 7"):
        build(name, 4, tile=7)


@each_network
def test_it_learns_to_tell_the_corner_that_a_dot_lies_in(name: str) -> None:
    torch.manual_seed(0)
    network = build(name, 4, width=0.1, tile=8)
    corners = torch.arange(64) % 4
    images = torch.randn(64, 3, 8, 8) * 0.1
    for image, corner in zip(images, corners.tolist(), strict=True):
        image[:, 5 * (corner // 2) + 1, 5 * (corner % 2) + 1] += 3
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for _ in range(30):
        loss = torch.nn.functional.cross_entropy(network(images), corners)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.inference_mode():
        assert torch.equal(network(images).argmax(1), corners)
