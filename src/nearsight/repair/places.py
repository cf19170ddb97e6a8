"""Which tiles of an image show a shortcut: by a reason's own tiles, by a place, or off the object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.reasons.atlas import ClassReasons
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.diagnosis.relative import relative
from nearsight.evidence import TiledModel
from nearsight.repair.shortcut import TilesIn
from nearsight.tiles import TileGrid

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# As many principal axes as reasons are grouped on.
AXES = 8
# A tile is like a reason if it is no farther from its centre than this share of the reason's own tiles are.
OWN_WITHIN = 0.9

Box = tuple[float, float, float, float]


def tiles_at(boxes: Sequence[Box], has: NDArray[np.bool_]) -> TilesIn:
    """Return what finds the tiles that overlap one of some boxes, in the images that have something there.

    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.zeros(1, 3, 4, 6, dtype=torch.uint8)
    >>> images = ImageSet("toy", "train", ("a", "b"), np.array([0]), MemoryImages(pixels, ("a",)))
    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=2, stride=2)
    >>> tiles_at([(0.5, 0, 1, 0.2)], np.array([True]))(bound, images, 0).tolist()
    [[False, False, False], [True, False, False]]

    A box is top, left, bottom and right, as shares of the image's height and width, as `Candidate.place` has them;
    `has` is bool (n,), which images of the set have it.
    """

    def find(bound: TiledModel, images: ImageSet, i: int) -> NDArray[np.bool_]:
        grid = _grid(bound, images, i)
        found = np.zeros(grid.shape, dtype=np.bool_)
        if has[i]:
            for top, left, bottom, right in boxes:
                rows = _overlapping(grid.tops, grid.tile, top * grid.height, bottom * grid.height)
                columns = _overlapping(grid.lefts, grid.tile, left * grid.width, right * grid.width)
                found |= rows[:, None] & columns[None]
        return found

    return find


def tiles_off_object(bound: TiledModel, images: ImageSet, i: int) -> NDArray[np.bool_]:
    """Return which tiles of image i show nothing of its object; none where the object is not known."""
    grid, region = _grid(bound, images, i), images.region(i)
    if region is None:
        return np.zeros(grid.shape, dtype=np.bool_)
    found: NDArray[np.bool_] = (object_shares(region, grid) == 0).numpy()
    return found


def tiles_of_reason(
    bound: TiledModel, images: ImageSet, found: ClassReasons, reason: Reason, class_number: int
) -> TilesIn:
    """Return what finds the tiles that are like those of a reason, to the bound network itself.

    `images` are those that the reasons of the class, `found`, were made of, `reason` one of them. A tile is like it
    if it speaks for the class, its embedding is nearest to this reason's centre among those of the class, and it is
    no farther from it than `OWN_WITHIN` of the reason's own tiles are. Embeddings are divided by their length
    and brought onto the principal axes of the class's strongest tiles, as when reasons are made (`grouping.group`).
    """
    looks = [_embeddings(bound, images, one) for one in found.reasons]
    axes = _axes(np.concatenate(looks))
    placed = [axes.transform(each) for each in looks]
    centres = np.stack([each.mean(0) for each in placed])
    number = next(k for k, one in enumerate(found.reasons) if one is reason)
    distances = np.linalg.norm(placed[number] - centres[number], axis=1)
    like = _Like(axes, centres, number, float(np.quantile(distances, OWN_WITHIN)), class_number)
    return like.find


@dataclass(frozen=True, eq=False)
class _Like:
    """The tiles of a class that are like its reason `number`."""

    axes: "Pipeline"
    centres: NDArray[np.float64]
    number: int
    radius: float
    class_number: int

    def find(self, bound: TiledModel, images: ImageSet, i: int) -> NDArray[np.bool_]:
        picture = bound.resize(images.image(i))
        [evidence_map] = bound.maps([picture])
        grid = evidence_map.grid
        found = (relative(evidence_map.logits)[self.class_number] > 0).numpy()
        rows, columns = np.nonzero(found)
        if not len(rows):
            return found
        tiles = (
            _cut(picture, grid.tops[row], grid.lefts[column], grid.tile)
            for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        )
        placed = self.axes.transform(bound.embed(tiles).double().numpy())
        distances = np.linalg.norm(placed[:, None] - self.centres[None], axis=2)
        found[rows, columns] = (distances.argmin(1) == self.number) & (
            distances[:, self.number] <= self.radius
        )
        return found


def _axes(embeddings: NDArray[np.float64]) -> "Pipeline":
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    return make_pipeline(Normalizer(), PCA(min(AXES, *embeddings.shape), random_state=0)).fit(embeddings)


def _embeddings(bound: TiledModel, images: ImageSet, reason: Reason) -> NDArray[np.float64]:
    tile = bound.require_tile()
    cut = (
        _cut(bound.resize(images.image(i)), top, left, tile)
        for i, (top, left) in zip(reason.images, reason.corners, strict=True)
    )
    found: NDArray[np.float64] = bound.embed(cut).double().numpy()
    return found


def _cut(picture: Tensor, top: int, left: int, tile: int) -> Tensor:
    return picture[:, top : top + tile, left : left + tile]


def _grid(bound: TiledModel, images: ImageSet, i: int) -> TileGrid:
    height, width = images.sizes[i].tolist()
    return bound.grid_of(torch.empty(0, height, width, dtype=torch.uint8))


def _overlapping(starts: Sequence[int], tile: int, low: float, high: float) -> NDArray[np.bool_]:
    begins = np.array(starts)
    return (begins < high) & (begins + tile > low)
