"""How a model is evaluated: the tiles, the memory, and where and in what precision it runs."""

from dataclasses import dataclass, replace

import torch

from nearsight.errors import InputError
from nearsight.settings import GridKind
from nearsight.settings.pooled import BY_MEAN, Pooling
from nearsight.tiles import TileGrid, default_stride


@dataclass(frozen=True)
class TileSettings:
    """The settings of a `TiledModel`: which tiles are cut, and what bounds the work.

    >>> TileSettings(tile=16, memory=2**29).grid_of(16, 20).shape
    (1, 2)

    `tile` and `stride` are in pixels, `stride` is by default a quarter of the tile; without a `tile` there is no
    grid. `memory` is in bytes. `device` None is where a model's weights are, or else where its images are. Tiles
    whose values differ by at most `blank` of 255 are skipped; None skips none. `pooling` is how the tiles of an
    image make one prediction. Raises `InputError` for a tile or stride below 1 and for an unknown kind of grid.
    """

    tile: int | None
    memory: int
    stride: int | None = None
    kind: GridKind = "covering"
    device: torch.device | None = None
    dtype: torch.dtype = torch.float32
    blank: int | None = None
    pooling: Pooling = BY_MEAN

    def __post_init__(self) -> None:
        if self.tile is not None:
            self.grid_of(max(1, self.tile), max(1, self.tile))
        if self.blank is not None and not 0 <= self.blank <= 255:
            raise InputError(
                f"`skip_blank` is by how much values may differ, from 0 to 255; got {self.blank}"
            )

    @property
    def step(self) -> int | None:
        """The stride in pixels, chosen or by default; None without a tile."""
        if self.stride is not None or self.tile is None:
            return self.stride
        return default_stride(self.tile)

    def grid_of(self, height: int, width: int) -> TileGrid:
        """Return the tile grid of an image; raises `InputError` if there is no tile, or it does not fit."""
        tile, step = self.sides()
        return TileGrid(height, width, tile, step, self.kind)

    def sides(self) -> tuple[int, int]:
        """Return the tile and the stride in pixels; raises `InputError` if there is no tile."""
        if self.tile is None or self.step is None:
            raise InputError(
                "there is no tile to look at; give the side of the tiles in pixels, such as `tile=32`"
            )
        return self.tile, self.step

    def at(self, tile: int, stride: int | None, kind: GridKind | None = None) -> "TileSettings":
        """Return the settings with tiles of another size, on a grid of the same kind unless one is given."""
        return replace(self, tile=tile, stride=stride, kind=self.kind if kind is None else kind)
