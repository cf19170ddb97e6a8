"""The cost counts tiles and FLOPs exactly; its time is only that of some tiles."""

import pytest
import torch
from torch import nn

from nearsight.evidence import TiledModel
from nearsight.evidence.cost import TIMED_TILES
from nearsight.tiles import TileGrid


def test_tiles_and_flops_are_those_of_all_images() -> None:
    padded = nn.Conv2d(3, 5, 3, padding=1)
    network = nn.Sequential(padded, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    grids = [TileGrid(9, 9, tile=5, stride=2), TileGrid(5, 30, tile=5, stride=1)]
    cost = TiledModel(network, tile=5).cost(grids)
    assert cost.tiles == 9 + 26
    # A multiplication and an addition for each weight at each of the 5×5 places, and once in the head.
    assert cost.flops == 35 * 2 * (25 * 5 * 27 + 5 * 2)
    assert cost.seconds > 0
    assert "35 tiles" in cost.sentence()


@pytest.mark.parametrize("side", [5, 60])
def test_only_a_few_tiles_are_tried_and_none_where_there_are_none(side: int) -> None:
    sizes = []

    def model(tiles: torch.Tensor) -> torch.Tensor:
        sizes.append(len(tiles))
        return tiles.mean((2, 3))

    grid = TileGrid(side, side, tile=5, stride=1)
    cost = TiledModel(model, tile=5).cost([grid])
    # Two show what the model returns.
    assert max(sizes) == max(2, min(len(grid), TIMED_TILES))
    assert cost.flops is None
    assert "FLOP" not in cost.sentence()


def test_passes_over_whole_images_count_with_their_own_operations() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    grid = TileGrid(40, 40, tile=5, stride=1)
    cost = TiledModel(network, tile=5).cost([grid, grid])
    # Each place of the 38×38 is convolved once, whatever number of tiles it is in; the head is once a tile.
    assert cost.flops == 2 * 2 * (38 * 38 * 5 * 27 + 36 * 36 * 5 * 2)
