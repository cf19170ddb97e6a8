"""The evidence of every tile of any number of images, under any model."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.evidence.dense import DensePass, find_dense_pass
from nearsight.evidence.forward_pass import Model, bound, check_model, device_of, forward, is_seen
from nearsight.evidence.map import EvidenceMap
from nearsight.evidence.memory import DEFAULT_MEMORY, fitting_batch
from nearsight.settings import GridKind
from nearsight.tiles import TileGrid, cut_tiles


def evidence(
    model: Model,
    images: Tensor | Sequence[Tensor],
    *,
    tile: int,
    stride: int = 1,
    grid: GridKind = "aligned",
    memory: int = DEFAULT_MEMORY,
    classes: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> list[EvidenceMap]:
    """Return the evidence map of each image: the model's logits of every tile, as of that tile alone.

    >>> def brightness(tiles):
    ...     return torch.stack([tiles.mean((1, 2, 3)), -tiles.mean((1, 2, 3))], dim=1)
    >>> [dark] = evidence(brightness, torch.zeros(1, 3, 6, 8), tile=4, stride=2, classes=("light", "dark"))
    >>> dark.logits.shape
    torch.Size([2, 2, 3])

    `model` is any callable from (B, C, H, W) to logits (B, classes), or an ONNX Runtime session. `images` is
    float (N, C, H, W), or a sequence of float (C, H, W) of any sizes, in the form the model takes. `memory`
    bounds, in bytes, the images and tiles worked on at once and what the model needs for them; the maps come on
    top. `classes` names the logits (by default "0", "1", …). `dtype` is that of the tiles. `device` is where
    the model runs: by default where its weights are, or else where the images are. The maps are on the CPU, in
    float32 (in float64 where the model gives that). How many tiles share a batch can change the last bits of a
    logit, by less than 1e-4. So can passes over whole images instead of tiles, which the engine makes where
    probing the model shows that they give the same and take less work: see `find_dense_pass`.

    Raises `InputError` when a tile does not fit an image, when the model's output is not (B, classes), and
    when a logit is not finite; the message names the image and the tile.
    """
    return list(
        iterate_evidence(
            model,
            images,
            tile=tile,
            stride=stride,
            grid=grid,
            memory=memory,
            classes=classes,
            dtype=dtype,
            device=device,
        )
    )


def iterate_evidence(
    model: Model,
    images: Iterable[Tensor],
    *,
    tile: int,
    stride: int = 1,
    grid: GridKind = "aligned",
    memory: int = DEFAULT_MEMORY,
    classes: Sequence[str] | None = None,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str | None = None,
) -> Iterator[EvidenceMap]:
    """Yield the evidence map of each image of a stream, in order; memory does not grow with their number.

    >>> endless = (torch.zeros(3, 4, 4) for _ in iter(int, 1))
    >>> maps = iterate_evidence(lambda tiles: tiles.mean((2, 3)), endless, tile=4, memory=10_000)
    >>> next(maps).mean().tolist()
    [0.0, 0.0, 0.0]

    Arguments and errors are those of `evidence`. Images are read ahead of the maps as far as a batch needs.
    """
    check_model(model, dtype)
    target = torch.device(device) if device is not None else device_of(model)
    names = None if classes is None else tuple(classes)
    return _maps(model, iter(images), _Cut(tile, stride, grid, memory, dtype, target), names)


@dataclass(frozen=True)
class _Cut:
    tile: int
    stride: int
    kind: GridKind
    memory: int
    dtype: torch.dtype
    device: torch.device | None

    def grid(self, image: Tensor) -> TileGrid:
        return TileGrid(image.shape[-2], image.shape[-1], self.tile, self.stride, self.kind)


@dataclass(frozen=True)
class _Stack:
    """Consecutive images of one size (n, C, H, W), the first one's number, and their grid."""

    images: Tensor
    first: int
    grid: TileGrid


@dataclass(frozen=True)
class _Share:
    """The tiles `start` to `stop` (row-major) of one image, next to one another in a batch."""

    image: int
    grid: TileGrid
    start: int
    stop: int


