"""The evidence map of an image, band by band of tile rows, so that neither the image nor its blank tiles are held."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.arguments import check
from nearsight.errors import InputError
from nearsight.evidence.map import EvidenceMap
from nearsight.evidence.ready import STACK_SHARE, ReadyModel
from nearsight.evidence.stream import evidence_maps
from nearsight.evidence.tile_settings import TileSettings
from nearsight.models.banded import Banded, Seen
from nearsight.tiles import TileGrid

# Tiles per side of the squares that are evaluated or skipped together, if blank tiles are skipped.
_BLOCK = 16


@dataclass(frozen=True)
class HeldBands:
    """An image that is held in memory, uint8 (3, height, width), but read by bands."""

    image: Tensor

    @property
    def shape(self) -> torch.Size:
        """Its shape."""
        return self.image.shape

    @property
    def dtype(self) -> torch.dtype:
        """Its type."""
        return self.image.dtype

    def bands(self, spans: Iterable[tuple[int, int]], seen: Seen | None = None) -> Iterator[Tensor]:
        """Yield views of its rows."""
        if seen is not None:
            seen(0, self.image)
        for top, bottom in spans:
            yield self.image[:, top:bottom]


def every_map(
    ready: ReadyModel,
    settings: TileSettings,
    images: Iterator[Tensor | Banded],
    names: tuple[str, ...] | None,
) -> Iterator[EvidenceMap]:
    """Yield the evidence map of each image of a stream, in order: held images in batches, others band by band."""
    apart: list[Tensor | Banded] = []

    def together() -> Iterator[Tensor]:
        """Yield images up to one that is evaluated by itself; none is held while that one is evaluated."""
        while (image := next(images, None)) is not None:
            apart.append(image)
            if not isinstance(image, Tensor) or settings.blank is not None:
                return
            del image
            yield apart.pop()  # type: ignore[misc]

    while True:
        yield from evidence_maps(ready, settings, together(), names)
        if not apart:
            return
        image = apart.pop()
        yield banded_map(ready, settings, held_bands(ready, image), names)


def held_bands(ready: ReadyModel, image: Tensor | Banded) -> Banded:
    """Return an image, resized as the model's preprocessing says, to be read by bands.

    Raises `InputError` for images that are not as decoded, because their blank tiles cannot be recognised.
    """
    check("images", image, Tensor | Banded)
    if not isinstance(image, Tensor):
        image = ready.resize_banded(image)
        if not isinstance(image, Tensor):
            return image
    if image.dtype != torch.uint8:
        raise InputError(
            "an image that is read by bands, or with `skip_blank`, is one as decoded, uint8 (3, height, width); "
            f"this one is {image.dtype}"
        )
    return HeldBands(ready.resize(image))


def banded_map(
    ready: ReadyModel,
    settings: TileSettings,
    image: Banded,
    names: tuple[str, ...] | None,
    *,
    seen: Seen | None = None,
) -> EvidenceMap:
    """Return the evidence map of an image that is read by bands; the tiles that `settings` skip are NaN in it.

    The map of all classes is held, and one band of the image. If all tiles are blank, none is skipped. `seen`
    gets all rows as they are read. The image has the size at which it is evaluated. Raises `InputError` for a map
    that is larger than the memory.
    """
    grid = settings.grid_of(*image.shape[-2:])
    _check_memory(ready, 1 if names is None else len(names), grid)
    found = _found(ready, settings, image, names, grid, settings.blank, seen)
    if found is None:
        found = _found(ready, settings, image, names, grid, None, None)
    assert found is not None
    return found


def blank_tiles(image: Tensor, grid: TileGrid, most: int) -> Tensor:
    """Return which tiles of an image are blank, bool of the grid's shape.

    >>> image = torch.full((3, 2, 6), 230, dtype=torch.uint8)
    >>> image[1, 0, 4] = 90
    >>> blank_tiles(image, TileGrid(2, 6, tile=2, stride=2), most=16).tolist()
    [[True, True, False]]

    A tile is blank if in each colour its lightest and its darkest pixel differ by at most `most` of 255. `image`
    is uint8 (3, height, width) of the grid's size.
    """
    lefts = torch.tensor(grid.lefts, device=image.device)
    across = [
        torch.stack([extreme(image[:, top : top + grid.tile], 1) for top in grid.tops], 1)
        .unfold(2, grid.tile, 1)
        .index_select(2, lefts)
        for extreme in (torch.amax, torch.amin)
    ]
    spread = across[0].amax(-1).short() - across[1].amin(-1).short()
    return (spread <= most).all(0).cpu()


def _found(
    ready: ReadyModel,
    settings: TileSettings,
    image: Banded,
    names: tuple[str, ...] | None,
    grid: TileGrid,
    blank: int | None,
    seen: Seen | None,
) -> EvidenceMap | None:
    """Return the map of the image, None if every tile of it is blank."""
    waiting: deque[_Block] = deque()
    skipped = torch.zeros(grid.shape, dtype=torch.bool)
    logits: Tensor | None = None
    attention = torch.full(grid.shape, torch.nan) if ready.attends else None
    blocks = _blocks(settings, image, grid, blank, _rows_together(ready, grid), waiting, skipped, seen)
    for part in evidence_maps(ready, settings, blocks, names, resized=True):
        if logits is None:
            _check_memory(ready, len(part.classes), grid)
            names = part.classes
            logits = torch.full((len(names), *grid.shape), torch.nan, dtype=part.logits.dtype)
        block = waiting.popleft()
        logits[:, block.rows, block.columns] = part.logits
        if attention is not None and part.attention is not None:
            attention[block.rows, block.columns] = part.attention
    if logits is None or names is None:
        return None
    if blank is not None:
        logits[:, skipped] = torch.nan
    return EvidenceMap(logits, grid, names, pooling=settings.pooling, attention=attention)


@dataclass(frozen=True)
class _Block:
    """Tiles that are evaluated together."""

    rows: slice
    columns: slice


def _blocks(
    settings: TileSettings,
    image: Banded,
    grid: TileGrid,
    blank: int | None,
    together: int,
    waiting: "deque[_Block]",
    skipped: Tensor,
    seen: Seen | None,
) -> Iterator[Tensor]:
    """Yield the parts of the image that are evaluated, each as an image whose own grid has these tiles."""
    rows = _runs(grid.tops, grid.stride, together if blank is None else min(together, _BLOCK))
    columns = _runs(grid.lefts, grid.stride, len(grid.lefts) if blank is None else _BLOCK)
    spans = [(grid.tops[row.start], grid.tops[row.stop - 1] + grid.tile) for row in rows]
    for row, band in zip(rows, image.bands(spans, seen), strict=True):
        if blank is not None:
            of_band = settings.grid_of(*band.shape[-2:])
            skipped[row] = blank_tiles(band, of_band, blank)
        for column in columns:
            if blank is not None and bool(skipped[row, column].all()):
                continue
            waiting.append(_Block(row, column))
            yield band[:, :, grid.lefts[column.start] : grid.lefts[column.stop - 1] + grid.tile]


def _runs(starts: tuple[int, ...], stride: int, most: int) -> list[slice]:
    """Return runs of at most this many tiles that are `stride` apart; one flush with the far edge may not be."""
    found, first = [], 0
    for number in range(1, len(starts) + 1):
        ends = number == len(starts) or starts[number] - starts[number - 1] != stride
        if ends or number - first == most:
            found.append(slice(first, number))
            first = number
    return found


def _rows_together(ready: ReadyModel, grid: TileGrid) -> int:
    """Return how many rows of tiles a band has: as many as may be held in the model's input form."""
    height = int(ready.memory * STACK_SHARE) // (3 * grid.width * ready.dtype.itemsize)
    return max(1, 1 + (height - grid.tile) // grid.stride)


def _check_memory(ready: ReadyModel, classes: int, grid: TileGrid) -> None:
    needed = classes * len(grid) * ready.dtype.itemsize
    if needed > ready.memory:
        raise InputError(
            f"the map of {len(grid):,} tiles and {classes} classes takes {needed / 2**20:,.0f} MiB, and `memory` is "
            f"{ready.memory / 2**20:,.0f} MiB; give a larger `stride`, or `memory={-(-needed // 2**20)}M`"
        )
