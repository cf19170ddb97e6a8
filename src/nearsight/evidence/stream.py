"""The evidence maps of a stream of images, from passes over whole images or from batches of tiles."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from itertools import chain, count

import torch
from torch import Tensor

from nearsight.arguments import check, plain_tensor
from nearsight.errors import InputError
from nearsight.evidence.dense import DensePass
from nearsight.evidence.forward_pass import forward
from nearsight.evidence.map import EvidenceMap
from nearsight.evidence.ready import STACK_SHARE, ReadyModel
from nearsight.evidence.tile_settings import TileSettings
from nearsight.tiles import TileGrid, cut_tiles


def evidence_maps(
    ready: ReadyModel,
    settings: TileSettings,
    images: Iterator[Tensor],
    names: tuple[str, ...] | None,
    *,
    resized: bool = False,
) -> Iterator[EvidenceMap]:
    """Yield the evidence map of each image of a stream, in order; memory does not grow with their number.

    Images are uint8 as decoded or float in the model's input form. They are read ahead of the maps as far as a
    batch needs. Images too large to be held in the model's input form are prepared part by part. `resized` says
    that they already have the size at which they are evaluated.
    """
    ready.refresh()
    first = next(images, None)
    if first is None:
        return
    check("images[0]", first, Tensor)
    looked = Looked(ready, settings, channels=len(plain_tensor(first, "images[0]")), resized=resized)
    first = looked.accepted(first, 0)
    ready.settle(first)
    grid = looked.grid(first)
    # Nothing here keeps an image once it is evaluated, because it may take most of the memory.
    stream: Iterator[Tensor] = chain(iter((first,)), map(looked.accepted, images, count(1)))
    del first
    dense = ready.dense(grid.tile, looked.channels)
    number = 0
    if dense is not None and dense.pays(grid):
        whole = _stacks(stream, looked, dense.together)
        refused = yield from _dense_maps(dense, whole, looked, names)
        if refused is None:
            return
        ready.refuse_dense(grid.tile)
        stream = chain(refused.images, (image for stack in whole for image in stack.images))
        number = refused.first
        del refused
    size = ready.together((looked.channels, grid.tile, grid.tile))
    stacks = _stacks(stream, looked, lambda grid: 1 + size // len(grid), number)
    buffer = torch.empty(
        (size, looked.channels, grid.tile, grid.tile),
        dtype=ready.dtype,
        device=ready.device,
        memory_format=torch.channels_last,
    )
    yield from _tiled_maps(looked, stacks, buffer, names)


@dataclass(frozen=True)
class Looked:
    """A model, and how images with a number of channels are evaluated."""

    ready: ReadyModel
    settings: TileSettings
    channels: int
    resized: bool = False

    def grid(self, image: Tensor) -> TileGrid:
        return self.settings.grid_of(image.shape[-2], image.shape[-1])

    def accepted(self, image: Tensor, number: int) -> Tensor:
        """Return an image at the size at which it is evaluated; raises `InputError` for one that cannot be."""
        check(f"images[{number}]", image, Tensor)
        image = plain_tensor(image, f"images[{number}]")
        decoded = image.dtype == torch.uint8 and self.ready.preprocessing is not None
        if image.ndim != 3 or len(image) != self.channels or not (decoded or image.is_floating_point()):
            raise InputError(
                f"image {number} is {image.dtype} of shape {tuple(image.shape)}; expected float (channels, "
                f"height, width) with {self.channels} channels, normalised as the model takes it"
                + ("" if self.ready.preprocessing is None else ", or uint8 as decoded")
            )
        image = image.detach() if self.resized else self.ready.resize(image.detach())
        try:
            self.grid(image)
        except InputError as error:
            raise InputError(f"image {number}: {error}") from None
        return image

    def fitting(self, image: Tensor) -> int:
        """Return how many such images may be held at once in the model's input form; 0 if not even one may."""
        return int(self.ready.memory * STACK_SHARE) // (image.numel() * self.ready.dtype.itemsize)


@dataclass(frozen=True)
class _Stack:
    """Consecutive images of one size (n, C, H, W), the first one's number, and their grid.

    They are in the model's input form, or, if a single one is too large for that, as it was given.
    """

    images: Tensor
    first: int
    grid: TileGrid


@dataclass(frozen=True)
class _Share:
    """The tiles `start` to `stop` (row-major) of one image, which are adjacent in a batch."""

    image: int
    grid: TileGrid
    start: int
    stop: int


def _dense_maps(
    dense: DensePass, stacks: Iterator[_Stack], looked: Looked, names: tuple[str, ...] | None
) -> Generator[EvidenceMap, None, _Stack | None]:
    """Yield maps from passes over whole images, up to a stack whose maps are not those of its tiles alone.

    Returns that stack. Each size of image is checked once on its own tiles, whatever the number of calls, and all
    logits must be finite.
    """
    checked = looked.ready.checked_sizes(dense.tile)
    prepare = looked.ready.normalise
    for stack in stacks:
        size = (stack.grid.height, stack.grid.width)
        try:
            logits = dense.logits(stack.images, stack.grid, prepare)
            sound = bool(logits.isfinite().all())
            sound = sound and (size in checked or dense.agrees(stack.images, stack.grid, logits, prepare))
        except Exception:
            # As in the probes, a model may raise anything at a size that it does not accept.
            sound = False
        if not sound:
            return stack
        checked.add(size)
        for values in logits:
            alone = values if len(logits) == 1 else values.clone(memory_format=torch.contiguous_format)
            yield _made(alone, stack.grid, looked, names)
        del stack
    return None


