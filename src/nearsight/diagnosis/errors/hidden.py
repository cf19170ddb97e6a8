"""Images with some of their tiles hidden by the mean colour, and how they are then classified."""

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.errors.flip import Flip
from nearsight.errors import InputError
from nearsight.statistics import Estimate, accuracy_estimate
from nearsight.tiles import TileGrid

# If more than this is hidden, it is another image that is classified.
MOST_HIDDEN = 0.5
MOST_STEPS = 64
# A tile that adds less than this share of itself to what is hidden is skipped.
LEAST_NEW = 0.5
_TOGETHER = 8


def covered(grid: TileGrid, tiles: Sequence[int]) -> Tensor:
    """Return the pixels that some tiles of a grid cover, bool (height, width).

    >>> covered(TileGrid(1, 4, tile=1, stride=1), [0, 2]).tolist()
    [[True, False, True, False]]

    `tiles` are row-major numbers. Raises `InputError` for a tile that the grid does not have.
    """
    pixels = torch.zeros(grid.height, grid.width, dtype=torch.bool)
    for number in tiles:
        _tile_of(pixels, grid, number).fill_(True)
    return pixels


def covered_share(grid: TileGrid, tiles: Sequence[int]) -> float:
    """Return the share of an image's pixels that some tiles cover; if tiles overlap, this exceeds their share of all.

    >>> covered_share(TileGrid(2, 4, tile=2, stride=1), [1])
    0.5
    """
    if not tiles:
        return 0.0
    rows, columns = (_between(starts, grid.tile) for starts in (grid.tops, grid.lefts))
    inside = np.zeros((len(rows[0]), len(columns[0])), dtype=np.int32)
    places = np.divmod(np.array(tiles), grid.shape[1])
    # The corners of each tile, which sums turn into the tile itself.
    for at_row, down in zip(rows[1:], (1, -1), strict=True):
        for at_column, across in zip(columns[1:], (1, -1), strict=True):
            np.add.at(inside, (at_row[places[0]], at_column[places[1]]), down * across)
    seen = inside.cumsum(0).cumsum(1) > 0
    pixels = rows[0].astype(np.int64) @ seen @ columns[0].astype(np.int64)
    return int(pixels) / (grid.height * grid.width)


def _between(
    starts: Sequence[int], tile: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the lengths between all starts and ends of tiles along a side, and where each tile starts and ends."""
    first = np.array(starts, dtype=np.int64)
    edges = np.unique(np.concatenate([first, first + tile]))
    return np.append(np.diff(edges), 0), np.searchsorted(edges, first), np.searchsorted(edges, first + tile)


def hide(image: Tensor, pixels: Tensor) -> Tensor:
    """Return an image with some of its pixels in its mean colour, of the same type.

    >>> hide(torch.tensor([[[0, 100, 200]]], dtype=torch.uint8), torch.tensor([[False, False, True]])).tolist()
    [[[0, 100, 100]]]

    `image` is (3, H, W), `pixels` bool (H, W).
    """
    mean = image.float().mean((1, 2), keepdim=True)
    colour = mean.round().to(image.dtype) if image.dtype == torch.uint8 else mean.to(image.dtype)
    return torch.where(pixels.to(image.device), colour, image)


def hiding_flips(
    decision: Decision, image: Tensor, grid: TileGrid, order: Sequence[int], *, prediction: int, label: int
) -> tuple[Flip | None, Flip | None]:
    """Hide tiles in an order until the decision changes, and until it is the label; return both, or None for each.

    >>> from nearsight.evidence import TiledModel
    >>> bound = TiledModel(lambda images: images.mean((2, 3)), classes=("red", "green", "blue"))
    >>> image = torch.zeros(3, 1, 4)
    >>> image[0, 0, 0], image[1, 0, 1:] = 9, 2
    >>> grid = TileGrid(1, 4, tile=1, stride=1)
    >>> hiding_flips(Decision(bound, "full-pass"), image, grid, [0, 1, 2, 3], prediction=0, label=1)[0]
    Flip(tiles=(0,), to=1, share=0.25, smallest=False, area=0.25, holds=True)

    `image` is as the grid has it, resized; `order` are row-major numbers of tiles. Each time, the whole image is
    classified again. At most 64 tiles are hidden, and at most half of the pixels; a tile of which more than half
    is already hidden is skipped. A smaller set may suffice, because this is a search along one order.
    """
    chosen: list[int] = []
    areas: list[float] = []

    def hidden() -> Iterator[Tensor]:
        pixels = torch.zeros(grid.height, grid.width, dtype=torch.bool)
        for number in order:
            tile = _tile_of(pixels, grid, number)
            if float((~tile).float().mean()) < LEAST_NEW:
                continue
            tile.fill_(True)
            share = float(pixels.float().mean())
            if share > MOST_HIDDEN:
                return
            chosen.append(number)
            areas.append(share)
            yield hide(image, pixels)

    found: list[int] = []
    steps = islice(hidden(), MOST_STEPS)
    while some := list(islice(steps, _TOGETHER)):
        found += decision.predictions(some).tolist()
        if label in found:
            break

    def flip(count: int) -> Flip:
        return Flip(
            tuple(chosen[:count]), found[count - 1], count / len(grid), False, areas[count - 1], holds=True
        )

    changed = next((count for count, seen in enumerate(found, start=1) if seen != prediction), None)
    to_label = found.index(label) + 1 if label in found else None
    return None if changed is None else flip(changed), None if to_label is None else flip(to_label)


def shifted(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return pixels of the same shape elsewhere: moved at random, and what leaves at one side enters at the other.

    >>> shifted(torch.tensor([[True, True, False, False]]), torch.Generator().manual_seed(0)).sum().item()
    2
    """
    down, across = (int(torch.randint(side, (), generator=generator)) for side in pixels.shape)
    return pixels.roll((down, across), (0, 1))


def changed_by_hiding(
    decision: Decision, images: Iterator[tuple[Tensor, Tensor, int]], *, seed: int = 0
) -> tuple[list[bool], Estimate]:
    """Say for each image whether the decision changes when some pixels are hidden, and how often it does.

    >>> from nearsight.evidence import TiledModel
    >>> decision = Decision(TiledModel(lambda images: images.mean((2, 3))), "full-pass")
    >>> image = torch.zeros(3, 1, 4)
    >>> image[0, 0, 0], image[1, 0, 1:] = 9, 2
    >>> changed, share = changed_by_hiding(decision, iter(4 * [(image, image[0] > 0, 0)]))
    >>> changed, share.value, share.chance
    ([True, True, True, True], 1.0, 0.25)

    `images` holds for each an image as `hide` takes it, the pixels to hide, and its predicted class. The value by
    chance is the same with the pixels `shifted` using `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    before: list[int] = []

    def both() -> Iterator[Tensor]:
        for image, pixels, prediction in images:
            before.append(prediction)
            yield hide(image, pixels)
            yield hide(image, shifted(pixels, generator))

    found = decision.predictions(both())
    changed = found.reshape(-1, 2) != np.array(before, dtype=np.int64)[:, None]
    chance = float(changed[:, 1].mean()) if before else None
    return changed[:, 0].tolist(), accuracy_estimate(changed[:, 0], chance=chance)


def _tile_of(pixels: Tensor, grid: TileGrid, number: int) -> Tensor:
    if not 0 <= number < len(grid):
        raise InputError(f"tile {number} does not exist; the grid has tiles 0 to {len(grid) - 1}")
    row, column = divmod(number, grid.shape[1])
    top, left = grid.tops[row], grid.lefts[column]
    return pixels[top : top + grid.tile, left : left + grid.tile]
