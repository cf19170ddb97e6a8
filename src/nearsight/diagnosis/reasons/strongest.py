"""What the atlas keeps of each image during the pass: its strongest tile for each class, and a few at random."""

from dataclasses import dataclass

import torch
from torch import Tensor

from nearsight.diagnosis.relative import relative
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid

SAMPLED_TILES = 4


@dataclass(frozen=True, eq=False)
class ImageTiles:
    """Tiles of one image, by their numbers in row-major order, and their relative evidence.

    `index` int32 and `evidence` float32, both (classes,): the tile with the most relative evidence for each
    class. `sample` int32 and `sample_evidence` float32, both (sampled,): tiles drawn at random, each with equal
    probability, and their relative evidence for the image's own class. `elsewhere` is the mean relative evidence
    for the own class of the tiles that share no pixel with its strongest tile; of all tiles if there are none.
    """

    index: Tensor
    evidence: Tensor
    sample: Tensor
    sample_evidence: Tensor
    elsewhere: float


def strongest_tiles(
    evidence_map: EvidenceMap, label: int, generator: torch.Generator, *, sampled: int = SAMPLED_TILES
) -> ImageTiles:
    """Return an image's strongest tile for each class, and `sampled` tiles drawn with replacement.

    >>> logits = torch.tensor([[[3.0, 1.0]], [[0.0, 2.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(4, 6, tile=4, stride=2), ("cat", "dog"))
    >>> strongest = strongest_tiles(tiles, 0, torch.Generator().manual_seed(0))
    >>> strongest.index.tolist(), strongest.evidence.tolist(), len(strongest.sample), strongest.elsewhere
    ([0, 1], [1.5, 0.5], 4, 0.5)

    Evidence is relative: a tile's logit minus the mean of its logits over all classes. If tiles are equal, the
    first is used. Tiles that were skipped are neither.
    """
    flat = relative(evidence_map.logits).flatten(1).float()
    looked_at = (~evidence_map.skipped).flatten().nonzero()[:, 0]
    index = flat.nan_to_num(-torch.inf).argmax(1)
    sample = looked_at[torch.randint(len(looked_at), (sampled,), generator=generator)]
    return ImageTiles(
        index.to(torch.int32),
        flat.gather(1, index[:, None])[:, 0],
        sample.to(torch.int32),
        flat[label, sample],
        _elsewhere(flat[label], int(index[label]), evidence_map.grid),
    )


def _elsewhere(evidence: Tensor, strongest: int, grid: TileGrid) -> float:
    row, column = divmod(strongest, grid.shape[1])
    tops, lefts = torch.tensor(grid.tops), torch.tensor(grid.lefts)
    below = (tops - tops[row]).abs() >= grid.tile
    beside = (lefts - lefts[column]).abs() >= grid.tile
    apart = evidence[(below[:, None] | beside).flatten()].nanmean()
    return float(evidence.nanmean() if apart.isnan() else apart)
