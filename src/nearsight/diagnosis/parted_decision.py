"""How the decision on pictures too large to be held changes with some parts of them, by the tiles that show these."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.box import Box
from nearsight.diagnosis.decision import BLOCK, Decision
from nearsight.diagnosis.parted import PartedPicture, PartedPictures
from nearsight.evidence.banded import blank_tiles
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.tiles import TileGrid

PartEdit = Callable[[PartedPicture], PartedPicture]


@dataclass(frozen=True)
class PartEdits:
    """What adds something to a picture that is read in parts, what removes it, and what adds something else."""

    put_on: PartEdit | None = None
    take_off: PartEdit | None = None
    beside: PartEdit | None = None


NO_PART_EDITS = PartEdits()


@dataclass(frozen=True, eq=False)
class PartedDecision:
    """A decision by the mean of tiles, whose scores of all images are known, and the images, read in parts.

    `scores` is float32 (n, classes), under `decision`, of the first n images; `counted` int64 (n,) is how many tiles
    each is the mean of, and `grids` are their grids. `extents` are, by place, the boxes of the tile that speaks most
    for an image's class and of those around it that speak for it nearly as much.
    """

    decision: Decision
    pictures: PartedPictures
    grids: Sequence[TileGrid]
    scores: NDArray[np.float32]
    counted: NDArray[np.int64]
    extents: Mapping[int, Box] = field(default_factory=dict)

    @property
    def additive(self) -> bool:
        """Whether the score of a changed image follows from its score and the tiles that changed."""
        return self.decision.protocol == MEAN_LOGIT

    def picture(self, index: int) -> PartedPicture:
        """Return an image as it is."""
        return PartedPicture(self.pictures, index)

    def predictions_of(self, places: Sequence[int], edit: PartEdit) -> NDArray[np.int64]:
        """Return the class that each edited image is predicted to be, int64 (n,).

        If the decision has several processes, each passes the tiles of its share of the images.
        """
        processes = self.decision.processes
        blocks = [places[start : start + BLOCK] for start in range(0, len(places), BLOCK)]

        def own() -> list[list[int]]:
            mine = processes.dealt(blocks)
            return [
                [int(self.scores_of(edit(self.picture(place))).argmax()) for place in block] for block in mine
            ]

        found = processes.each(own)
        count = len(found)
        rows = [found[number % count][number // count] for number in range(len(blocks))]
        return np.array([one for row in rows for one in row], dtype=np.int64)

    def scores_of(self, picture: PartedPicture) -> Tensor:
        """Return the scores of an image with its patches, float64 (classes,): of all its tiles, only changed ones are
        passed.

        They are those that the decision would have for the changed image, but for rounding.
        """
        index, bound = picture.index, self.decision.bound
        known, count = torch.from_numpy(self.scores[index]).double(), int(self.counted[index])
        grid = self.grids[index]
        corners = _touched(grid, picture)
        before, after = picture.tiles(corners, grid.tile)
        if not corners:
            return known
        logits = bound.logits([*before, *after]).double()
        weights = torch.ones(2, len(corners), dtype=torch.float64)
        # Without a skipped tile, none was skipped, even if all are blank.
        if bound.skip_blank is not None and count < len(grid):
            alone = TileGrid(grid.tile, grid.tile, grid.tile, stride=1)
            for row, tiles in enumerate((before, after)):
                blank = [blank_tiles(tile, alone, bound.skip_blank) for tile in tiles]
                weights[row] = (~torch.stack(blank)).flatten().double()
        was, now = (part.T @ weight for part, weight in zip(logits.chunk(2), weights, strict=True))
        left = count + float(weights[1].sum() - weights[0].sum())
        scores: Tensor = (known * count - was + now) / max(1.0, left)
        return scores


def _touched(grid: TileGrid, picture: PartedPicture) -> list[tuple[int, int]]:
    """Return the corners of the tiles that show any patch, in the order of the grid."""
    tops, lefts = np.array(grid.tops), np.array(grid.lefts)
    touched = np.zeros(grid.shape, dtype=np.bool_)
    for patch in picture.patches:
        rows = (tops < patch.bottom) & (tops + grid.tile > patch.top)
        columns = (lefts < patch.right) & (lefts + grid.tile > patch.left)
        touched |= np.outer(rows, columns)
    return [(int(tops[row]), int(lefts[column])) for row, column in zip(*np.nonzero(touched), strict=True)]
