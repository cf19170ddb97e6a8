"""Cutting chosen tiles out of their images again: their pixels, embeddings and logits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.errors.image_errors import KEPT_CLASSES
from nearsight.diagnosis.parted import PartedPictures
from nearsight.diagnosis.reasons.reason import AtlasTile
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid


@dataclass(frozen=True, eq=False)
class ChosenTiles:
    """Tiles of several images, each given by its image's place in the set and its number in the image's grid.

    >>> tiles = ChosenTiles(np.array([7, 9]), np.array([0, 3]), np.array([2.0, -1.0], dtype=np.float32))
    >>> len(tiles), tiles.select(tiles.evidence > 0).images.tolist()
    (2, [7])

    `images` and `numbers` are int64, `evidence` (relative, for the class for which the tiles are chosen) is
    float32, all (n,).
    """

    images: NDArray[np.int64]
    numbers: NDArray[np.int64]
    evidence: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    def select(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> "ChosenTiles":
        """Return some of the tiles, by a mask or by their places here."""
        return ChosenTiles(self.images[which], self.numbers[which], self.evidence[which])

    def strongest(self, count: int) -> "ChosenTiles":
        """Return the `count` tiles with the most evidence, strongest first."""
        return self.select(np.argsort(-self.evidence, kind="stable")[:count])


@dataclass(frozen=True, eq=False)
class TileSource:
    """Images with their grids, and the model that takes their tiles.

    `parted` reads the images if some are too large to be held.
    """

    bound: TiledModel
    images: ImageSet
    grids: Sequence[TileGrid]
    parted: PartedPictures | None = None

    def corners(self, chosen: ChosenTiles) -> list[tuple[int, int]]:
        """Return the top and left of each tile, in pixels."""
        found = []
        for image, number in zip(chosen.images.tolist(), chosen.numbers.tolist(), strict=True):
            grid = self.grids[image]
            row, column = divmod(number, grid.shape[1])
            found.append((grid.tops[row], grid.lefts[column]))
        return found

    def pixels(self, chosen: ChosenTiles) -> Iterator[Tensor]:
        """Cut the tiles, uint8 (3, tile, tile), in order; an image is decoded once for its consecutive tiles."""
        if self.parted is not None:
            yield from self._parts(chosen, self.parted)
            return
        last, picture = -1, torch.empty(0)
        for image, (top, left) in zip(chosen.images.tolist(), self.corners(chosen), strict=True):
            if image != last:
                last, picture = image, self.bound.resize(self.images.image(image))
            tile = self.grids[image].tile
            yield picture[:, top : top + tile, left : left + tile]

    def _parts(self, chosen: ChosenTiles, parted: PartedPictures) -> Iterator[Tensor]:
        placed = zip(chosen.images.tolist(), self.corners(chosen), strict=True)
        for image, some in groupby(placed, key=itemgetter(0)):
            tile = self.grids[image].tile
            yield from parted.parts(image, [corner for _, corner in some], (tile, tile))

    def embeddings(self, parts: Sequence[ChosenTiles]) -> list[NDArray[np.float32]]:
        """Return the model's embedding of each tile of each part, (n, features), in the same batches."""
        found = self.bound.embed(chain.from_iterable(map(self.pixels, parts))).float().numpy()
        return np.split(found, np.cumsum([len(part) for part in parts])[:-1])

    def shown(self, parts: Sequence[tuple[ChosenTiles, int]]) -> Iterator[tuple[AtlasTile, ...]]:
        """Yield the tiles of each part as they are shown for its class, with their largest logits and the class's."""
        found = self.bound.logits(chain.from_iterable(self.pixels(chosen) for chosen, _ in parts)).float()
        start = 0
        for chosen, class_number in parts:
            yield self._shown(chosen, class_number, found[start : start + len(chosen)])
            start += len(chosen)

    def _shown(self, chosen: ChosenTiles, class_number: int, logits: Tensor) -> tuple[AtlasTile, ...]:
        kept = [kept_classes(row, class_number) for row in logits]
        return tuple(
            AtlasTile(
                index=image,
                path=self.images.path(image),
                label=int(self.images.labels[image]),
                top=top,
                left=left,
                evidence=evidence,
                kept=classes,
                logits=tuple(row[list(classes)].tolist()),
            )
            for image, (top, left), evidence, classes, row in zip(
                chosen.images.tolist(),
                self.corners(chosen),
                chosen.evidence.tolist(),
                kept,
                logits,
                strict=True,
            )
        )


def kept_classes(logits: Tensor, class_number: int, most: int = KEPT_CLASSES) -> tuple[int, ...]:
    """Return the classes with the `most` largest of a tile's logits, and one more, in the order of the classes.

    >>> kept_classes(torch.tensor([3.0, 1.0, 2.0, 0.0]), 1, most=2)
    (0, 1, 2)
    """
    largest = logits.argsort(descending=True, stable=True)[:most].tolist()
    return tuple(sorted({*largest, class_number}))
