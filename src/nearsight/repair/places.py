"""Which tiles of an image show a shortcut: by a reason's own tiles, by a place, or off the object."""

from collections.abc import Iterator, Sequence
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
from nearsight.evaluation.tile_views import cut_alone
from nearsight.evidence import TiledModel
from nearsight.repair.shortcut import TilesIn
from nearsight.tiles import TileGrid

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

# As many principal axes as for grouping reasons.
AXES = 8
# A tile is like a reason if it is no farther from its centre than this share of the reason's own tiles.
OWN_WITHIN = 0.9
# Images whose tiles are computed at a time.
TOGETHER = 64

Box = tuple[float, float, float, float]


def tiles_at(boxes: Sequence[Box], has: NDArray[np.bool_]) -> TilesIn:
    """Return a function that finds the tiles that overlap one of some boxes, in the images that have the shortcut.

    >>> from nearsight.data import MemoryImages
    >>> pixels = torch.zeros(1, 3, 4, 6, dtype=torch.uint8)
    >>> images = ImageSet("toy", "train", ("a", "b"), np.array([0]), MemoryImages(pixels, ("a",)))
    >>> bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=2, stride=2)
    >>> [of.tolist() for of in tiles_at([(0.5, 0, 1, 0.2)], np.array([True]))(bound, images, [0])]
    [[[False, False, False], [True, False, False]]]

    A box is top, left, bottom and right, as shares of the image's height and width, as in `Candidate.place`;
    `has` is bool (n,): which images of the set have it.
    """

    def find(bound: TiledModel, images: ImageSet, some: Sequence[int]) -> Iterator[NDArray[np.bool_]]:
        for i in some:
            grid = _grid(bound, images, i)
            found = np.zeros(grid.shape, dtype=np.bool_)
            for top, left, bottom, right in boxes if has[i] else ():
                rows = _overlapping(grid.tops, grid.tile, top * grid.height, bottom * grid.height)
                columns = _overlapping(grid.lefts, grid.tile, left * grid.width, right * grid.width)
                found |= rows[:, None] & columns[None]
            yield found

    return find


def tiles_off_object(bound: TiledModel, images: ImageSet, some: Sequence[int]) -> Iterator[NDArray[np.bool_]]:
    """Yield which tiles of some images show nothing of their object; none if the object is not known."""
    for i in some:
        grid, region = _grid(bound, images, i), images.region(i)
        if region is None:
            yield np.zeros(grid.shape, dtype=np.bool_)
        else:
            yield (object_shares(region, grid) == 0).numpy()


def tiles_of_reason(
    bound: TiledModel, images: ImageSet, found: ClassReasons, reason: Reason, class_number: int
) -> TilesIn:
    """Return a function that finds the tiles that are like those of a reason, according to the bound network.

    `images` are those from which the reasons of the class, `found`, were made, and `reason` is one of these. A
    tile is like it if it speaks for the class, its embedding is nearest to this reason's centre among those of
    the class, and it is no farther from it than `OWN_WITHIN` of the reason's own tiles. Embeddings are divided by
    their length and projected onto the principal axes of the class's strongest tiles, as when reasons are made
    (`grouping.group`).
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

    def find(self, bound: TiledModel, images: ImageSet, some: Sequence[int]) -> Iterator[NDArray[np.bool_]]:
        for first in range(0, len(some), TOGETHER):
            pictures = [bound.resize(images.image(i)) for i in some[first : first + TOGETHER]]
            maps = list(bound.maps(pictures))
            spoken = [(relative(one.logits)[self.class_number] > 0).numpy() for one in maps]
            tiles = [
                cut_alone(picture, one.grid.tops[row], one.grid.lefts[column], one.grid.tile)
                for picture, one, found in zip(pictures, maps, spoken, strict=True)
                for row, column in np.argwhere(found).tolist()
            ]
            like = self._like(bound.embed(tiles)) if tiles else np.zeros(0, dtype=np.bool_)
            for found in spoken:
                own, like = like[: found.sum()], like[found.sum() :]
                found[found] = own
                yield found

    def _like(self, embeddings: Tensor) -> NDArray[np.bool_]:
        placed = self.axes.transform(embeddings.double().numpy())
        distances = np.linalg.norm(placed[:, None] - self.centres[None], axis=2)
        nearest, near = distances.argmin(1) == self.number, distances[:, self.number] <= self.radius
        like: NDArray[np.bool_] = nearest & near
        return like


def _axes(embeddings: NDArray[np.float64]) -> "Pipeline":
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import Normalizer

    return make_pipeline(Normalizer(), PCA(min(AXES, *embeddings.shape), random_state=0)).fit(embeddings)


def _embeddings(bound: TiledModel, images: ImageSet, reason: Reason) -> NDArray[np.float64]:
    tile = bound.require_tile()
    cut = (
        cut_alone(bound.resize(images.image(i)), top, left, tile)
        for i, (top, left) in zip(reason.images, reason.corners, strict=True)
    )
    found: NDArray[np.float64] = bound.embed(cut).double().numpy()
    return found


def _grid(bound: TiledModel, images: ImageSet, i: int) -> TileGrid:
    height, width = images.sizes[i].tolist()
    return bound.grid_of(torch.empty(0, height, width, dtype=torch.uint8))


def _overlapping(starts: Sequence[int], tile: int, low: float, high: float) -> NDArray[np.bool_]:
    begins = np.array(starts)
    return (begins < high) & (begins + tile > low)
