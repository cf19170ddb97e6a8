"""How many images the maps are checked on by default, against passes that are really counted."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.faithfulness.affordable import LEAST, TIMES, affordable_images
from nearsight.diagnosis.faithfulness.maps import measure_faithfulness
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.settings import FAITHFULNESS_IMAGES


class Counted(nn.Module):
    """Says how bright an image is, and counts the pixels that it was given."""

    # Of all copies together: a bound model may pass images through one.
    pixels: ClassVar[int] = 0

    def forward(self, images: Tensor) -> Tensor:
        Counted.pixels += images[:, 0].numel()
        light = images.mean((1, 2, 3))
        return torch.stack([-light, light], dim=1)


@pytest.mark.parametrize("whole", [True, False])
def test_the_check_of_an_image_costs_no_more_than_is_reckoned(whole: bool) -> None:
    pixels = torch.arange(3 * 24 * 24).view(1, 3, 24, 24).remainder(251).to(torch.uint8)
    images = ImageSet("toy", "test", ("dark", "light"), np.array([0]), MemoryImages(pixels, ("a",)))
    classifier = Classifier(
        Counted().eval(), Architecture("light", 2), images.classes, 8, Preprocessing((0.5,) * 3, (0.5,) * 3)
    )
    bound = TiledModel(classifier, stride=8)
    # What finds out how the model wants its images comes on top, once.
    bound.full_pass([images.image(0)])
    Counted.pixels = 0
    measure_faithfulness(bound, images, protocol="full-pass" if whole else "mean-logit")
    tiles = Counted.pixels / 8**2
    # The fewest evaluated tiles that pay for so many checks.
    reckoned = next(
        n for n in range(1, 10**6, 50) if affordable_images(24, 24, 8, whole=whole, evaluated=n) >= 2 * LEAST
    )
    assert 0.4 < tiles * 2 * LEAST / (TIMES * reckoned) <= 1.1


def test_a_large_set_has_all_and_a_small_one_the_least() -> None:
    found = [
        affordable_images(96, 96, 48, whole=False, evaluated=evaluated) for evaluated in (1, 10**4, 10**7)
    ]
    assert found == [LEAST, found[1], FAITHFULNESS_IMAGES]
    assert LEAST <= found[1] <= FAITHFULNESS_IMAGES
