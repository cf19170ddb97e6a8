"""A small classifier and small sets with right and wrong answers in them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.models import Architecture, Classifier, Preprocessing

CLASSES = ("cat", "dog", "owl", "fox", "bee", "elk", "hen")


class VariedImages:
    """Images of several sizes that are made when asked for, as a streamed set decodes them."""

    def __init__(self, images: list[Tensor]) -> None:
        self.images = images
        self.sizes = np.array([image.shape[1:] for image in images], dtype=np.int32)

    def image(self, i: int) -> Tensor:
        return self.images[i].clone()

    def path(self, i: int) -> str:
        return f"image-{i}.png"

    def select(self, index: np.ndarray) -> "VariedImages":
        return VariedImages([self.images[i] for i in index])


def network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, len(CLASSES)),
    )


def classifier_with(tile: int | None, resize_short: int | None = None) -> Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        net = network().eval()
        # Logits that differ by tile and favour no class, so that no two protocols agree by accident.
        net[6].weight.data *= 20
        net[6].bias.data -= net(torch.randn(200, 3, 6, 6)).mean(0).detach()
    preprocessing = Preprocessing((0.5, 0.4, 0.6), (0.2, 0.3, 0.25), resize_short, "bilinear")
    architecture = Architecture("airbench", classes=len(CLASSES))
    return Classifier(net, architecture, CLASSES, tile, preprocessing).eval()


@pytest.fixture
def make_classifier() -> Callable[..., Classifier]:
    return classifier_with


@pytest.fixture
def classifier() -> Classifier:
    return classifier_with(tile=6)


def random_images(*sizes: tuple[int, int], seed: int = 0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    blotches = [
        torch.randint(0, 256, (3, -(-height // 4), -(-width // 4)), generator=generator)
        for height, width in sizes
    ]
    return [
        blotch.repeat_interleave(4, 1).repeat_interleave(4, 2)[:, :height, :width].to(torch.uint8)
        for blotch, (height, width) in zip(blotches, sizes, strict=True)
    ]


def labels_for(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, len(CLASSES), count)


@pytest.fixture
def uniform() -> ImageSet:
    """Forty images of 14×11, in memory."""
    pixels = torch.stack(random_images(*[(14, 11)] * 40))
    paths = tuple(f"image-{i}.png" for i in range(40))
    return ImageSet("toy", "test", CLASSES, labels_for(40), MemoryImages(pixels, paths))


@pytest.fixture
def varied() -> ImageSet:
    """Thirty images of six sizes, streamed."""
    sizes = [(9, 9), (12, 8), (8, 12), (9, 9), (10, 13), (7, 20)] * 5
    return ImageSet("varied", "test", CLASSES, labels_for(30), VariedImages(random_images(*sizes)))
