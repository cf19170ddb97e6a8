"""What the scores of images lose, tile by tile, when the tile is replaced."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from nearsight.errors import InputError
from nearsight.evidence.fills import filling
from nearsight.evidence.kinds import Removal
from nearsight.evidence.map import POOLED_SCORES, EvidenceMap
from nearsight.evidence.ready import FULL_PASS_SHARE, LEAST_PASS, STACK_SHARE, ReadyModel
from nearsight.evidence.removable import Box, Removable, boxes_seen
from nearsight.evidence.stream import Looked, class_names, evidence_maps
from nearsight.evidence.tile_settings import TileSettings
from nearsight.evidence.windows import windowed_logits
from nearsight.models import Preprocessing
from nearsight.models.banded import Banded
from nearsight.settings import Fill
from nearsight.settings.protocols import FULL_PASS, MEAN_LOGIT
from nearsight.tiles import TileGrid

# The image as floats, its fill, and one of both being made.
_COPIES = 3


@dataclass(frozen=True)
class Removing:
    """How tiles are removed: from which score of a model, on which tiles, and what replaces them."""

    ready: ReadyModel
    settings: TileSettings
    protocol: str
    fill: Fill
    names: tuple[str, ...] | None

    @property
    def whole(self) -> bool:
        """Whether the score is that of the whole image, and not the mean of its tiles."""
        return self.protocol == FULL_PASS

    def maps(self, images: Iterable[Tensor], others: Iterable[Tensor] | None) -> Iterator[EvidenceMap]:
        """Yield the map of each image of a stream, in order; memory does not grow with their number."""
        if (others is None) == (self.fill == "other"):
            raise InputError(
                "fill 'other' takes the same place of another image; give `others`, one for each image"
                if others is None
                else f"`others` are for fill 'other', and the fill is '{self.fill}'; leave them out"
            )
        self.ready.refresh()
        pairs = self._pairs(iter(images), None if others is None else iter(others))
        yield from self._of_whole(pairs) if self.whole else self._of_tiles(pairs)

    def _pairs(self, images: Iterator[Tensor], others: Iterator[Tensor] | None) -> "Iterator[_Pair]":
        looked: Looked | None = None
        for number, image in enumerate(images):
            if looked is None:
                looked = Looked(self.ready, self.settings, channels=len(image))
            image = looked.accepted(image, number)
            self.ready.settle(self._seen(image), whole=self.whole)
            other = None
            if others is not None:
                other = next(others, None)
                if other is None:
                    raise InputError(f"others has {number} images; give one for each of the images")
                other = looked.accepted(other, number)
            yield _Pair(number, image, other, looked.grid(image))

    def _seen(self, image: Tensor) -> Tensor:
        """Return the part of a resized image that the score sees."""
        return self.ready.whole(image) if self.whole else image

    def _prepared(self, pair: "_Pair") -> tuple[Tensor, Tensor]:
        """Return an image in the model's input form, (C, H, W), and what fills it."""
        seen = self._seen(pair.image)
        size = _COPIES * seen.numel() * self.ready.dtype.itemsize
        if size > max(self.ready.memory, LEAST_PASS):
            raise InputError(
                f"image {pair.number} has {seen.shape[1]}×{seen.shape[2]} pixels, and removing tiles from it "
                f"takes about {size / 2**20:,.0f} MiB; give more `memory`, or have images resized (resize_short)"
            )
        image = self.ready.normalise(seen)
        other = None if pair.other is None else self.ready.normalise(self._seen(pair.other))
        return image, filling(image, self.fill, tile=pair.grid.tile, other=other)

    def _removal(self, scores: Tensor) -> Removal:
        return Removal.of(self.protocol, self.fill, scores.tolist())

    def _of_whole(self, pairs: "Iterator[_Pair]") -> Iterator[EvidenceMap]:
        for group in self._groups(pairs):
            grid, tiles = group.grid, group.tiles
            logits = removed_logits(self.ready, group.removable)
            names = class_names(self.names, logits.shape[2])
            for place, values in enumerate(logits):
                if not bool(values.isfinite().all()):
                    raise InputError(
                        f"the model gave logits that are not finite for image {group.first + place} or a part of "
                        "it; check the weights and that images are normalised as the model takes them"
                    )
                lost = values.new_zeros(len(names), len(grid))
                lost[:, tiles] = (values[0] - values[1:]).T
                yield EvidenceMap(lost.view(-1, *grid.shape), grid, names, self._removal(values[0]))

    def _groups(self, pairs: "Iterator[_Pair]") -> "Iterator[_Group]":
        """Stack consecutive images of one size and grid, as many as several batches take and memory holds."""
        held: list[tuple[Tensor, Tensor]] = []
        last: _Pair | None = None
        most = 1
        for pair in pairs:
            image, fills = self._prepared(pair)
            if last is not None and (pair.grid != last.grid or image.shape != held[0][0].shape):
                yield self._group(held, last)
                held = []
            if not held:
                self.ready.check_fits(image.shape)
                batch = self.ready.together(image.shape, FULL_PASS_SHARE)
                fitting = int(self.ready.memory * STACK_SHARE) // (2 * image.numel() * image.itemsize)
                most = max(1, min(fitting, _BATCHES * batch // len(pair.grid)))
            held.append((image, fills))
            last = pair
            if len(held) == most:
                yield self._group(held, pair)
                held, last = [], None
        if last is not None:
            yield self._group(held, last)

    def _group(self, held: list[tuple[Tensor, Tensor]], last: "_Pair") -> "_Group":
        images = torch.stack([image for image, _ in held]).contiguous(memory_format=torch.channels_last)
        seen = seen_whole(last.grid, self.ready.preprocessing, images.shape[-2:])
        boxes = boxes_seen(last.grid, seen)
        removable = Removable(images, torch.stack([fills for _, fills in held]), list(boxes.values()))
        return _Group(removable, last.number + 1 - len(held), last.grid, list(boxes))

    def _of_tiles(self, pairs: "Iterator[_Pair]") -> Iterator[EvidenceMap]:
        """Remove tiles for a score that is made of tiles: only those that overlap the removed one change."""
        waiting: deque[tuple[TileGrid, list[_Around]]] = deque()

        def parts() -> Iterator[Tensor]:
            for pair in pairs:
                image, fills = self._prepared(pair)
                # Parts of one size are stacked.
                around = sorted(neighbourhoods(pair.grid), key=lambda one: one.shape)
                waiting.append((pair.grid, around))
                yield image
                for one in around:
                    rows, columns = one.part.pixels
                    part = image[:, rows, columns].clone()
                    inner_rows, inner_columns = one.tile.pixels
                    part[:, inner_rows, inner_columns] = fills[:, rows, columns][:, inner_rows, inner_columns]
                    yield part

        found = evidence_maps(self.ready, self.settings, parts(), self.names)
        for whole in found:
            grid, around = waiting.popleft()
            lost = torch.empty(len(whole.classes), len(grid), dtype=whole.logits.dtype)
            score = POOLED_SCORES[self.protocol]
            scores = score(whole)
            for one in around:
                part = next(found)
                if self.protocol == MEAN_LOGIT:
                    before = whole.logits[:, one.rows, one.columns]
                    changed = before.double() - part.logits.double()
                    lost[:, one.number] = (changed.sum((1, 2)) / len(grid)).to(lost.dtype)
                else:
                    lost[:, one.number] = scores - score(_with_part(whole, one, part))
            yield EvidenceMap(lost.view(-1, *grid.shape), grid, whole.classes, self._removal(scores))


# For a group's images with and without each tile: this many batches, only the last of which is not full.
_BATCHES = 4


@dataclass(frozen=True)
class _Pair:
    """An image at the size at which it is evaluated, its number and grid, and the other image that fills it."""

    number: int
    image: Tensor
    other: Tensor | None
    grid: TileGrid


@dataclass(frozen=True)
class _Group:
    """Images of one grid, the number of the first, and the tiles of which something is visible."""

    removable: Removable
    first: int
    grid: TileGrid
    tiles: list[int]


@dataclass(frozen=True)
class _Around:
    """A tile with all tiles that share a pixel with it: their part of the image, and the tile within that part."""

    number: int
    rows: slice
    columns: slice
    part: Box
    tile: Box

    @property
    def shape(self) -> tuple[int, int]:
        return self.part.bottom - self.part.top, self.part.right - self.part.left


def banded_removal(
    ready: ReadyModel, settings: TileSettings, image: Banded, whole: EvidenceMap, colour: Tensor
) -> EvidenceMap:
    """Return what the mean logit of an image that is read by bands loses when each tile has one colour.

    `whole` is the image's map, of all its tiles, and `colour`, float (3,), is in the units of the decoded image.
    Beside the maps, one band of the image is held, as high as all tiles that overlap those of one row of the grid,
    and the parts of it that a batch takes.
    """
    grid = whole.grid
    tops = grid.tops
    rows = [_overlapping(tops, top, grid.tile) for top in tops]
    spans = [(tops[down.start], tops[down.stop - 1] + grid.tile) for down in rows]
    waiting: deque[_Around] = deque()
    assert ready.preprocessing is not None
    fill = ready.preprocessing.normalise(colour.view(3, 1, 1)).to(ready.device, ready.dtype)

    def parts() -> Iterator[Tensor]:
        for row, band in enumerate(image.bands(spans)):
            # Parts of one size are stacked.
            for around in sorted(neighbourhoods_of(grid, row), key=lambda one: one.shape):
                waiting.append(around)
                part = ready.normalise(band[:, :, around.part.left : around.part.right])
                inner_rows, inner_columns = around.tile.pixels
                part[:, inner_rows, inner_columns] = fill
                yield part

    lost = torch.empty(len(whole.classes), len(grid), dtype=whole.logits.dtype)
    found = evidence_maps(ready, settings, parts(), whole.classes, resized=True)
    for part in found:
        around = waiting.popleft()
        changed = whole.logits[:, around.rows, around.columns].double() - part.logits.double()
        lost[:, around.number] = (changed.sum((1, 2)) / len(grid)).to(lost.dtype)
    removal = Removal.of(MEAN_LOGIT, "mean", POOLED_SCORES[MEAN_LOGIT](whole).tolist())
    return EvidenceMap(lost.view(-1, *grid.shape), grid, whole.classes, removal)


def _with_part(whole: EvidenceMap, around: _Around, part: EvidenceMap) -> EvidenceMap:
    """Return a map with the tiles around one of them in the place of its own."""
    logits, attention = whole.logits.clone(), whole.attention
    logits[:, around.rows, around.columns] = part.logits
    if attention is not None and part.attention is not None:
        attention = attention.clone()
        attention[around.rows, around.columns] = part.attention
    return replace(whole, logits=logits, attention=attention)


def removed_logits(ready: ReadyModel, removable: Removable) -> Tensor:
    """Return the logits of images as they are, and without each box, float (N, 1 + boxes, classes) on the CPU.

    They come from passes over windows of the maps of whole images if these pay, otherwise from passes over each
    image.
    """
    found = windowed_logits(ready, removable, partial(plain_logits, ready)) if removable.boxes else None
    if found is None:
        found = plain_logits(ready, removable, range(len(removable)))
    kept = found if found.dtype == torch.float64 else found.float()
    return kept.view(len(removable.images), 1 + len(removable.boxes), -1)


def plain_logits(ready: ReadyModel, removable: Removable, numbers: Sequence[int]) -> Tensor:
    """Return the logits of some of the images with and without each box, (numbers, classes), each passed whole.

    Changed images are made batch by batch.
    """
    shape = removable.images[0].shape
    size = min(len(numbers), ready.together(shape, FULL_PASS_SHARE))
    batch = torch.empty(
        (size, *shape),
        dtype=removable.images.dtype,
        device=removable.images.device,
        memory_format=torch.channels_last,
    )
    found = []
    for start in range(0, len(numbers), size):
        some = numbers[start : start + size]
        for place, number in enumerate(some):
            removable.write(number, batch[place])
        found.append(ready.logits(batch[: len(some)]).cpu())
    return torch.cat(found)


def neighbourhoods(grid: TileGrid) -> list[_Around]:
    """Return for each tile of a grid, row-major, all tiles that share a pixel with it.

    >>> [first, _] = neighbourhoods(TileGrid(4, 6, tile=4, stride=2))
    >>> first.part, first.columns
    (Box(top=0, left=0, bottom=4, right=6), slice(0, 2, None))
    """
    return [around for row in range(grid.shape[0]) for around in neighbourhoods_of(grid, row)]


def neighbourhoods_of(grid: TileGrid, row: int) -> Iterator[_Around]:
    """Yield for each tile of one row of a grid all tiles that share a pixel with it.

    >>> [around.number for around in neighbourhoods_of(TileGrid(6, 6, tile=4, stride=2), 1)]
    [2, 3]
    """
    tops, lefts, tile = grid.tops, grid.lefts, grid.tile
    top, down = tops[row], _overlapping(tops, tops[row], tile)
    for column, left in enumerate(lefts):
        right = _overlapping(lefts, left, tile)
        part = Box(
            tops[down.start], lefts[right.start], tops[down.stop - 1] + tile, lefts[right.stop - 1] + tile
        )
        inside = Box(top - part.top, left - part.left, top - part.top + tile, left - part.left + tile)
        yield _Around(row * len(lefts) + column, down, right, part, inside)


def _overlapping(starts: tuple[int, ...], start: int, tile: int) -> slice:
    """Return which of some tiles, whose starts ascend, share a pixel with the one from a start on."""
    return slice(bisect_right(starts, start - tile), bisect_left(starts, start + tile))


def seen_whole(grid: TileGrid, preprocessing: Preprocessing | None, size: torch.Size) -> Box:
    """Return the box of a resized image that a full pass sees, which has the height and width of `size`."""
    height, width = size
    if (height, width) == (grid.height, grid.width):
        return Box(0, 0, height, width)
    assert preprocessing is not None
    top, left = preprocessing.cut_corner(grid.height, grid.width)
    return Box(top, left, top + height, left + width)
