"""A guard against slower maps that is not timed: the floating-point operations of a map, counted."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nearsight.evidence import evidence
from nearsight.models import TileNet
from nearsight.tiles import TileGrid


def operations(run: object) -> int:
    with FlopCounterMode(display=False) as counter:
        run()  # type: ignore[operator]
    return counter.get_total_flops()


def test_a_map_of_tilenet_costs_one_pass_and_few_probes() -> None:
    network = TileNet(16, classes=10, width=0.25).eval()
    image = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        one_pass = operations(lambda: network.forward_map(image))
    assert operations(lambda: evidence(network, image, tile=16)) <= 1.2 * one_pass


def test_a_padded_network_sees_each_tile_once() -> None:
    padded = nn.Conv2d(3, 8, 3, padding=1)
    network = nn.Sequential(padded, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)).eval()
    image = torch.randn(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        one_tile = operations(lambda: network(image[:1, :, :32, :32]))
    tiles = 2 * len(TileGrid(96, 96, tile=32, stride=4))
    assert tiles * one_tile <= operations(lambda: evidence(network, image, tile=32, stride=4))
    assert operations(lambda: evidence(network, image, tile=32, stride=4)) <= 1.02 * tiles * one_tile
