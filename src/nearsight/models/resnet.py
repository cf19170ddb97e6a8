"""Residual networks for small and large images: ResNet-18, 34 and 50."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from nearsight.models.quick import scaled

Stem = Literal["small", "large"]

DEPTHS: dict[int, tuple[int, int, int, int]] = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut, with `channels` in between and out.

    >>> import torch
    >>> BasicBlock(8, 16, stride=2)(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 16, 3, 3])
    """

    expansion = 1

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _conv(inputs, channels, 3, stride)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3)
        self.norm2 = nn.BatchNorm2d(channels)
        self.shortcut = _shortcut(inputs, channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut, with `channels` in between and four times as many out.

    >>> import torch
    >>> Bottleneck(8, 16, stride=2)(torch.zeros(1, 8, 6, 6)).shape
    torch.Size([1, 64, 3, 3])

    The stride is in the 3×3 convolution, as in every current implementation ("ResNet v1.5").
    """

    expansion = 4

    def __init__(self, inputs: int, channels: int, stride: int) -> None:
        super().__init__()
        outputs = channels * self.expansion
        self.conv1 = _conv(inputs, channels, 1)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = _conv(channels, channels, 3, stride)
        self.norm2 = nn.BatchNorm2d(channels)
        self.conv3 = _conv(channels, outputs, 1)
        self.norm3 = nn.BatchNorm2d(outputs)
        self.shortcut = _shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.norm1(self.conv1(x)))
        y = F.relu(self.norm2(self.conv2(y)))
        y = self.norm3(self.conv3(y))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """A residual network of 18, 34 or 50 layers that accepts any image of which its stride leaves a pixel.

    >>> import torch
    >>> network = ResNet(18, classes=10, stem="small", width=0.25)
    >>> network(torch.zeros(2, 3, 16, 16)).shape
    torch.Size([2, 10])

    The `small` stem is one 3×3 convolution (stride 8 in all, for small images); the `large` stem is a 7×7
    convolution of stride 2 and a max-pool (stride 32 in all). `width` multiplies the channels of every layer.
    Takes normalised float images (B, 3, H, W), returns logits (B, classes).
    He, Zhang, Ren and Sun, arXiv 1512.03385; initial weights after arXiv 1502.01852, by fan-out.
    """

    def __init__(self, depth: int, classes: int, *, stem: Stem, width: float = 1.0) -> None:
        super().__init__()
        block = Bottleneck if depth >= 50 else BasicBlock
        channels = scaled(64, width)
        kernel, stride = (3, 1) if stem == "small" else (7, 2)
        self.stem = nn.Sequential(
            _conv(3, channels, kernel, stride),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Identity() if stem == "small" else nn.MaxPool2d(3, stride=2, padding=1),
        )
        inputs = channels
        stages = []
        for stage, blocks in enumerate(DEPTHS[depth]):
            for number in range(blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                stages.append(block(inputs, channels << stage, stride))
                inputs = (channels << stage) * block.expansion
        self.blocks = nn.Sequential(*stages)
        self.head = nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward_features(self, images: Tensor) -> Tensor:
        """Return the last feature map, (B, channels, rows, columns)."""
        features: Tensor = self.blocks(self.stem(images))
        return features

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.forward_features(images).mean((2, 3)))
        return logits


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if stride == 1 and inputs == outputs:
        return nn.Identity()
    return nn.Sequential(_conv(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
