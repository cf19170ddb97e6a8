"""The batches of a run: the images of each step, cut into tiles, flipped, as uint8."""

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet, require_tile
from nearsight.data.workers import begin_worker, told_of_workers, usable_workers
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.settings import Recipe
from nearsight.settings.tile_schedule import Size, TileSizes
from nearsight.tiles import cut_tiles, pad, random_corners
from nearsight.training.augmentation import Augmentation
from nearsight.training.material import SilentTiles
from nearsight.training.order import generator, positions

# From three tiles on, decoding the image once costs less than decoding a part of it for each tile.
MOST_TILES_DECODED_APART = 2
_WRAPPED = f"{InputError.__module__}.{InputError.__qualname__}: "


@dataclass(frozen=True)
class Batch:
    """One optimizer step's tiles, uint8 (B, tiles per image, 3, h, w), and their labels, int64 (B,).

    `silent` is bool (B,), which tiles should say nothing, and `groups` int64 (B,), the groups of the images; None
    if a run has neither. For mixed images, `partners`, int64 (B,), are the labels of the other part, and `kept`,
    a number, is the share of an image that is its own.
    """

    tiles: Tensor
    labels: Tensor
    silent: Tensor | None = None
    groups: Tensor | None = None
    partners: Tensor | None = None
    kept: Tensor | None = None

    @staticmethod
    def of(tensors: Sequence[Tensor], *, silent: bool, groups: bool) -> "Batch":
        """Return the batch from `tensors`: tiles and labels, and then what marks them, if known."""
        tiles, labels, *more = tensors
        marked = more.pop(0) if silent else None
        return Batch(tiles, labels, marked, more.pop(0) if groups else None)

    def part_of(self, rank: int, world: int) -> "Batch":
        """Return the images that belong to one of `world` processes."""
        return self._take(slice(rank, None, world))

    def chunks(self, parts: int) -> list["Batch"]:
        """Return the batch in parts of equal size, except for the last."""
        count = len(self.labels)
        size = -(-count // parts)
        return [self._take(slice(first, first + size)) for first in range(0, count, size)]

    def tensors(self) -> tuple[Tensor, ...]:
        """Return what was read of the images, in the order of the fields: tiles, labels, and what marks them."""
        marks = (self.silent, self.groups)
        return self.tiles, self.labels, *(held for held in marks if held is not None)

    def _take(self, images: slice) -> "Batch":
        marks = (self.silent, self.groups, self.partners)
        silent, groups, partners = (None if held is None else held[images] for held in marks)
        return Batch(self.tiles[images], self.labels[images], silent, groups, partners, self.kept)


def training_size(images: ImageSet, recipe: Recipe) -> Size:
    """Return height and width of what the network is trained on: the tile, or the whole image.

    Whole images of different sizes need `resize_short`, and are then cut to squares of that side at random.
    Raises `InputError` if the tile does not fit every image or whole images cannot be stacked.
    """
    if recipe.resize_short is None:
        if recipe.tile is not None:
            require_tile(images, recipe.tile)
            return recipe.tile, recipe.tile
        large = images.first_large()
        if large is not None:
            raise InputError(
                f"{images.path(large)} is too large to be held, and whole images are trained on; give "
                f"`resize_short`, or train on tiles of at most {images.smallest} pixels"
            )
        sizes = np.unique(images.sizes, axis=0)
        if len(sizes) > 1:
            raise InputError(
                f"the images of {images.name} have {len(sizes)} sizes and whole images are trained in one; "
                f"give `resize_short`, or train on tiles of at most {images.smallest} pixels"
            )
        return int(sizes[0, 0]), int(sizes[0, 1])
    if recipe.tile is not None and recipe.tile > recipe.resize_short:
        raise InputError(
            f"a tile of {recipe.tile} does not fit images resized to a short side of {recipe.resize_short}"
        )
    if recipe.tile is not None:
        return recipe.tile, recipe.tile
    if images.pixels is not None:
        plain = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize_short=recipe.resize_short)
        height, width = plain.resize(images.image(0)).shape[-2:]
        return int(height), int(width)
    return recipe.resize_short, recipe.resize_short


