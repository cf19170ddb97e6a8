"""Networks that see one tile, small and quick."""

from collections.abc import Callable

import pytest
import torch

from nearsight.models import build
from nearsight.models.one_tile import OneTile


@pytest.fixture(scope="session")
def one_tile() -> Callable[[str, int], OneTile]:
    """Return what builds a narrow network of a name for a tile, with filters and norms that do something."""

    def made(name: str, tile: int) -> OneTile:
        with torch.random.fork_rng():
            torch.manual_seed(tile)
            network = build(name, classes=3, width=0.1, tile=tile)
            for module in network.modules():
                if isinstance(module, torch.nn.Conv2d):
                    torch.nn.init.kaiming_normal_(module.weight)
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.running_mean.normal_(0, 0.1)
                    module.running_var.uniform_(0.5, 2)
                    torch.nn.init.normal_(module.bias, 0, 0.1)
        assert isinstance(network, OneTile)
        return network.eval()

    return made
