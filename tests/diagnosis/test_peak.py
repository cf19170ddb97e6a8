"""The memory of a whole diagnosis: its tensors stay within a bound, whatever the size of images."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.result import Diagnosis
from nearsight.evidence import TiledModel
from nearsight.evidence.memory import peak_bytes
from nearsight.models import Architecture, Classifier, Preprocessing

BOUND = 2**26


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu_().mean((2, 3)))


@cache
def diagnosed(megapixels: float, count: int = 2) -> tuple[int, Diagnosis]:
    """Return the most bytes of tensors alive at once, beyond the images, and what was found."""
    torch.manual_seed(0)
    classifier = Classifier(
        Network(), Architecture("airbench", 2), ("a", "b"), 256, Preprocessing((0.5,) * 3, (0.2,) * 3)
    )
    side = round((megapixels * 1e6) ** 0.5)
    # Views of one image, as these are not what is counted. Training images are divided, and not copied to choose.
    # From five that choose on, the finders of verdicts keep some decoded pictures: that is not promised here.
    pixels = torch.zeros(1, 3, side, side, dtype=torch.uint8).expand(count, -1, -1, -1)
    images = ImageSet(
        "toy", "train", ("a", "b"), np.arange(count) % 2, MemoryImages(pixels, tuple(map(str, range(count))))
    )
    bound = TiledModel(classifier.eval(), stride=side // 3, memory=BOUND)
    found: list[Diagnosis] = []
    peak = peak_bytes(lambda: found.append(diagnose(bound, images, others={"test": images}, faithfulness=2)))
    return peak, found[0]


@pytest.mark.parametrize("megapixels", [4, 12])
def test_the_peak_is_within_the_bound_whatever_the_size(megapixels: int) -> None:
    peak, found = diagnosed(megapixels)
    assert peak <= 1.5 * BOUND
    assert found["faithfulness"].images == 0
    assert any("give `memory=" in note for note in found.notes)


def test_the_peak_does_not_grow_with_the_number_of_images() -> None:
    few, many = diagnosed(4)[0], diagnosed(4, 6)[0]
    assert many <= few + BOUND / 64
