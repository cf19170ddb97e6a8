"""The tile grid: all tile positions of an image for one tile size and stride."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from nearsight.errors import InputError
from nearsight.numbers import Pixels, whole
from nearsight.settings import GridKind


@dataclass(frozen=True)
class TileGrid:
    """All positions of a `tile`×`tile` crop in a `height`×`width` image, `stride` pixels apart.

    >>> TileGrid(10, 8, tile=4, stride=4).tops
    (0, 4)
    >>> TileGrid(10, 8, tile=4, stride=4, kind="covering").tops
    (0, 4, 6)

    `aligned` uses the positions 0, s, 2s, … that fit. `covering` adds a last row and column flush with the far
    edge if they are missing; with a stride no larger than the tile, every pixel is then in a tile. Sizes are in
    pixels. Raises `InputError` if the tile does not fit or a size is not positive.
    """

    height: Pixels
    width: Pixels
    tile: Pixels
    stride: Pixels
    kind: GridKind = "aligned"

    def __post_init__(self) -> None:
        for name in ("height", "width", "tile", "stride"):
            object.__setattr__(self, name, whole(name, getattr(self, name)))
        if self.tile < 1 or self.stride < 1:
            raise InputError(
                f"tile and stride must be at least 1 pixel, got tile {self.tile}, stride {self.stride}"
            )
        if self.kind not in ("aligned", "covering"):
            raise InputError(f"grid must be 'aligned' or 'covering', got '{self.kind}'")
        if self.tile > min(self.height, self.width):
            raise InputError(
                f"a tile of {self.tile} pixels does not fit an image of {self.height}×{self.width}; "
                f"the largest that fits is {min(self.height, self.width)}"
            )

    @property
    def tops(self) -> tuple[int, ...]:
        """Top row of each tile row, in pixels."""
        return self._starts(self.height)

    @property
    def lefts(self) -> tuple[int, ...]:
        """Left column of each tile column, in pixels."""
        return self._starts(self.width)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return self._count(self.height), self._count(self.width)

    def __len__(self) -> int:
        rows, columns = self.shape
        return rows * columns

    def _count(self, length: int) -> int:
        """Count the starts without making them."""
        last = length - self.tile
        return last // self.stride + 1 + (self.kind == "covering" and last % self.stride > 0)

    def _starts(self, length: int) -> tuple[int, ...]:
        last = length - self.tile
        starts = list(range(0, last + 1, self.stride))
        if self.kind == "covering" and starts[-1] != last:
            starts.append(last)
        return tuple(starts)


def default_stride(tile: int) -> int:
    """Return the step of a tile grid if none is given, in pixels: a quarter of the tile.

    >>> default_stride(16), default_stride(3)
    (4, 1)
    """
    return max(1, tile // 4)


def cell_edges(starts: Sequence[int], tile: int) -> list[float]:
    """Return the borders of the cells of one side in pixels: halfway between the centres of neighbouring tiles.

    >>> cell_edges((0, 4, 6), tile=4)
    [0.0, 4.0, 7.0, 9.0]
    """
    centres = [start + tile / 2 for start in starts]
    between = [(one + other) / 2 for one, other in pairwise(centres)]
    steps = [other - one for one, other in pairwise(starts)] or [tile]
    return [centres[0] - min(steps[0], tile) / 2, *between, centres[-1] + min(steps[-1], tile) / 2]
