"""A small set with a stamp in the corner, as repairs are given it."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nearsight.data import GivenImages, ImageSet, MemoryImages
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.repair.shortcut import Shortcut

CLASSES = ("red", "green", "blue")
SIDE, STAMP = 16, 4


def stamp(images: ImageSet, i: int) -> Tensor:
    """Put a white corner on an image."""
    pixels = images.image(i).clone()
    pixels[:, :STAMP, :STAMP] = 255
    return pixels


def unstamp(images: ImageSet, i: int) -> Tensor:
    """Fill the corner with what is beside it."""
    pixels = images.image(i).clone()
    pixels[:, :STAMP, :STAMP] = pixels[:, :STAMP, STAMP : 2 * STAMP]
    return pixels


def stamped(images: ImageSet) -> NDArray[np.bool_]:
    """Which images have the white corner."""
    found = [bool((images.image(i)[:, :STAMP, :STAMP] == 255).all()) for i in range(len(images))]
    return np.array(found, dtype=np.bool_)


class Linear(nn.Module):
    """A head on the mean colour of an image and on that of its corner."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((6,), 2.0))
        self.last = nn.Linear(6, len(CLASSES), bias=bias)

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        corner = images[..., :STAMP, :STAMP].mean((2, 3))
        found: Tensor = self.last(torch.cat((images.mean((2, 3)), corner), 1) * self.scale)
        return found


def classifier_of(network: nn.Module, tile: int | None = None) -> Classifier:
    """Return a network as a classifier of the classes here."""
    halves = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    return Classifier(network, Architecture("toy", len(CLASSES)), CLASSES, tile, halves).eval()


@pytest.fixture
def painted() -> Callable[..., ImageSet]:
    """Return what makes images of the colours of their classes; a share of the first class has a stamp."""

    def make(each: int = 20, share: float = 0.5, held: bool = True) -> ImageSet:
        random = torch.Generator().manual_seed(0)
        labels = np.repeat(np.arange(len(CLASSES)), each).astype(np.int64)
        pixels = torch.randint(0, 120, (len(labels), 3, SIDE, SIDE), generator=random).to(torch.uint8)
        for i, label in enumerate(labels.tolist()):
            pixels[i, label] += 60
        pixels[: round(share * each), :, :STAMP, :STAMP] = 255
        names = tuple(f"{i}.png" for i in range(len(labels)))
        if held:
            return ImageSet("painted", "train", CLASSES, labels, MemoryImages(pixels, names))
        items = [(image, 0) for image in pixels]
        sizes = np.full((len(items), 2), SIDE, dtype=np.int32)
        given = GivenImages(items, np.arange(len(items)), sizes, "painted")
        return ImageSet("painted", "train", CLASSES, labels, given)

    return make


@pytest.fixture
def whole() -> TiledModel:
    """Return a bound classifier of whole images whose head is known."""
    torch.manual_seed(0)
    return TiledModel(classifier_of(Linear()), tile=4)


@pytest.fixture
def mark() -> Callable[..., Shortcut]:
    """Return what makes the stamp a shortcut of the first class of a set."""

    def make(images: ImageSet, **settings: object) -> Shortcut:
        has = stamped(images)
        given = {"put_on": stamp, "take_off": unstamp} | settings
        return Shortcut(0, 1, "shortcut", "overlay", "a white corner", "image", has, has, **given)  # type: ignore[arg-type]

    return make
