"""Toy classifiers for whole diagnoses: small networks whose answers are known."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing

PLAIN = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Shades(nn.Module):
    """Tells shades of grey apart: the logit of class c falls with the distance of the mean from shade c."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("shades", torch.linspace(-1, 1, classes))

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return -10 * (images.mean((1, 2, 3))[:, None] - self.shades).abs()


class Called(nn.Module):
    """A function as a network."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, images: Tensor) -> Tensor:
        """Return what the function makes of images."""
        return self.function(images)


def bound_function(
    function: Callable[[Tensor], Tensor],
    images: ImageSet,
    preprocessing: Preprocessing = PLAIN,
    **settings: Any,
) -> TiledModel:
    """Bind a function, or a network, as a classifier of the classes of a set."""
    network = function if isinstance(function, nn.Module) else Called(function)
    architecture = Architecture("function", classes=len(images.classes))
    classifier = Classifier(network, architecture, images.classes, None, preprocessing).eval()
    return TiledModel(classifier, **settings)


@pytest.fixture
def shades() -> Callable[[Sequence[str]], Classifier]:
    """Return what makes a classifier of shades, from black for the first class to white for the last."""

    def make(classes: Sequence[str]) -> Classifier:
        architecture = Architecture("shades", classes=len(classes), tile=8)
        return Classifier(Shades(len(classes)), architecture, tuple(classes), 8, PLAIN).eval()

    return make


@pytest.fixture
def shaded() -> Callable[..., ImageSet]:
    """Return what makes a set of images of the shades that `shown` numbers, labelled by `labels`."""

    def make(classes: Sequence[str], shown: Sequence[int], labels: Sequence[int] | None = None) -> ImageSet:
        steps = torch.linspace(0, 255, len(classes)).round()
        # So much that no shade is taken for another.
        most = min(3, 255 // (3 * len(classes)))
        random = torch.Generator().manual_seed(0)
        noise = torch.randint(-most, most + 1, (len(shown), 3, 16, 20), generator=random)
        pixels = (steps[list(shown)][:, None, None, None] + noise).clamp(0, 255).to(torch.uint8)
        names = tuple(f"{i}.png" for i in range(len(shown)))
        known = np.array(shown if labels is None else labels, dtype=np.int64)
        return ImageSet("shades", "test", tuple(classes), known, MemoryImages(pixels, names))

    return make
