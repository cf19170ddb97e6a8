"""What the evidence of some images will cost, measured on a few tiles before the run."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from nearsight.evidence.dense import find_dense_pass
from nearsight.evidence.forward_pass import Model, device_of, forward
from nearsight.evidence.memory import DEFAULT_MEMORY
from nearsight.evidence.operations import FlopCount
from nearsight.tiles import TileGrid

# Enough tiles for a batch to run at its usual speed, few enough to be done at once.
TIMED_TILES = 32


@dataclass(frozen=True)
class Estimate:
    """How many tiles there are, and what their evidence costs.

    `flops` counts a multiplication and an addition as two; None for a model that is not PyTorch. `seconds` is
    by this machine's clock, from one batch of tiles.
    """

    tiles: int
    flops: int | None
    seconds: float

    def sentence(self) -> str:
        """Say it in one line.

        >>> Estimate(tiles=1089, flops=76_200_000_000, seconds=2.3).sentence()
        '1,089 tiles, 76.2 GFLOP, about 3 s'
        """
        flops = "" if self.flops is None else f" {self.flops / 1e9:,.3g} GFLOP,"
        return f"{self.tiles:,} tiles,{flops} about {max(1, round(self.seconds + 0.5)):,} s"


def estimate(
    model: Model, image: Tensor, grids: Sequence[TileGrid], *, memory: int = DEFAULT_MEMORY
) -> Estimate:
    """Return what the evidence of images on their `grids` costs, by a batch of tiles of the first image.

    >>> import torch
    >>> grid = TileGrid(8, 8, tile=4, stride=2)
    >>> estimate(lambda tiles: tiles.mean((2, 3)), torch.zeros(3, 8, 8), [grid]).tiles
    9

    `image` is float (3, height, width), normalised, and of the first grid. Where passes over whole images
    will make the maps, their operations count, at the speed of the batch. Raises what `forward` raises.
    """
    total = sum(map(len, grids))
    tile = grids[0].tile
    example = image[:, :tile, :tile].to(device_of(model))
    batch = example.expand(min(total, TIMED_TILES), *example.shape).contiguous()
    forward(model, batch)
    started = time.perf_counter()
    # On the CPU the logits exist only when a device has finished.
    forward(model, batch).cpu()
    seconds = (time.perf_counter() - started) / len(batch) * total
    if not isinstance(model, nn.Module):
        return Estimate(total, None, seconds)
    with FlopCount() as count:
        forward(model, example[None])
    one_by_one = total * count.flops
    flops = one_by_one
    dense = find_dense_pass(model, example, tile, memory)
    # As in the engine, the first image decides for all.
    if dense is not None and dense.pays(grids[0]):
        flops = round(sum(map(dense.flops, grids)))
    return Estimate(total, flops, seconds * flops / one_by_one if one_by_one else seconds)
