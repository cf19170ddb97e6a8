"""Maps from passes over whole images, for networks that, as probing shows, see each tile alone there too."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import lcm
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from nearsight.evidence.forward_pass import Model, forward, run_model
from nearsight.evidence.memory import KERNEL_SHARE, peak_bytes
from nearsight.evidence.operations import FlopCount
from nearsight.models.outputs import output_tensors
from nearsight.tiles import TileGrid, cut_tiles

CHECKED_TILES = 8
# How much wider than a tile the strips of the probes are. The first shows most padding, and strides of 1 and 2,
# as at least `SURE_STEPS` steps. The second, a multiple of the strides that networks have, shows longer strides.
NEAR = 16
STRIP = 96
SURE_STEPS = 8
# What the order of sums may change in float32, as a share of the logits and of their spread.
SHARE_OF_SIZE = 6e-6
SHARE_OF_SPREAD = 1e-5

_aten = torch.ops.aten

Prepare = Callable[[Tensor], Tensor]


def _unchanged(images: Tensor) -> Tensor:
    return images


@dataclass(frozen=True)
class Work:
    """Floating-point operations of a pass: over one tile, and what each step of the stride adds to them.

    >>> Work(tile=100.0, side=10.0, both=1.0).of(0, 3)
    130.0

    `side` is added by a step along one side, and `both` by each pair of steps along the two.
    """

    tile: float
    side: float
    both: float

    def of(self, down: int, right: int) -> float:
        """Return the operations of a pass over an image that is this many steps larger than a tile."""
        return self.tile + self.side * (down + right) + self.both * down * right


@dataclass(frozen=True)
class DensePass:
    """A model that can process whole images, and what probing found about it.

    `stride` is the network's, in pixels. `window` is how many rows and columns of its final grid a tile has: 1 if
    the tile is the receptive field. A pass takes about `footprint` bytes per pixel, and covers at most `area`
    pixels at a time.
    """

    model: Model
    tile: int
    stride: int
    window: int
    work: Work
    footprint: float
    area: int = sys.maxsize

    def within(self, room: int) -> "DensePass":
        """Return the same with as many pixels at a time as fit into this many bytes."""
        return replace(self, area=int(room / self.footprint))

    def pays(self, grid: TileGrid) -> bool:
        """Say whether passes over an image take no more operations than its tiles one by one, and fit."""
        return self.area >= CHECKED_TILES * self.tile**2 and self.flops(grid) <= len(grid) * self.work.tile

    def flops(self, grid: TileGrid) -> float:
        """Return the floating-point operations of the passes over an image."""
        down, right = (
            [(run.count - 1) * run.step // self.stride for run in _runs(starts, grid.stride, self.stride)]
            for starts in (grid.tops, grid.lefts)
        )
        return sum(self.work.of(rows, columns) for rows in down for columns in right)

    def together(self, grid: TileGrid) -> int:
        """Return how many images of a grid's size fit in memory at once, at least 1."""
        return max(1, self.area // (grid.height * grid.width))

    def logits(self, images: Tensor, grid: TileGrid, prepare: Prepare = _unchanged) -> Tensor:
        """Return the logits of every tile of images of one size, (N, classes, rows, columns), on the CPU.

        `images` is (N, C, H, W), of the grid's size, and `prepare` turns a part into the model's input form.
        Tiles at the same offset relative to the network's stride come from one pass over the images cropped at
        that offset ("shift and stitch": Long, Shelhamer and Darrell, arXiv 1411.4038), in parts of at most `area`
        pixels.
        """
        values = None
        for all_rows in _runs(grid.tops, grid.stride, self.stride):
            for all_columns in _runs(grid.lefts, grid.stride, self.stride):
                for rows, columns in self._parts(all_rows, all_columns):
                    part = self._windows(images, rows, columns, prepare)
                    if values is None:
                        values = part.new_empty((len(images), part.shape[1], *grid.shape))
                    values[:, :, rows.places, columns.places] = part
        assert values is not None
        return values

    def agrees(self, images: Tensor, grid: TileGrid, logits: Tensor, prepare: Prepare = _unchanged) -> bool:
        """Compare a few tiles of the first image, corners among them, with the model applied to each alone."""
        rows, columns = grid.shape
        generator = torch.Generator().manual_seed(0)
        corners = torch.tensor([0, columns - 1, (rows - 1) * columns, rows * columns - 1])
        inner = torch.randint(len(grid), (CHECKED_TILES - len(corners),), generator=generator)
        chosen = torch.cat((corners, inner))
        tops, lefts = torch.tensor(grid.tops)[chosen // columns], torch.tensor(grid.lefts)[chosen % columns]
        image, tops, lefts = (index.to(images.device) for index in (torch.zeros_like(chosen), tops, lefts))
        tiles = prepare(cut_tiles(images, image, tops, lefts, self.tile))
        alone = forward(self.model, _channels_last(tiles)).cpu()
        return same(logits[0].flatten(1)[:, chosen].T, alone)

    def _windows(self, images: Tensor, rows: "_Run", columns: "_Run", prepare: Prepare) -> Tensor:
        cut = images[..., rows.pixels(self.tile), columns.pixels(self.tile)]
        together = max(1, self.area // (cut.shape[2] * cut.shape[3]))
        steps = (rows.step // self.stride, columns.step // self.stride)
        parts = torch.split(cut, together)
        return torch.cat(
            [_windowed(self.model, prepare(part), self.window, steps, counted=False).logits for part in parts]
        )

    def _parts(self, rows: "_Run", columns: "_Run") -> Iterator[tuple["_Run", "_Run"]]:
        for narrow in columns.parts(self.area // self.tile, self.tile):
            for low in rows.parts(self.area // narrow.length(self.tile), self.tile):
                yield low, narrow


def find_dense_pass(model: Model, example: Tensor, tile: int) -> DensePass | None:
    """Probe whether passes over whole images give a model's logits of every tile; None if they do not.

    >>> network = torch.nn.Sequential(torch.nn.Conv2d(3, 2, 4, stride=2), torch.nn.AdaptiveAvgPool2d(1))
    >>> class Flat(torch.nn.Sequential):
    ...     def forward(self, images):
    ...         return super().forward(images).flatten(1)
    >>> found = find_dense_pass(Flat(*network).eval(), torch.zeros(3, 6, 6), tile=6)
    >>> found.stride, found.window
    (2, 2)

    Consider a network whose only reduction over all rows and columns is one mean. If that is replaced by the mean
    of each tile's window of the final grid, the network gives the logits of all tiles; these are the logits of
    the tiles alone if no layer pads and none looks further. No layer is named: PyTorch's operations are watched
    as they run. The result for noise images larger than a tile is compared with the model on tiles of them, and
    is accepted only if rounding explains every difference. Padding, attention and normalisation over space fail
    this test.

    `example` is one tile (C, tile, tile), for its channels, type and device.
    """
    try:
        return _probed(model, example, tile)
    except Exception:
        # A model may raise anything at a size that it does not accept, or at rows that it does not expect.
        return None


def _probed(model: Model, example: Tensor, tile: int) -> DensePass | None:
    generator = torch.Generator().manual_seed(0)

    def noise(height: int, width: int) -> Tensor:
        images = torch.randn((1, len(example), height, width), generator=generator)
        return images.to(example.device, example.dtype)

    wide = noise(tile, tile + STRIP)
    one = _windowed(model, wide[..., :tile], None)
    window = one.grid[0]
    if one.grid != (window, window):
        return None
    for further in (NEAR, STRIP):
        strip, peak = _measured(model, wide[..., : tile + further], window)
        # Most networks pad, and the nearer strip shows this at little cost.
        if not same(strip.logits[:, :, 0, 0], one.logits[:, :, 0, 0]):
            return None
        growth = strip.grid[1] - window
        if growth >= SURE_STEPS and further % growth == 0:
            break
    stride = round(further / growth)
    # Without padding, the grids of the layers shrink, by about half a tile on the way. The few columns beyond the
    # tile would not show this for larger images.
    footprint = KERNEL_SHARE * peak / (tile * (tile // 2 + further))
    images = noise(tile + stride, tile + 2 * stride)
    larger = _windowed(model, images, window)
    # Two opposite corners show what rows and columns do; the real image's own tiles are compared later.
    tiles = torch.cat((images[..., :tile, -tile:], images[..., -tile:, :tile]))
    alone = forward(model, _channels_last(tiles)).cpu()
    if not same(torch.stack((larger.logits[0, :, 0, -1], larger.logits[0, :, -1, 0])), alone):
        return None
    side = (strip.flops - one.flops) / growth
    work = Work(one.flops, side, both=(larger.flops - one.flops - 3 * side) / 2)
    return DensePass(model, tile, stride, window, work, footprint)


@dataclass(frozen=True)
class _Run:
    """Tiles at equal distances along one side, and their places in the rows or columns of a grid."""

    start: int
    step: int
    count: int
    place: int
    apart: int

    @property
    def places(self) -> slice:
        return slice(self.place, self.place + (self.count - 1) * self.apart + 1, self.apart)

    def length(self, tile: int) -> int:
        return (self.count - 1) * self.step + tile

    def pixels(self, tile: int) -> slice:
        return slice(self.start, self.start + self.length(tile))

    def parts(self, pixels: int, tile: int) -> Iterator["_Run"]:
        """Divide the run into runs of at most this many pixels, at least one tile."""
        most = max(1, (pixels - tile) // self.step + 1)
        for first in range(0, self.count, most):
            yield _Run(
                self.start + first * self.step,
                self.step,
                min(most, self.count - first),
                self.place + first * self.apart,
                self.apart,
            )


def _runs(starts: tuple[int, ...], stride: int, network_stride: int) -> list[_Run]:
    """Sort the tiles along one side by their offset relative to the network's stride."""
    step = lcm(stride, network_stride)
    apart = step // stride
    # A covering grid's last tile may not be on the stride.
    even = len(starts) - (starts[-1] % stride != 0)
    runs = [_Run(starts[i], step, -(-(even - i) // apart), i, apart) for i in range(min(apart, even))]
    return runs + [_Run(starts[i], step, 1, i, 1) for i in range(even, len(starts))]


@dataclass(frozen=True)
class _Windowed:
    """Logits (N, classes, rows, columns) on the CPU, the rows and columns of the final grid, and the cost."""

    logits: Tensor
    grid: tuple[int, int]
    flops: int


def _measured(model: Model, images: Tensor, window: int) -> tuple[_Windowed, int]:
    """Return the output of a pass over images, and the peak of its bytes."""
    passed: list[_Windowed] = []
    peak = peak_bytes(lambda: passed.append(_windowed(model, images, window)))
    return passed[0], peak


def _windowed(
    model: Model, images: Tensor, window: int | None, steps: tuple[int, int] = (1, 1), *, counted: bool = True
) -> _Windowed:
    # A copy, because some models work in place, and the images are needed again.
    own = images.clone(memory_format=torch.channels_last)
    with _WindowMeans(window, steps, counted) as means:
        [logits] = output_tensors(run_model(model, own)).values()
    if means.calls != 1:
        raise ValueError(f"the model takes {means.calls} means over rows and columns; one can be replaced")
    rows, columns = means.windows
    kept = torch.float64 if logits.dtype == torch.float64 else torch.float32
    logits = logits.to("cpu", kept).reshape(len(images), rows, columns, -1).permute(0, 3, 1, 2)
    return _Windowed(logits, means.grid, means.flops)


class _WindowMeans(FlopCount):
    """Replaces a model's mean over a feature map by the means of windows of it, as if each were an image.

    `window` None uses the whole map. `flops` are the floating-point operations meanwhile, if `counted`. The rows
    of all later values are then image, window row, window column.
    """

    def __init__(self, window: int | None, steps: tuple[int, int], counted: bool) -> None:
        super().__init__()
        self._window, self._steps, self._counts = window, steps, counted
        self.calls = 0
        self.grid = self.windows = (0, 0)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        kept = _mean_over_space(func, args, kwargs)
        if kept is None:
            return self.counted(func, args, kwargs) if self._counts else func(*args, **kwargs)
        features: Tensor = args[0]
        self.calls += 1
        self.grid = (features.shape[2], features.shape[3])
        size = self.grid if self._window is None else (self._window, self._window)
        # A window of one place is its own mean, and needs no copy of the features.
        down, right = self._steps
        single = features[..., ::down, ::right]
        means = single if size == (1, 1) else F.avg_pool2d(features, size, stride=self._steps)
        self.windows = (means.shape[2], means.shape[3])
        rows = means.permute(0, 2, 3, 1).flatten(0, 2)
        return rows[..., None, None] if kept else rows


def _mean_over_space(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool | None:
    """Say whether an operation that is a mean over all rows and columns keeps these two axes; otherwise None."""
    if not args or not isinstance(args[0], Tensor) or args[0].ndim != 4 or kwargs.keys() - {"keepdim"}:
        return None
    if func is _aten.mean.dim:
        over = {axis % 4 for axis in args[1] or ()}
        keepdim = args[2] if len(args) > 2 else kwargs.get("keepdim", False)
        return bool(keepdim) if over == {2, 3} else None
    if func in (_aten.adaptive_avg_pool2d.default, _aten._adaptive_avg_pool2d.default):
        return True if list(args[1]) == [1, 1] else None
    if func is _aten.avg_pool2d.default:
        # BagNets use the height for both sides, so the kernel spans all columns of square maps only.
        return True if args[1][0] == args[0].shape[2] and not any(args[3:]) else None
    return None


def same(one: Tensor, other: Tensor) -> bool:
    """Whether rounding explains the differences between logits (tiles, classes); never if one is not finite."""
    spread = (other - other.mean(0)).abs().max()
    allowed = SHARE_OF_SIZE * other.abs().max() + SHARE_OF_SPREAD * spread
    return one.shape == other.shape and bool(((one - other).abs() <= allowed).all())


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
