"""TileNet: a residual network without padding that sees exactly one tile."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.one_tile import OneTile
from nearsight.models.quick import WHITENING_KERNEL, bias_only_norm, scaled

# Tiles up to here need no stride; larger ones would cost more than a ResNet-18 of their size.
LARGEST_AT_STRIDE_1 = 32
CHANNELS = 128
BLOCK_SHRINKS = 4


class TileNet(OneTile):
    """A residual network without padding: it reduces a tile to one place, and an image to its evidence map.

    >>> import torch
    >>> network = TileNet(tile=16, classes=10, width=0.25).eval()
    >>> image = torch.zeros(1, 3, 20, 18)
    >>> network(image).shape, network.forward_map(image).shape
    (torch.Size([1, 10]), torch.Size([1, 10, 5, 3]))

    Each place of the map sees exactly one `tile`×`tile` crop and holds the logits that `forward` gives for that
    crop alone. The logits of an image are the mean of its map, which is that of its aligned tile grid at
    `stride`: 1 for tiles of 8 to 32 pixels, 2 up to 65, 4 up to 131, and so on. `stride` is that of the second
    convolution; all others have stride 1, so that shifted passes for a finer map repeat no work.

    It has a 2×2 whitening convolution, as airbench has, then residual blocks: the output of two 3×3 convolutions
    is added to the middle of their input. All of these have the same number of channels, 128 times `width`. If
    tiles overlap, a pass over the image shares the work of the early layers, whose grids are large, but hardly
    that of the last ones: channels that grow with depth would make a map cost more. Norms keep a gain of 1 and
    the head is scaled down, as in airbench, so that the rates of the `fast` recipe suit it.

    Takes normalised float images (B, 3, H, W) no smaller than the tile; `classes` and `tile` are whole
    numbers. Raises `InputError` for a tile below 8 pixels.
    """

    def __init__(self, tile: int = 16, classes: int = 10, width: float = 1.0) -> None:
        super().__init__(tile, classes, features=scaled(2 * CHANNELS, width))
        while tile // self.stride > LARGEST_AT_STRIDE_1:
            self.stride *= 2
        # The kernel absorbs what the stride does not divide, so that no pixel of the tile is left over.
        whitened = tile - WHITENING_KERNEL + 1
        kernel = self.stride + 2 + (whitened - self.stride - 2) % self.stride
        grid = (whitened - kernel) // self.stride + 1
        blocks = (grid - 1) // BLOCK_SHRINKS
        channels = scaled(CHANNELS, width)
        self.stem = _conv_norm(self.whiten.out_channels, channels, kernel, self.stride)
        self.blocks = nn.Sequential(*(_CroppedBlock(channels) for _ in range(blocks)))
        self.gather = _conv_norm(channels, self.head.in_features, grid - BLOCK_SHRINKS * blocks)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the features of each tile, (B, channels, rows, columns)."""
        features: Tensor = self.blocks(F.gelu(self.stem(F.gelu(self.whiten(images)))))
        return F.gelu(self.gather(features))


class _CroppedBlock(nn.Module):
    """Two 3×3 convolutions without padding, beside the middle of their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _conv_norm(channels, channels, 3)
        self.second = _conv_norm(channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        # Negative padding, because the gradient of a slice would leave the channels-last layout.
        middle = F.pad(features, (-(BLOCK_SHRINKS // 2),) * 4)
        return F.gelu(self.second(F.gelu(self.first(features)))) + middle


class _ConvNorm(nn.Sequential):
    """A convolution and its norm; in evaluation, for large features, one convolution with the norm's factors."""

    def forward(self, features: Tensor) -> Tensor:
        conv, norm = cast(tuple[nn.Conv2d, nn.BatchNorm2d], tuple(self))
        # Small features pass through the norm in less time than it takes to multiply the weights by its factors.
        # An exported graph accepts batches of any size, for which one of the two must be fixed.
        exported = torch.compiler.is_exporting() or torch._C._get_tracing_state() is not None
        if norm.training or exported or features.numel() < conv.weight.numel():
            return cast(Tensor, norm(conv(features)))
        factor = norm.weight * torch.rsqrt(cast(Tensor, norm.running_var) + norm.eps)
        bias = norm.bias - cast(Tensor, norm.running_mean) * factor
        return F.conv2d(features, conv.weight * factor[:, None, None, None], bias, conv.stride)


def _conv_norm(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, kernel, stride=stride, bias=False)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    return _ConvNorm(conv, bias_only_norm(outputs))