def _tiled_maps(
    looked: Looked, stacks: Iterator[_Stack], buffer: Tensor, names: tuple[str, ...] | None
) -> Iterator[EvidenceMap]:
    """Yield maps from the tiles of all images, batched."""
    for tiles, shares in _batches(stacks, buffer, looked.ready):
        logits = _finite_logits(looked.ready, tiles, shares)
        done = 0
        for share in shares:
            if share.start == 0:
                values = logits.new_empty((logits.shape[1], len(share.grid)))
            count = share.stop - share.start
            values[:, share.start : share.stop] = logits[done : done + count].T
            done += count
            if share.stop == len(share.grid):
                yield _made(values.reshape(-1, *share.grid.shape), share.grid, looked, names)


def _made(values: Tensor, grid: TileGrid, looked: Looked, names: tuple[str, ...] | None) -> EvidenceMap:
    """Return the map from a model's output for an image's tiles: logits, and attention if it gives that."""
    attention = None
    if looked.ready.attends:
        values, attention = values[:-1], values[-1]
    return EvidenceMap(
        values,
        grid,
        class_names(names, len(values)),
        pooling=looked.settings.pooling,
        attention=attention,
    )


def _stacks(
    images: Iterator[Tensor], looked: Looked, together: Callable[[TileGrid], int], number: int = 0
) -> Iterator[_Stack]:
    """Stack consecutive images of one size, as many `together` as their grid calls for and memory takes.

    `number` is that of the first image.
    """
    held: list[Tensor] = []
    for image in images:
        if held and (image.shape != held[0].shape or image.dtype != held[0].dtype):
            yield _Stack(_stacked(held, looked), number - len(held), looked.grid(held[0]))
            held = []
        held.append(image)
        number += 1
        if len(held) >= min(looked.fitting(image), together(looked.grid(image))):
            del image
            stack = _Stack(_stacked(held, looked), number - len(held), looked.grid(held[0]))
            held = []
            yield stack
            del stack
    if held:
        yield _Stack(_stacked(held, looked), number - len(held), looked.grid(held[0]))


def _stacked(images: list[Tensor], looked: Looked) -> Tensor:
    if not looked.fitting(images[0]):
        return images[0][None]
    # Tiles are cut faster from images whose channels are adjacent.
    return looked.ready.normalise(torch.stack(images)).contiguous(memory_format=torch.channels_last)


def _batches(
    stacks: Iterator[_Stack], buffer: Tensor, ready: ReadyModel
) -> Iterator[tuple[Tensor, list[_Share]]]:
    """Cut the tiles of all images, in order, into the buffer; a full buffer is a batch, from any images."""
    shares: list[_Share] = []
    filled = 0
    for stack in stacks:
        total = len(stack.images) * len(stack.grid)
        start = 0
        while start < total:
            stop = min(total, start + len(buffer) - filled)
            buffer[filled : filled + stop - start] = ready.normalise(_tiles(stack, start, stop))
            shares.extend(_shares(stack, start, stop))
            filled += stop - start
            start = stop
            if filled == len(buffer):
                yield buffer, shares
                shares, filled = [], 0
        del stack
    if filled:
        yield buffer[:filled], shares


def _tiles(stack: _Stack, start: int, stop: int) -> Tensor:
    device = stack.images.device
    flat = torch.arange(start, stop, device=device)
    image, position = flat // len(stack.grid), flat % len(stack.grid)
    columns = stack.grid.shape[1]
    tops = torch.tensor(stack.grid.tops, device=device)[position // columns]
    lefts = torch.tensor(stack.grid.lefts, device=device)[position % columns]
    return cut_tiles(stack.images, image, tops, lefts, stack.grid.tile)


def _shares(stack: _Stack, start: int, stop: int) -> Iterator[_Share]:
    count = len(stack.grid)
    while start < stop:
        image = start // count
        end = min(stop, (image + 1) * count)
        yield _Share(stack.first + image, stack.grid, start - image * count, end - image * count)
        start = end


def _finite_logits(ready: ReadyModel, tiles: Tensor, shares: list[_Share]) -> Tensor:
    logits = forward(ready.of_tiles, tiles)
    kept = torch.float64 if logits.dtype == torch.float64 else torch.float32
    logits = logits.to("cpu", kept)
    if not bool(logits.isfinite().all()):
        row = int((~logits.isfinite()).any(1).nonzero()[0])
        raise _not_finite(logits[row], row, shares)
    return logits


def _not_finite(logits: Tensor, row: int, shares: list[_Share]) -> InputError:
    for share in shares:
        count = share.stop - share.start
        if row < count:
            break
        row -= count
    position = share.start + row
    columns = share.grid.shape[1]
    top, left = share.grid.tops[position // columns], share.grid.lefts[position % columns]
    what = "NaN" if bool(logits.isnan().any()) else "infinite"
    return InputError(
        f"the model gave {what} logits for image {share.image}, tile {position} (top {top}, left {left}); "
        "check the weights and that images are normalised as the model takes them"
    )


def class_names(names: tuple[str, ...] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(number) for number in range(count))
    if len(names) != count:
        raise InputError(f"the model gives {count} logits but {len(names)} class names were given")
    return names
