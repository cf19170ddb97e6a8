"""Smaller tiles in the first part of a run: the schedule as text, and the size of the tiles at each step."""

import re
from dataclasses import dataclass
from itertools import pairwise

from nearsight.errors import InputError

Size = tuple[int, int]
_STAGE = re.compile(r"(\d{1,9})@(\d{0,3}\.?\d{1,20})")


@dataclass(frozen=True)
class Stage:
    """Tiles of one side, in pixels, until a share of the run's steps, in 0..1."""

    tile: int
    until: float


def parse_schedule(text: str | None) -> tuple[Stage, ...]:
    """Read a recipe's `tile_schedule`; None has no stages.

    >>> parse_schedule("16@0.5,24@0.8")
    (Stage(tile=16, until=0.5), Stage(tile=24, until=0.8))

    Raises `InputError` for text of another form, tiles without pixels, and shares that do not increase between 0
    and 1.
    """
    stages: list[Stage] = []
    for part in [] if text is None else text.split(","):
        match = _STAGE.fullmatch(part.strip())
        if match is None or not int(match[1]):
            raise InputError(
                f"tile_schedule takes TILE@SHARE separated by commas, such as 16@0.5,24@0.8; got '{text}'"
            )
        stages.append(Stage(int(match[1]), float(match[2])))
    shares = [0.0, *(stage.until for stage in stages), 1.0]
    if any(after <= before for before, after in pairwise(shares)):
        raise InputError(f"the shares of tile_schedule must rise from above 0 to below 1, got '{text}'")
    return tuple(stages)


@dataclass(frozen=True)
class TileSizes:
    """Height and width of the tiles at each step: those of the stages, each until its step, then the run's own.

    >>> sizes = TileSizes((32, 32), ((5, (16, 16)),))
    >>> sizes.at(4), sizes.at(5)
    ((16, 16), (32, 32))
    """

    last: Size
    stages: tuple[tuple[int, Size], ...] = ()

    def at(self, step: int) -> Size:
        """Return the height and width of the tiles of one step, counted from 0."""
        return next((size for until, size in self.stages if step < until), self.last)

    def spans(self, steps: int) -> list[tuple[int, Size]]:
        """Return how many of the run's steps each size has, in order.

        >>> TileSizes((32, 32), ((5, (16, 16)),)).spans(8)
        [(5, (16, 16)), (3, (32, 32))]
        """
        ends = [min(until, steps) for until, _ in self.stages] + [steps]
        sizes = [size for _, size in self.stages] + [self.last]
        starts = [0, *ends]
        return [
            (end - start, size) for start, end, size in zip(starts, ends, sizes, strict=False) if end > start
        ]


def tile_sizes(schedule: str | None, size: Size, steps: int) -> TileSizes:
    """Return the sizes of a run's tiles: its schedule's, then `size`, the height and width it ends on.

    >>> tile_sizes("16@0.5", (32, 32), steps=10).spans(10)
    [(5, (16, 16)), (5, (32, 32))]

    Raises `InputError` if a stage's tile is not smaller than the later ones.
    """
    stages = parse_schedule(schedule)
    sides = [*(stage.tile for stage in stages), min(size)]
    if any(after <= before for before, after in pairwise(sides)):
        raise InputError(
            f"the tiles of tile_schedule must grow and stay below the {min(size)} pixels that the run ends on, "
            f"got '{schedule}'"
        )
    # Rounded down, so that at least the last step has the run's own size.
    return TileSizes(size, tuple((int(stage.until * steps), (stage.tile, stage.tile)) for stage in stages))
