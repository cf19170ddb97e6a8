"""Five views against torchvision's own crops, and an evaluation on them."""

from typing import Literal

import numpy as np
import pytest
import torch
from torch import nn
from torchvision.transforms.v2 import functional as transforms

from nearsight.data import ImageSet, MemoryImages
from nearsight.evaluation import evaluate
from nearsight.evaluation.five_crop import FiveCrop, Shifts, views_of
from nearsight.evidence import TiledModel
from nearsight.models import Classifier

MODES = {"black": "constant", "reflect": "reflect"}


@pytest.mark.parametrize("fill", ["black", "reflect"])
def test_views_are_the_five_crops_of_the_padded_image(fill: Literal["black", "reflect"]) -> None:
    images = [torch.rand(3, 7, 9), torch.rand(3, 8, 6)]
    views = list(views_of(images, Shifts(3, fill)))
    for number, image in enumerate(images):
        padded = transforms.pad(image, [3, 3, 3, 3], padding_mode=MODES[fill])
        theirs = transforms.five_crop(padded, list(image.shape[-2:]))
        # They have the middle last.
        for ours, one in zip(views, (theirs[4], *theirs[:4]), strict=True):
            assert ours[number].equal(one)


def test_an_evaluation_adds_the_mean_logit_of_the_views() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    bound = TiledModel(Classifier.of(network.eval(), classes="cat,dog", mean=0.5, std=0.5))
    pixels = torch.randint(256, (5, 3, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    images = ImageSet(
        "toy", "test", ("cat", "dog"), np.array([0, 1, 0, 1, 0]), MemoryImages(pixels, tuple("abcde"))
    )
    found = evaluate(bound, images, shifts=Shifts(2))
    assert list(found.scores) == ["full-pass", "five-crop"]
    assert (found.settings["shift"], found.settings["shift_fill"]) == (2, "black")
    wanted = torch.stack([bound.full_pass(view) for view in views_of(list(pixels), Shifts(2))]).mean(0)
    np.testing.assert_allclose(found.scores["five-crop"], wanted.numpy(), rtol=1e-5, atol=1e-6)
    unmoved = FiveCrop(bound, Shifts(0)).full_pass(list(pixels))
    assert torch.allclose(unmoved, bound.full_pass(list(pixels)), atol=1e-6)
