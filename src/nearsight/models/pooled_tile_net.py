"""PooledTileNet: max-pools instead of a map at every pixel, which makes training several times cheaper."""

from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.one_tile import OneTile
from nearsight.models.quick import WHITENING_KERNEL, bias_only_norm, identity_conv, scaled

# The smallest grid of which two convolutions and a pool leave something.
LEAST_POOLED = 5


class PooledTileNet(OneTile):
    """Airbench's groups without padding: a tile ends in one place, an image in the map of a coarse tile grid.

    >>> import torch
    >>> network = PooledTileNet(tile=16, classes=10, width=0.25).eval()
    >>> network.stride, network.forward_map(torch.zeros(1, 3, 32, 24)).shape
    (4, torch.Size([1, 10, 5, 3]))

    Each place of the map sees exactly one `tile`×`tile` crop, as in `TileNet`, and the logits of an image are the
    mean of its map. `stride` is a quarter of the tile if that is a power of 2, otherwise about that: the pools
    halve the grid while it has at least 5 places per side. A pass over an image costs about as much as
    airbench's; the stride-1 map takes `stride`² such passes at shifted places.

    After the whitening convolution come groups of a 3×3 convolution and one of 2×2 or 3×3, whichever leaves an
    even grid to pool, so that no pixel of the tile is left over; then a convolution over the rest, and one of
    1×1. There are 64 channels in the first group and 256 from then on, times `width`.

    Takes normalised float images (B, 3, H, W) no smaller than the tile; `classes` and `tile` are whole
    numbers. Raises `InputError` for a tile below 8 pixels.
    """

    def __init__(self, tile: int = 16, classes: int = 10, width: float = 1.0) -> None:
        features = scaled(256, width)
        super().__init__(tile, classes, features)
        inputs, grid = self.whiten.out_channels, tile - WHITENING_KERNEL + 1
        groups: list[nn.Module] = []
        while grid >= LEAST_POOLED:
            outputs = features if groups else scaled(64, width)
            even = 3 - grid % 2
            groups.append(
                nn.Sequential(_layer(inputs, outputs, 3), _layer(outputs, outputs, even, pool=True))
            )
            inputs, grid = outputs, (grid - 1 - even) // 2
            self.stride *= 2
        self.groups = nn.Sequential(*groups)
        self.gather = _layer(inputs, features, grid)
        self.mix = _layer(features, features, 1)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the features of each tile, (B, channels, rows, columns)."""
        return cast(Tensor, self.mix(self.gather(self.groups(F.gelu(self.whiten(images))))))


def _layer(inputs: int, outputs: int, kernel: int, *, pool: bool = False) -> nn.Sequential:
    pools = [nn.MaxPool2d(2)] if pool else []
    return nn.Sequential(
        identity_conv(inputs, outputs, kernel, padding=0), *pools, bias_only_norm(outputs), nn.GELU()
    )
