"""What networks that see exactly one tile have in common."""

from typing import cast

from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models.quick import WHITENING_KERNEL

SMALLEST_TILE = 8


class OneTile(nn.Module):
    """The common part of networks without padding whose final grid has one place for a tile.

    Each place of the map sees exactly one `tile`×`tile` crop and holds the logits that `forward` gives for that
    crop alone. The logits of an image are the mean of its map, which is that of its aligned tile grid at
    `stride`.

    The first layer is a 2×2 whitening convolution, the last a linear head without bias, scaled down, as in
    airbench. Raises `InputError` for a tile below 8 pixels.
    """

    def __init__(self, tile: int, classes: int, features: int) -> None:
        super().__init__()
        if tile < SMALLEST_TILE:
            name = type(self).__name__
            raise InputError(f"{name} needs a tile of at least {SMALLEST_TILE} pixels, got {tile}")
        self.tile, self.stride = tile, 1
        self.whiten = nn.Conv2d(3, 2 * 3 * WHITENING_KERNEL**2, WHITENING_KERNEL)
        self.head = nn.Linear(features, classes, bias=False)
        self.head_scale = 1.0 / features
        nn.init.normal_(self.head.weight)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the features of each tile, (B, channels, rows, columns)."""
        raise NotImplementedError

    def forward_map(self, images: Tensor) -> Tensor:
        """Return the logits of each tile of the aligned grid at `stride`, (B, classes, rows, columns)."""
        return self._logits(self.forward_features(images).movedim(1, 3)).movedim(3, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes): the mean of the map, taken before the linear head, which is the same."""
        return self._logits(self.forward_features(images).mean((2, 3)))

    def _logits(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.head(features * self.head_scale))