def _maps(
    model: Model, images: Iterator[Tensor], cut: _Cut, names: tuple[str, ...] | None
) -> Iterator[EvidenceMap]:
    first = next(images, None)
    if first is None:
        return
    _check_image(first, 0, first, cut)
    example = first.detach()[:, : cut.tile, : cut.tile].to(cut.device, cut.dtype)
    seen = is_seen(model)
    model = bound(model, example, classes=None if names is None else len(names))
    stacked = cut.memory // 8
    images = chain([first], images)
    number = 0
    dense = find_dense_pass(model, example, cut.tile, cut.memory - stacked)
    if dense is not None and dense.pays(cut.grid(first)):
        whole = _stacks(images, cut, stacked, dense.together)
        refused = yield from _dense_maps(dense, whole, names)
        if refused is None:
            return
        images = (image for stack in chain([refused], whole) for image in stack.images)
        number = refused.first
    size = fitting_batch(lambda batch: forward(model, batch), example, cut.memory - stacked, seen=seen)
    stacks = _stacks(images, cut, stacked, lambda grid: 1 + size // len(grid), number)
    buffer = torch.empty(
        (size, *example.shape),
        dtype=cut.dtype,
        device=example.device,
        memory_format=torch.channels_last,
    )
    yield from _tiled_maps(model, stacks, buffer, names)


def _dense_maps(
    dense: DensePass, stacks: Iterator[_Stack], names: tuple[str, ...] | None
) -> Generator[EvidenceMap, None, _Stack | None]:
    """Yield maps from passes over whole images, up to a stack whose maps are not those of its tiles alone.

    Returns that stack. Each size of image is checked once on its own tiles, and all logits for being finite.
    """
    checked: set[tuple[int, int]] = set()
    for stack in stacks:
        size = (stack.grid.height, stack.grid.width)
        try:
            logits = dense.logits(stack.images, stack.grid)
            sound = bool(logits.isfinite().all())
            sound = sound and (size in checked or dense.agrees(stack.images, stack.grid, logits))
        except Exception:
            # As in the probes, a model may raise anything at a size that it does not take.
            sound = False
        if not sound:
            return stack
        checked.add(size)
        names = _class_names(names, logits.shape[1])
        for values in logits:
            yield EvidenceMap(values.clone(memory_format=torch.contiguous_format), stack.grid, names)
    return None


def _tiled_maps(
    model: Model, stacks: Iterator[_Stack], buffer: Tensor, names: tuple[str, ...] | None
) -> Iterator[EvidenceMap]:
    """Yield maps from the tiles of all images, batched."""
    for tiles, shares in _batches(stacks, buffer):
        logits = _finite_logits(model, tiles, shares)
        names = _class_names(names, logits.shape[1])
        done = 0
        for share in shares:
            if share.start == 0:
                values = logits.new_empty((len(names), len(share.grid)))
            count = share.stop - share.start
            values[:, share.start : share.stop] = logits[done : done + count].T
            done += count
            if share.stop == len(share.grid):
                yield EvidenceMap(values.reshape(-1, *share.grid.shape), share.grid, names)


def _stacks(
    images: Iterator[Tensor], cut: _Cut, memory: int, together: Callable[[TileGrid], int], number: int = 0
) -> Iterator[_Stack]:
    """Stack consecutive images of one size, as many `together` as their grid calls for and memory takes.

    `number` is that of the first image.
    """
    held: list[Tensor] = []
    for image in images:
        _check_image(image, number, held[0] if held else image, cut)
        if held:
            grid = cut.grid(held[0])
            enough = len(held) >= min(memory // held[0].nbytes, together(grid))
            if enough or image.shape != held[0].shape:
                yield _Stack(_stacked(held, cut), number - len(held), grid)
                held = []
        held.append(image.detach())
        number += 1
    yield _Stack(_stacked(held, cut), number - len(held), cut.grid(held[0]))


def _stacked(images: list[Tensor], cut: _Cut) -> Tensor:
    return torch.stack(images).to(cut.device, cut.dtype, memory_format=torch.channels_last)


def _batches(stacks: Iterator[_Stack], buffer: Tensor) -> Iterator[tuple[Tensor, list[_Share]]]:
    """Cut the tiles of all images, in order, into the buffer; a full buffer is a batch, of any images."""
    shares: list[_Share] = []
    filled = 0
    for stack in stacks:
        total = len(stack.images) * len(stack.grid)
        start = 0
        while start < total:
            stop = min(total, start + len(buffer) - filled)
            buffer[filled : filled + stop - start] = _tiles(stack, start, stop)
            shares.extend(_shares(stack, start, stop))
            filled += stop - start
            start = stop
            if filled == len(buffer):
                yield buffer, shares
                shares, filled = [], 0
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


def _finite_logits(model: Model, tiles: Tensor, shares: list[_Share]) -> Tensor:
    logits = forward(model, tiles)
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


def _class_names(names: tuple[str, ...] | None, count: int) -> tuple[str, ...]:
    if names is None:
        return tuple(str(number) for number in range(count))
    if len(names) != count:
        raise InputError(f"the model gives {count} logits but {len(names)} class names were given")
    return names


def _check_image(image: Tensor, number: int, other: Tensor, cut: _Cut) -> None:
    if image.ndim != 3 or not image.is_floating_point() or len(image) != len(other):
        raise InputError(
            f"image {number} is {image.dtype} of shape {tuple(image.shape)}; expected float (channels, "
            f"height, width) with {len(other)} channels, normalised as the model takes it"
        )
    try:
        cut.grid(image)
    except InputError as error:
        raise InputError(f"image {number}: {error}") from None
