"""Beyond an image as it was given and its map, no memory grows with the size or the number of images."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nearsight.evidence import TiledModel
from nearsight.evidence.memory import _LiveBytes
from nearsight.models import Architecture, Classifier, Preprocessing

MEMORY = 2**24
SIDES = {2: 1414, 12: 3464, 48: 6928}


class Network(nn.Module):
    def __init__(self, padding: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=padding, stride=2), nn.Linear(4, 2)

    def forward(self, images: Tensor) -> Tensor:
        return self.last(self.first(images).relu_().mean((2, 3)))


def bound(padding: int, resize_short: int | None = None) -> TiledModel:
    torch.manual_seed(0)
    preprocessing = Preprocessing((0.5,) * 3, (0.2,) * 3, resize_short)
    model = Classifier(Network(padding), Architecture("airbench", 2), ("a", "b"), 32, preprocessing)
    return TiledModel(model, stride=1024, memory=MEMORY)


def live(run: Callable[[], object]) -> int:
    with _LiveBytes() as count:
        run()
    return count.peak


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("resize_short", [None, 64])
def test_the_peak_is_flat_over_2_12_and_48_megapixels(padding: int, resize_short: int | None) -> None:
    found = {}
    for megapixels, side in SIDES.items():
        image = torch.zeros(3, side, side, dtype=torch.uint8)
        looked = bound(padding, resize_short)
        found[megapixels] = live(lambda image=image, looked=looked: list(looked.maps([image])))
    if resize_short is None:
        assert max(found.values()) <= MEMORY
    # Resizing holds strips of the image.
    assert found[48] <= max(2 * found[12], MEMORY) + 2**27


@pytest.mark.parametrize("padding", [0, 1])
def test_the_peak_is_that_of_one_image_whatever_their_number(padding: int) -> None:
    """The images are made within the count: each is let go before the next is."""

    def peak(count: int) -> int:
        looked = bound(padding)
        images = (torch.zeros(3, 3000, 3000, dtype=torch.uint8) for _ in range(count))
        return live(lambda: [None for _ in looked.maps(images)])

    assert peak(5) <= 1.1 * peak(1)