def resized_pixels(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """Resize a set in memory, uint8 (N, 3, H, W) once; the same tensor when no size is set."""
    if not preprocessing.resizes:
        return pixels
    return torch.stack([preprocessing.resize(image) for image in pixels])


def is_whole(recipe: Recipe, size: Size, sizes: TileSizes) -> bool:
    """Say whether whole images of a size are trained on; a schedule that ends on them begins with tiles."""
    return recipe.tile is None and size == sizes.last


def crop_margin(recipe: Recipe, size: Size, sizes: TileSizes) -> int:
    """Return the pixels by which images are padded on each side before they are cut: none for tiles.

    It is also none for whole images of which a random part is resized.
    """
    padded = recipe.resized_crop is None and is_whole(recipe, size, sizes)
    return recipe.crop_padding if padded else 0


def resized_image(images: ImageSet, row: int, preprocessing: Preprocessing) -> Tensor:
    """Return an image of a set in its training form, resized: by bands if memory should not hold it whole."""
    image = images.looked_at(row) if preprocessing.resizes else images.image(row)
    resized = preprocessing.resize(image) if isinstance(image, Tensor) else preprocessing.resize_banded(image)
    return resized if isinstance(resized, Tensor) else images.image(row)


class StreamedTiles(torch.utils.data.Dataset[tuple[Any, ...]]):
    """Positions of the sequence of epochs, each decoded, cut and flipped when it is read.

    A position's tiles depend on the seed and the position alone, so workers and resuming change nothing. `silent`
    says which tiles should say nothing, and `groups`, int64 (N,), is the group of each image.
    """

    def __init__(
        self,
        images: ImageSet,
        recipe: Recipe,
        sizes: TileSizes,
        preprocessing: Preprocessing,
        *,
        silent: SilentTiles | None = None,
        groups: NDArray[np.int64] | None = None,
    ) -> None:
        self.images, self.recipe, self.sizes, self.preprocessing = images, recipe, sizes, preprocessing
        self.silent, self.groups = silent, groups
        self.starting_flips = first_flips(recipe.seed, len(images))
        self.augmentation = Augmentation(recipe, preprocessing.mean)

    def batch(self, tensors: Sequence[Tensor]) -> Batch:
        """Return the batch of the results of `__getitem__` for its positions, each stacked."""
        return Batch.of(tensors, silent=self.silent is not None, groups=self.groups is not None)

    def __getitem__(self, position: int) -> tuple[Any, ...]:
        """Return the tiles of a position, uint8 (tiles of an image, 3, h, w), and its label.

        Then come whether its tile is silent and the group of its image, if they are known.
        """
        recipe, size = self.recipe, self.sizes.at(position // self.recipe.batch_size)
        place = positions(recipe.seed, position, position + 1, len(self.images))
        row = int(place.index)
        draw = generator(recipe.seed, "corner", position)
        whole = is_whole(recipe, size, self.sizes)
        many = recipe.tiles_per_image
        if whole and self.augmentation.cuts:
            image = self.images.image(row)[None]
            parts = [self.augmentation.cut(image, size, position * many + number) for number in range(many)]
            tiles, tops, lefts = torch.cat(parts), *torch.zeros(2, many, dtype=torch.int64)
        elif whole or self.preprocessing.resizes or many > MOST_TILES_DECODED_APART:
            tiles, tops, lefts = self._cut_from_whole(row, size, draw)
        else:
            height, width = self.images.sizes[row].tolist()
            tops, lefts = random_corners(many, height, width, size, draw)
            corners = zip(tops, lefts, strict=True)
            tiles = torch.stack([self.images.tile(row, int(top), int(left), size) for top, left in corners])
        flips = flips_of(recipe, place.index, place.epoch, self.starting_flips, position)
        if flips is not None and bool(flips):
            tiles = tiles.flip(-1)
        tiles = self.augmentation.recolour(tiles, position)
        marks: list[Any] = []
        if self.silent is not None:
            marks.append(bool(self.silent.at(row, tops, lefts)))
        if self.groups is not None:
            marks.append(int(self.groups[row]))
        return tiles, int(self.images.labels[row]), *marks

    def _cut_from_whole(self, row: int, size: Size, draw: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        image = resized_image(self.images, row, self.preprocessing)[None]
        if padding := crop_margin(self.recipe, size, self.sizes):
            image = pad(image, padding, self.recipe.crop_fill)
        many = self.recipe.tiles_per_image
        tops, lefts = random_corners(many, image.shape[-2], image.shape[-1], size, draw)
        return cut_tiles(image, torch.zeros(many, dtype=torch.int64), tops, lefts, size), tops, lefts


def streamed_batches(
    tiles: StreamedTiles,
    batch_size: int,
    start: int,
    stop: int,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Yield the batches of steps `start` to `stop` from a streaming set, decoded by `workers` processes.

    With `world` training processes, the one numbered `rank` gets every `world`-th image. Raises `InputError`,
    naming the file, if an image cannot be decoded.
    """
    workers = usable_workers(workers, tiles)
    loader = torch.utils.data.DataLoader(
        tiles,
        batch_size=batch_size // world,
        sampler=range(start * batch_size + rank, stop * batch_size, world),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=begin_worker(workers),
    )
    try:
        with told_of_workers():
            for found in loader:
                yield tiles.batch(found)
    except InputError as error:
        # The frames of its traceback hold the loader. Where it is left to the collector of cycles, its processes are
        # not told to end, and are waited for ten seconds.
        traceback.clear_frames(error.__traceback__)
        # A worker's error comes wrapped in its traceback, whose end is the message.
        raise InputError(str(error).rpartition(_WRAPPED)[2].strip()) from None


def first_flips(seed: int, images: int) -> Tensor:
    """Return which images are flipped in the first epoch of alternating flips, bool (N,)."""
    return torch.randint(2, (images,), generator=generator(seed, "first flips"), dtype=torch.bool)


def flips_of(recipe: Recipe, index: Tensor, epoch: Tensor, starting: Tensor, position: int) -> Tensor | None:
    """Return which of the images at a position of the run are flipped, bool like `index`, or None without flips.

    `position` addresses the random numbers of flips; `starting` is `first_flips`, for alternating ones.
    """
    if recipe.flip == "none":
        return None
    if recipe.flip == "alternating":
        return starting[index] ^ (epoch % 2 == 1)
    draw = generator(recipe.seed, "flips", position)
    return torch.randint(2, (len(index),), generator=draw, dtype=torch.bool)
