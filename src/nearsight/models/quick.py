"""Quick networks for small images and tiles: a ResNet-9 and a network of airbench's size."""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WHITENING_KERNEL = 2
LEAST_VARIANCE = 1e-6


def scaled(channels: int, width: float) -> int:
    """Return a channel count times `width`, at least 8 and a multiple of 8."""
    return max(8, round(channels * width / 8) * 8)


class Airbench(nn.Module):
    """A network of airbench94's size whose head takes any tile from 8 pixels up.

    >>> Airbench(classes=10)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])

    It has a 2×2 whitening convolution with a trained bias, three groups of two 3×3 convolutions with a 2×2
    max-pool after the first, and the maximum over the final grid into a linear head. The pools round up, so a
    16-pixel tile ends on a 2×2 grid and a 32-pixel one on 4×4.

    With `ceil_mode=False` the pools round down, as in airbench94 itself: less work, but the last row and column
    of an odd grid are not seen.

    Source: K. Jordan, "94 % on CIFAR-10 in 3.29 seconds on a single GPU", arXiv 2404.00498.
    """

    def __init__(self, classes: int, width: float = 1.0, *, ceil_mode: bool = True) -> None:
        super().__init__()
        channels = [scaled(64, width), scaled(256, width), scaled(256, width)]
        filters = 2 * 3 * WHITENING_KERNEL**2
        self.whiten = nn.Conv2d(3, filters, WHITENING_KERNEL)
        self.groups = nn.Sequential(
            *(
                _ConvGroup(inputs, outputs, ceil_mode)
                for inputs, outputs in zip([filters, *channels], channels, strict=False)
            )
        )
        self.head = nn.Linear(channels[-1], classes, bias=False)
        self.head_scale = 1.0 / channels[-1]
        nn.init.normal_(self.head.weight)

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the final grid of features, (B, channels, rows, columns)."""
        return cast(Tensor, self.groups(F.gelu(self.whiten(images))))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of normalised images (B, 3, H, W)."""
        return cast(Tensor, self.head(self.forward_features(images).amax(dim=(2, 3)) * self.head_scale))


class _ConvGroup(nn.Module):
    def __init__(self, inputs: int, outputs: int, ceil_mode: bool) -> None:
        super().__init__()
        self.conv1 = identity_conv(inputs, outputs)
        self.norm1 = bias_only_norm(outputs)
        self.conv2 = identity_conv(outputs, outputs)
        self.norm2 = bias_only_norm(outputs)
        self.pool = nn.MaxPool2d(2, ceil_mode=ceil_mode)

    def forward(self, features: Tensor) -> Tensor:
        features = F.gelu(self.norm1(self.pool(self.conv1(features))))
        return F.gelu(self.norm2(self.conv2(features)))


def identity_conv(inputs: int, outputs: int, kernel: int = 3, padding: int = 1) -> nn.Conv2d:
    """Build a convolution without bias whose first outputs are initially its inputs."""
    conv = nn.Conv2d(inputs, outputs, kernel, padding=padding, bias=False)
    nn.init.dirac_(conv.weight.data[:inputs])
    return conv


def bias_only_norm(channels: int) -> nn.BatchNorm2d:
    """Build a batch norm that keeps a gain of 1."""
    norm = nn.BatchNorm2d(channels, momentum=0.4)
    norm.weight.requires_grad_(False)
    return norm


class ResNet9(nn.Module):
    """The nine-layer residual network of the DAWNBench entries, with a size-free head.

    >>> ResNet9(classes=10)(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])

    Source: D. Page, "How to train your ResNet", 2018.
    """

    def __init__(self, classes: int, width: float = 1.0) -> None:
        super().__init__()
        c64, c128, c256, c512 = (scaled(channels, width) for channels in (64, 128, 256, 512))
        self.features = nn.Sequential(
            _conv_norm(3, c64),
            _conv_norm(c64, c128, pool=True),
            _Residual(c128),
            _conv_norm(c128, c256, pool=True),
            _conv_norm(c256, c512, pool=True),
            _Residual(c512),
        )
        self.head = nn.Linear(c512, classes, bias=False)
        self.head_scale = 0.125

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the final grid of features, (B, channels, rows, columns)."""
        return cast(Tensor, self.features(images))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (B, classes) of normalised images (B, 3, H, W)."""
        return cast(Tensor, self.head(self.forward_features(images).amax(dim=(2, 3)))) * self.head_scale


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv_norm(channels, channels), _conv_norm(channels, channels))

    def forward(self, features: Tensor) -> Tensor:
        return features + cast(Tensor, self.body(features))


def _conv_norm(inputs: int, outputs: int, pool: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    ]
    if pool:
        layers.append(nn.MaxPool2d(2, ceil_mode=True))
    return nn.Sequential(*layers)


@torch.no_grad()
def whiten(layer: nn.Conv2d, images: Tensor, epsilon: float = 5e-4) -> None:
    """Set a first layer to whiten the patches of `images`, each filter with both signs, and freeze it.

    >>> layer = nn.Conv2d(3, 24, 2)
    >>> whiten(layer, torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0)))
    >>> torch.equal(layer.weight[:12], -layer.weight[12:])
    True

    `images` are normalised, (B, 3, H, W). The filters are the eigenvectors of the patch covariance over the
    square roots of their eigenvalues plus `epsilon`.
    The layer has twice as many filters as a patch has values.
    """
    kernel = layer.kernel_size[0]
    patches = images.float().unfold(2, kernel, 1).unfold(3, kernel, 1).permute(0, 2, 3, 1, 4, 5)
    patches = patches.reshape(-1, images.shape[1] * kernel * kernel)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    # Grey images have no colour directions. A channel without variance would make batch norm divide by zero in
    # all later layers, so the directions that exist replace those that do not.
    existing = torch.nonzero(values >= LEAST_VARIANCE * values.max()).flatten()
    chosen = existing[torch.arange(len(values), device=values.device) % len(existing)]
    scaled_vectors = vectors[:, chosen] / torch.sqrt(values[chosen] + epsilon)
    filters = scaled_vectors.T.reshape(-1, images.shape[1], kernel, kernel)
    layer.weight.copy_(torch.cat((filters, -filters)))
    layer.weight.requires_grad_(False)


def airbench(classes: int, width: float = 1.0) -> Airbench:
    """Build a network of airbench94's size; `width` multiplies its channels."""
    return Airbench(classes, width)


def airbench94(classes: int, width: float = 1.0) -> Airbench:
    """Build airbench94's own network, for images of 32 pixels; it accepts others from 9 pixels on.

    >>> airbench94(classes=10)(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])

    Source: github.com/KellerJordan/cifar10-airbench, airbench94_muon.py. The maximum over the final grid is its
    3×3 pool of 32-pixel images.
    """
    network = Airbench(classes, width, ceil_mode=False)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-12
    network.head.reset_parameters()
    with torch.no_grad():
        network.head.weight /= network.head.weight.std()
    return network


def resnet9(classes: int, width: float = 1.0) -> ResNet9:
    """Build a ResNet-9; `width` multiplies its channels."""
    return ResNet9(classes, width)
