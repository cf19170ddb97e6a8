"""What the tests of the dimension of tiles share: image sets made of given pixels."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet, ImageSets, MemoryImages

MakeSet = Callable[..., ImageSet]


def _image_set(pixels: NDArray[Any], labels: Any, *, split: str = "train", classes: int = 4) -> ImageSet:
    images = torch.from_numpy(np.ascontiguousarray(pixels, dtype=np.uint8))
    names = tuple(f"{split}-{number}.png" for number in range(len(images)))
    numbers = np.asarray(labels, dtype=np.int64)
    return ImageSet("toy", split, tuple("abcd"[:classes]), numbers, MemoryImages(images, names))


@pytest.fixture
def image_set() -> MakeSet:
    """Return a maker of an image set from pixels (n, 3, height, width) and labels."""
    return _image_set


@pytest.fixture
def noise_sets() -> Callable[..., ImageSets]:
    """Return a maker of sets of noise, whose labels mean nothing, by numbers of images and their side."""

    def make(train: int = 40, test: int = 12, side: int = 8, seed: int = 0) -> ImageSets:
        random = np.random.default_rng(seed)
        splits = {
            split: _image_set(
                random.integers(0, 256, (count, 3, side, side)), np.arange(count) % 4, split=split
            )
            for split, count in (("train", train), ("test", test))
        }
        return ImageSets("toy", splits)

    return make
