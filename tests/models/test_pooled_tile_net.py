"""PooledTileNet: its strides, and that its cost is that of airbench; what it sees: test_one_tile."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nearsight.models import PooledTileNet, TileNet, build


@pytest.mark.parametrize(
    ("tile", "stride"), [(8, 2), (13, 2), (14, 4), (16, 4), (24, 4), (32, 8), (48, 8), (64, 16), (224, 32)]
)
def test_the_pools_halve_the_grid_as_long_as_it_has_five_places(tile: int, stride: int) -> None:
    assert PooledTileNet(tile, classes=3, width=0.1).stride == stride


def flops(network: torch.nn.Module, side: int) -> int:
    """Floating-point operations of a pass over one image, counted."""
    with torch.inference_mode(), FlopCounterMode(display=False) as counter:
        network.eval()(torch.zeros(1, 3, side, side))
    return counter.get_total_flops()


def test_an_image_costs_what_it_costs_airbench_and_a_quarter_of_tilenet() -> None:
    pooled = flops(PooledTileNet(16, classes=10), side=32)
    assert 0.9 < pooled / flops(build("airbench94", 10), side=32) < 1
    assert 0.2 < pooled / flops(TileNet(16, classes=10), side=32) < 0.3
