"""The batches of a run: the images of each step, cut into tiles, flipped, as uint8."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.data import ImageSet, require_tile
from nearsight.errors import InputError
from nearsight.models import Preprocessing
from nearsight.tiles import cut_tiles, random_corners
from nearsight.training.order import generator, positions
from nearsight.training.recipe import Recipe

_WRAPPED = f"{InputError.__module__}.{InputError.__qualname__}: "


@dataclass(frozen=True)
class Batch:
    """One optimizer step's images: uint8 (B, 3, h, w), and their labels, int64 (B,)."""

    images: Tensor
    labels: Tensor


def training_size(images: ImageSet, recipe: Recipe) -> tuple[int, int]:
    """Return height and width of what the network is trained on: the tile, or the whole image.

    Whole images of different sizes need `resize_short`, and are then cut to squares of that side at random.
    Raises `InputError` when the tile does not fit every image or whole images cannot be stacked.
    """
    if recipe.resize_short is None:
        if recipe.tile is not None:
            require_tile(images, recipe.tile)
            return recipe.tile, recipe.tile
        sizes = np.unique(images.sizes, axis=0)
        if len(sizes) > 1:
            raise InputError(
                f"the images of {images.name} have {len(sizes)} sizes and whole images are trained in one; "
                f"give --resize-short N, or train on tiles of at most {images.smallest} pixels"
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
    if preprocessing.resize_short is None:
        return pixels
    return torch.stack([preprocessing.resize(image) for image in pixels])


def memory_batches(
    pixels: Tensor, labels: Tensor, recipe: Recipe, size: tuple[int, int], start: int, stop: int
) -> Iterator[Batch]:
    """Yield the batches of steps `start` to `stop` from a set in memory: one gather a batch.

    `pixels` is uint8 (N, 3, H, W) and `labels` int64 (N,), on the device that trains.
    """
    images, device = len(pixels), pixels.device
    starting_flips = first_flips(recipe.seed, images)
    padding = recipe.crop_padding if recipe.tile is None else 0
    for step in range(start, stop):
        place = positions(recipe.seed, step * recipe.batch_size, (step + 1) * recipe.batch_size, images)
        index = place.index.to(device)
        source = pixels
        if padding:
            source, rows = F.pad(pixels[index], (padding,) * 4), torch.arange(len(index), device=device)
        else:
            rows = index
        height, width = source.shape[-2:]
        if (height, width) == size:
            tiles = source[rows]
        else:
            draw = generator(recipe.seed, "corners", step)
            tops, lefts = random_corners(len(index), height, width, size, draw)
            tiles = cut_tiles(source, rows, tops.to(device), lefts.to(device), size)
        flips = _flips(recipe, place.index, place.epoch, starting_flips, step)
        if flips is not None:
            tiles = torch.where(flips.to(device)[:, None, None, None], tiles.flip(-1), tiles)
        yield Batch(tiles, labels[index])


class StreamedTiles(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """Positions of the sequence of epochs, each decoded, cut and flipped where it is read.

    A position's tile depends on the seed and the position alone, so workers and resuming change nothing.
    """

    def __init__(
        self, images: ImageSet, recipe: Recipe, size: tuple[int, int], preprocessing: Preprocessing
    ) -> None:
        self.images, self.recipe, self.size, self.preprocessing = images, recipe, size, preprocessing
        self.starting_flips = first_flips(recipe.seed, len(images))

    def __getitem__(self, position: int) -> tuple[Tensor, int]:
        place = positions(self.recipe.seed, position, position + 1, len(self.images))
        row = int(place.index)
        draw = generator(self.recipe.seed, "corner", position)
        if self.recipe.tile is None or self.preprocessing.resize_short is not None:
            tile = self._cut_from_whole(row, draw)
        else:
            height, width = self.images.sizes[row].tolist()
            tops, lefts = random_corners(1, height, width, self.size, draw)
            tile = self.images.tile(row, int(tops), int(lefts), self.size)
        flips = _flips(self.recipe, place.index, place.epoch, self.starting_flips, position)
        if flips is not None and bool(flips):
            tile = tile.flip(-1)
        return tile, int(self.images.labels[row])

    def _cut_from_whole(self, row: int, draw: torch.Generator) -> Tensor:
        image = self.preprocessing.resize(self.images.image(row))[None]
        if self.recipe.tile is None and self.recipe.crop_padding:
            image = F.pad(image, (self.recipe.crop_padding,) * 4)
        tops, lefts = random_corners(1, image.shape[-2], image.shape[-1], self.size, draw)
        return cut_tiles(image, torch.zeros(1, dtype=torch.int64), tops, lefts, self.size)[0]


def streamed_batches(
    tiles: StreamedTiles,
    batch_size: int,
    start: int,
    stop: int,
    workers: int,
    rank: int = 0,
    world: int = 1,
) -> Iterator[Batch]:
    """Yield the batches of steps `start` to `stop` from a set that streams, decoded by `workers` processes.

    Of `world` training processes, the one numbered `rank` gets every `world`-th image. Raises `InputError`
    naming the file when an image cannot be decoded.
    """
    loader = torch.utils.data.DataLoader(
        tiles,
        batch_size=batch_size // world,
        sampler=range(start * batch_size + rank, stop * batch_size, world),
        num_workers=workers,
        prefetch_factor=2 if workers else None,
        pin_memory=torch.cuda.is_available(),
        worker_init_fn=_leave_signals_to_the_trainer,
    )
    try:
        for images, labels in loader:
            yield Batch(images, labels)
    except InputError as error:
        # A worker's error comes wrapped in its traceback, whose last line is the message.
        raise InputError(str(error).rstrip().splitlines()[-1].removeprefix(_WRAPPED)) from None


def _leave_signals_to_the_trainer(_worker: int) -> None:
    # Ctrl-C reaches every process of the terminal; the trainer finishes its step and then ends its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def first_flips(seed: int, images: int) -> Tensor:
    """Return which images are flipped in the first epoch of alternating flips, bool (N,)."""
    return torch.randint(2, (images,), generator=generator(seed, "first flips"), dtype=torch.bool)


def _flips(recipe: Recipe, index: Tensor, epoch: Tensor, starting: Tensor, position: int) -> Tensor | None:
    if recipe.flip == "none":
        return None
    if recipe.flip == "alternating":
        return starting[index] ^ (epoch % 2 == 1)
    draw = generator(recipe.seed, "flips", position)
    return torch.randint(2, (len(index),), generator=draw, dtype=torch.bool)
