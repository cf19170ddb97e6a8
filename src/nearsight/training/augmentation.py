"""Whole images cropped and resized at random, and colours changed: on bytes, image by image, before a step."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size
from nearsight.training.order import generator

# The most by which brightness, contrast and saturation change, up or down, as in timm by default.
JITTER = 0.4


class Augmentation:
    """What a recipe changes in the images of a run, in addition to the place of a tile and its flip.

    >>> augmentation = Augmentation(Recipe(resized_crop=0.25, augmentation="jitter"), (0.5, 0.5, 0.5))
    >>> image = torch.arange(75, dtype=torch.uint8).reshape(1, 3, 5, 5)
    >>> changed = augmentation.recolour(augmentation.cut(image, (4, 4), position=7), position=7)
    >>> changed.shape, changed.dtype
    (torch.Size([1, 3, 4, 4]), torch.uint8)

    All of it is a function of the recipe's seed and an image's position in the run, whoever does it and whenever.
    Areas that a shifted image leaves have the mean colour, `mean` in 0..1. The transforms are torchvision's v2.
    """

    def __init__(self, recipe: Recipe, mean: tuple[float, float, float]) -> None:
        self._seed, self._colours, self._share = recipe.seed, recipe.augmentation, recipe.resized_crop
        self._fill = tuple(round(255 * value) for value in mean)

    @property
    def cuts(self) -> bool:
        """Whether whole images are cropped and resized at random."""
        return self._share is not None

    @property
    def changes(self) -> bool:
        """Whether there is anything to do."""
        return self.cuts or self._colours != "none"

    def cut(self, image: Tensor, size: Size, position: int) -> Tensor:
        """Crop a random part of an image, uint8 (1, 3, H, W), and resize it to a height and width.

        The part has from the recipe's share of the area to all of it, with sides of 3:4 to 4:3.
        """
        assert self._share is not None
        with _addressed(self._seed, "resized crop", position):
            part: Tensor = _resized_crop(size, self._share)(image)
        return part

    def recolour(self, tiles: Tensor, position: int) -> Tensor:
        """Change the tiles of one image, uint8 (tiles, 3, h, w), all in the same way."""
        if self._colours == "none":
            return tiles
        transform = _jitter() if self._colours == "jitter" else _rand_augment(self._fill)
        with _addressed(self._seed, self._colours, position):
            changed: Tensor = transform(tiles)
        return changed


@contextmanager
def _addressed(seed: int, purpose: str, position: int) -> Iterator[None]:
    # torchvision draws from the processor's own generator, wherever the image is.
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(generator(seed, purpose, position).initial_seed())
    try:
        yield
    finally:
        torch.set_rng_state(before)


Transform = Callable[[Tensor], Any]


@lru_cache(maxsize=4)
def _resized_crop(size: Size, share: float) -> Transform:
    from torchvision.transforms import v2

    cut: Transform = v2.RandomResizedCrop(size, scale=(share, 1.0), antialias=True)
    return cut


@lru_cache(maxsize=1)
def _jitter() -> Transform:
    from torchvision.transforms import v2

    jitter: Transform = v2.ColorJitter(brightness=JITTER, contrast=JITTER, saturation=JITTER)
    return jitter


@lru_cache(maxsize=4)
def _rand_augment(fill: tuple[int, ...]) -> Transform:
    from torchvision.transforms import v2

    changes: Transform = v2.RandAugment(fill=list(fill))
    return changes
