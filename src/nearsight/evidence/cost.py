"""What the evidence of some images will cost, measured on a few tiles before the run."""

from collections.abc import Sequence
from dataclasses import dataclass

from nearsight.arguments import check
from nearsight.errors import InputError
from nearsight.evidence.operations import FlopCount
from nearsight.evidence.ready import ReadyModel
from nearsight.numbers import counted
from nearsight.progress import Stopwatch, duration
from nearsight.statistics.writing import scaled
from nearsight.tiles import TileGrid

# Enough tiles for a batch to run at its usual speed, few enough to be done at once.
TIMED_TILES = 32


@dataclass(frozen=True)
class Cost:
    """How many tiles there are, and what their evidence costs.

    `flops` counts a multiplication and an addition as two; None for a model that is not PyTorch. `seconds` is
    elapsed time on this machine, estimated from one batch of tiles.
    """

    tiles: int
    flops: int | None
    seconds: float

    def sentence(self) -> str:
        """Say it in one line.

        >>> Cost(tiles=1089, flops=76_200_000_000, seconds=2.3).sentence()
        '1,089 tiles, 76.2 GFLOP, about 0:03'
        """
        told = [] if not self.tiles else [counted(self.tiles, "tile")]
        told += [] if self.flops is None else [scaled(self.flops, "FLOP")]
        return ", ".join([*told, f"about {duration(max(1, round(self.seconds + 0.5)))}"])


def measured_cost(ready: ReadyModel, grids: Sequence[TileGrid], channels: int = 3) -> Cost:
    """Return what the evidence of images on their `grids` costs, from a batch of tiles of the first grid's size.

    >>> from nearsight.evidence.tile_settings import TileSettings
    >>> grid = TileGrid(8, 8, tile=4, stride=2)
    >>> measured_cost(ReadyModel(lambda tiles: tiles.mean((2, 3)), TileSettings(4, 2**20)), [grid]).tiles
    9

    If passes over whole images will make the maps, their operations count, at the speed of the batch.
    """
    for number, grid in enumerate(grids):
        check(f"grids[{number}]", grid, TileGrid)
    if not grids:
        raise InputError("`grids` takes the grid of each image, got none")
    total = sum(map(len, grids))
    tile = grids[0].tile
    batch = ready.example((min(total, TIMED_TILES), channels, tile, tile))
    ready.logits(batch)
    watch = Stopwatch()
    # On the CPU, the logits exist only when the device has finished.
    ready.logits(batch).cpu()
    seconds = watch.seconds() / len(batch) * total
    if not ready.seen:
        return Cost(total, None, seconds)
    with FlopCount() as count:
        ready.logits(batch[:1])
    one_by_one = total * count.flops
    flops = one_by_one
    dense = ready.dense(tile, channels)
    # As in the engine, the first image decides for all.
    if dense is not None and dense.pays(grids[0]):
        flops = round(sum(map(dense.flops, grids)))
    return Cost(total, flops, seconds * flops / one_by_one if one_by_one else seconds)
