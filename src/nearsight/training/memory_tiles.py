"""The tiles of a set in memory, on the device that trains: the random choices, and one gather."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size, TileSizes
from nearsight.tiles import cut_tiles, pad, random_corners
from nearsight.training.batches import Batch, crop_margin, first_flips, flips_of
from nearsight.training.material import SilentTiles, places
from nearsight.training.order import generator, positions

# A GPU that gets the random choices of this many steps at once never waits for the processor.
SENT_TOGETHER = 32


def sent(draw: Callable[[int], Tensor], start: int, stop: int, device: torch.device) -> Iterator[Tensor]:
    """Yield on a device what is drawn for steps `start` to `stop`, in one shape for all, many steps at once."""
    if device.type != "cuda":
        yield from (draw(step).to(device) for step in range(start, stop))
        return
    for first in range(start, stop, SENT_TOGETHER):
        drawn = [draw(step) for step in range(first, min(stop, first + SENT_TOGETHER))]
        yield from torch.stack(drawn).pin_memory().to(device, non_blocking=True)


class MemoryTiles:
    """A set in memory and the tiles of any step of a run.

    >>> from nearsight.settings import Recipe
    >>> recipe = Recipe(tile=4, batch_size=5)
    >>> pixels, labels = torch.zeros(20, 3, 8, 6, dtype=torch.uint8), torch.arange(20)
    >>> tiles = MemoryTiles(pixels, labels, recipe, TileSizes((4, 4)))
    >>> [tiles.cut(drawn, (4, 4)).tiles.shape for drawn in tiles.draws(0, 2)]
    [torch.Size([5, 1, 3, 4, 4]), torch.Size([5, 1, 3, 4, 4])]

    `pixels` is uint8 (N, 3, H, W) and `labels` int64 (N,), on the device that trains. `silent` says which tiles
    should say nothing, and `groups`, int64 (N,), is the group of each image.
    """

    def __init__(
        self,
        pixels: Tensor,
        labels: Tensor,
        recipe: Recipe,
        sizes: TileSizes,
        *,
        silent: SilentTiles | None = None,
        groups: NDArray[np.int64] | None = None,
    ) -> None:
        self.pixels, self.labels, self.recipe, self.sizes = pixels, labels, recipe, sizes
        device = pixels.device
        self._groups = None if groups is None else torch.from_numpy(groups).to(device)
        self._stride = 0 if silent is None else silent.stride
        self._silent = None if silent is None else torch.from_numpy(np.stack(silent.corners)).to(device)
        self._starting_flips = first_flips(recipe.seed, len(pixels))

    def draws(self, start: int, stop: int) -> Iterator[Tensor]:
        """Yield the random choices of steps `start` to `stop`, one int64 tensor per step, on the set's device.

        It holds the rows of the images, the tops and lefts of their tiles, and 1 for each image that is flipped.
        """
        return sent(self._draw, start, stop, self.pixels.device)

    def _draw(self, step: int) -> Tensor:
        recipe, size = self.recipe, self.sizes.at(step)
        place = positions(
            recipe.seed, step * recipe.batch_size, (step + 1) * recipe.batch_size, len(self.pixels)
        )
        tiles = recipe.batch_size * recipe.tiles_per_image
        height, width = self._sides(size)
        if (height, width) == size:
            tops = lefts = torch.zeros(tiles, dtype=torch.int64)
        else:
            tops, lefts = random_corners(tiles, height, width, size, generator(recipe.seed, "corners", step))
        flips = flips_of(recipe, place.index, place.epoch, self._starting_flips, step)
        if flips is None:
            flips = torch.zeros(recipe.batch_size, dtype=torch.bool)
        return torch.cat((place.index, tops, lefts, flips.long()))

    def _sides(self, size: Size) -> tuple[int, int]:
        margin = crop_margin(self.recipe, size, self.sizes)
        height, width = self.pixels.shape[-2:]
        return height + 2 * margin, width + 2 * margin

    def cut(self, drawn: Tensor, size: Size) -> Batch:
        """Cut the tiles of one size that were drawn for a step."""
        many = self.recipe.tiles_per_image
        images = len(drawn) // (2 + 2 * many)
        index, tops, lefts, flips = torch.split(drawn, [images, images * many, images * many, images])
        source, rows = self.pixels, index
        if margin := crop_margin(self.recipe, size, self.sizes):
            source = pad(self.pixels[index], margin, self.recipe.crop_fill)
            rows = torch.arange(images, device=drawn.device)
        if many > 1:
            rows = rows[:, None].expand(-1, many).flatten()
        tiles = source[rows] if source.shape[-2:] == size else cut_tiles(source, rows, tops, lefts, size)
        tiles = tiles.reshape(images, many, *tiles.shape[1:])
        if self.recipe.flip != "none":
            tiles = torch.where(flips.bool()[:, None, None, None, None], tiles.flip(-1), tiles)
        groups = None if self._groups is None else self._groups[index]
        return Batch(tiles, self.labels[index], self._silent_at(index, tops, lefts), groups)

    def _silent_at(self, index: Tensor, tops: Tensor, lefts: Tensor) -> Tensor | None:
        if self._silent is None:
            return None
        _, rows, columns = self._silent.shape
        return self._silent[index, *places(tops, lefts, self._stride, (rows, columns))]
