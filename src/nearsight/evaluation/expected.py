"""How long the scores of many images will take, from a few of them that are scored beforehand."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol

import numpy as np
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation.chunks import Looked, as_looked_at
from nearsight.evidence import Cost, TiledModel
from nearsight.numbers import counted
from nearsight.progress import SAID_SECONDS, Progress, Stopwatch
from nearsight.tiles import TileGrid

# Fewer pixels in all, those of tiles counted tile by tile, are scored so soon that nothing is measured.
FEW_PIXELS = 5_000_000
# Images that are scored beforehand: so few, or as many small ones as have so many pixels.
TIMED, MOST_TIMED, TIMED_PIXELS = 3, 64, 200_000


class FullPass(Protocol):
    """What gives the scores of whole images."""

    def full_pass(self, images: Sequence[Tensor], /) -> Tensor:
        """Return the scores of some images, (N, classes)."""


def expected_cost(
    bound: TiledModel,
    count: int,
    read: Callable[[int], Looked],
    *,
    passes: Sequence[FullPass] = (),
    of_tiles: Callable[[Sequence[TileGrid]], Cost] | None = None,
    grids: Sequence[TileGrid] | None = None,
    workers: int = 0,
    least: int = FEW_PIXELS,
) -> Cost | None:
    """Return what the scores of `count` images cost on this machine: reading them, `passes` over each, its tiles.

    >>> import torch
    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8)
    >>> black = torch.zeros(3, 300, 300, dtype=torch.uint8)
    >>> cost = expected_cost(bound, 100, lambda _: black, of_tiles=bound.cost)
    >>> cost.tiles, cost.seconds > 0
    (2160900, True)

    `read` gives an image, as the model sees it, by its number. A few images, evenly spread, are read and
    passed whole. `of_tiles` says what the tiles of some grids cost, such as `bound.cost`. `grids` are those of all
    images; without them, those of the few stand for all. `workers` processes read. None if all images have fewer
    pixels than `least`, so that it is not worth measuring, or if the few are damaged or too small; what scores them
    reports that.
    """
    if not count or (of_tiles is None and not passes):
        return None
    looked, reading = _read(read, _spread(count, TIMED))
    if not looked:
        return None
    times = 1.0
    if of_tiles is None:
        grids = []
    elif grids is None:
        grids, times = [*_grids_that_fit(bound, looked)], count / len(looked)
    pixels = float(np.mean([np.prod(image.shape[-2:]) for image in looked]))
    if times * sum(len(grid) * grid.tile**2 for grid in grids) + len(passes) * count * pixels < least:
        return None
    more = _spread(count, int(np.clip(TIMED_PIXELS / pixels, TIMED, MOST_TIMED)))
    if len(more) > len(looked):
        looked, reading = _read(read, more)
    held = [image for image in looked if isinstance(image, Tensor)]
    whole = sum(_seconds_of_pass(one, held) for one in passes) / max(len(held), 1)
    found = of_tiles(grids) if of_tiles is not None and grids else Cost(0, None, 0.0)
    scoring, reading = found.seconds * times + whole * count, reading * count / len(looked)
    return Cost(
        tiles=round(found.tiles * times),
        flops=None if found.flops is None else round(found.flops * times),
        seconds=max(scoring, reading / workers) if workers else scoring + reading,
    )


def expected_of(
    bound: TiledModel,
    images: ImageSet,
    *,
    passes: Sequence[FullPass] = (),
    of_tiles: Callable[[Sequence[TileGrid]], Cost] | None = None,
    workers: int = 0,
    least: int = FEW_PIXELS,
) -> Cost | None:
    """Return what the scores of all images of a set cost; None where `expected_cost` does not know it.

    >>> from nearsight.data import load
    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8)
    >>> expected_of(bound, load("digits")["test"], of_tiles=bound.cost) is None
    True
    """
    grids: list[TileGrid] | None = None
    if of_tiles is not None:
        with suppress(InputError):
            grids = [*_grids(bound, images)]
    return expected_cost(
        bound,
        len(images),
        lambda place: as_looked_at(images.looked_at(place), bound.preprocessing),
        passes=passes,
        of_tiles=of_tiles,
        grids=grids,
        workers=0 if images.pixels is not None else workers,
        least=least,
    )


def say_cost(progress: Progress, doing: str, images: int, cost: Cost | None) -> None:
    """Say what is done to so many images and how long it will take, if that is more than ten seconds.

    >>> from nearsight.progress import SILENT
    >>> say_cost(SILENT, "evaluating", 71, Cost(6816, None, 49.0))
    """
    if cost is not None and cost.seconds > SAID_SECONDS:
        progress.say(f"{doing} {counted(images, 'image')}: {cost.sentence()}")


def _grids(bound: TiledModel, images: ImageSet) -> Iterator[TileGrid]:
    tile, stride = bound.sides()
    sizes, counts = np.unique(images.sizes, axis=0, return_counts=True)
    for (height, width), count in zip(sizes.tolist(), counts.tolist(), strict=True):
        if bound.preprocessing is not None:
            height, width = bound.preprocessing.resized(height, width)
        yield from [TileGrid(height, width, tile, stride, bound.grid)] * count


def _spread(count: int, most: int) -> list[int]:
    return sorted({round(place) for place in np.linspace(0, count - 1, min(count, most)).tolist()})


def _grids_that_fit(bound: TiledModel, looked: Sequence[Looked]) -> Iterator[TileGrid]:
    for image in looked:
        with suppress(InputError):
            yield bound.grid_of(image)


def _read(read: Callable[[int], Looked], places: Sequence[int]) -> tuple[list[Looked], float]:
    """Return the images that can be read, and the seconds that it took."""
    looked: list[Looked] = []
    watch = Stopwatch()
    for place in places:
        with suppress(InputError):
            looked.append(read(place))
    return looked, watch.seconds()


def _seconds_of_pass(whole: FullPass, images: Sequence[Tensor]) -> float:
    """Return how long a pass over some images takes, 0 if the model refuses it."""
    # At a size that it does not accept, a model may raise anything; whoever scores all images reports it.
    with suppress(Exception):
        # What is set up for the first is not met again.
        whole.full_pass(images[:1])
        watch = Stopwatch()
        whole.full_pass(images)
        return watch.seconds()
    return 0.0
