"""Misclassified images: what each cost, which tiles decided it, and which classes are mistaken for which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.errors.flip import (
    ADDITIVE_PROTOCOLS,
    Flip,
    additive_values,
    flip_to,
    smallest_flip,
)
from nearsight.diagnosis.errors.hidden import covered_share
from nearsight.diagnosis.errors.strongest import strongest_flip
from nearsight.evaluation import predict
from nearsight.evidence import EvidenceMap, TileEvidence
from nearsight.evidence.kinds import Kind
from nearsight.settings.protocols import LOGIT_PROTOCOLS
from nearsight.statistics import Estimate
from nearsight.tiles import TileGrid

DECIDING_TILES = 5
# A map with more rows or columns is kept in means of squares of tiles, and of a flip on more tiles so many are named.
LARGEST_MAP, MOST_TILES = 256, 2**16
NAMED = 4096
# With more classes, the rest are not kept: they decide nothing, and a thousand maps per error would not fit in
# memory.
KEPT_CLASSES = 10


@dataclass(frozen=True, eq=False)
class ImageError:
    """One image that the decision gets wrong.

    `index` is its place in the examined set. `margin` is the score of the prediction minus that of the label, in
    logits. `cost` is the cross-entropy in nats, −log softmax(scores)[label].

    A map explains it, of the `kind` "tile" (the logits of tiles alone) or "removal" (what the scores lose without
    each tile); if there is none, `kind` is None and so is the grid. `evidence` is float (kept, rows, columns):
    the map's values for the classes `kept`, at most 10: the predicted one, the label, then the others by their
    score; tiles that were skipped are NaN. `deciding` are the tiles, no two sharing a pixel, whose value for the
    prediction exceeds that for the label by most; their `evidence` is the difference. `flip` are tiles whose removal
    makes any other class win, and `to_label` tiles whose removal makes the label win; None if none are found. For a
    decision by tiles, they are left out of the mean, and `flip` is the smallest set (`smallest_flip`, `flip_to`); for
    one on whole images, they are hidden (`hiding_flips`). `region` is where the object is, bool and as small as
    `kept_region` makes it; None if that is not known.

    If the map has more than 256 rows or columns, `evidence` holds the means of squares of tiles, whose grid is
    `drawn`. Only then `means` are those of the whole map and `deciding_kept`, float (kept, tiles), the values of the
    deciding tiles, both for the classes `kept`. Of a flip in a map of more than 65,536 tiles, 4,096 are named.
    """

    index: int
    path: str
    label: int
    prediction: int
    margin: float
    cost: float
    grid: TileGrid | None = None
    kept: tuple[int, ...] = ()
    evidence: Tensor | None = None
    deciding: tuple[TileEvidence, ...] = ()
    flip: Flip | None = None
    to_label: Flip | None = None
    kind: Kind | None = "tile"
    region: Tensor | None = None
    drawn: TileGrid | None = None
    means: tuple[float, ...] = ()
    deciding_kept: Tensor | None = None

    @property
    def drawn_grid(self) -> TileGrid | None:
        """The grid of `evidence`; None without a map."""
        return self.drawn or self.grid

    def mean(self, number: int) -> float:
        """Return the mean of the map for one of the classes `kept`, by its place there."""
        if self.means:
            return self.means[number]
        assert self.evidence is not None
        return float(self.evidence[number].mean())

    def of_deciding(self, number: int) -> list[float]:
        """Return the map's values at one of the deciding tiles, for the classes `kept`."""
        if self.deciding_kept is not None:
            found: list[float] = self.deciding_kept[:, number].tolist()
            return found
        assert self.evidence is not None
        tile = self.deciding[number]
        of_tile: list[float] = self.evidence[:, tile.row, tile.column].tolist()
        return of_tile

    def explained(self, evidence_map: EvidenceMap) -> "ImageError":
        """Return the same error with a map of its image, and the tiles that decided it."""
        prediction, label = self.prediction, self.label
        kept = list(_kept(evidence_map, prediction, label))
        values, deciding = evidence_map.logits[kept], _deciding(evidence_map, prediction, label)
        drawn, reduced = _reduced(values, evidence_map.grid)
        places = [tile.index for tile in deciding]
        return replace(
            self,
            grid=evidence_map.grid,
            kept=tuple(kept),
            evidence=reduced,
            deciding=deciding,
            kind=evidence_map.kind,
            drawn=drawn,
            means=() if drawn is None else tuple(values.flatten(1).nanmean(1).tolist()),
            deciding_kept=None if drawn is None else values.flatten(1)[:, places],
        )


@dataclass(frozen=True)
class ConfusionPair:
    """Images of one class mistaken for another: how many, their share of the class's images, and which.

    `errors` are places in the examined set, the costliest error first.
    """

    label: int
    prediction: int
    count: int
    share: float
    errors: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Errors:
    """All misclassified images, the costliest first, and by confusion pair, the most frequent first.

    `images` counts the examined images, including those that are right. `tried` is how many errors, the
    costliest, were classified again. Among those whose flip was hidden in the image, `hidden` is the share whose
    prediction really changes; its chance is the share with as many pixels hidden elsewhere. None if no flip was
    hidden.
    """

    errors: tuple[ImageError, ...]
    pairs: tuple[ConfusionPair, ...]
    images: int
    tried: int = 0
    hidden: Estimate | None = None

    @property
    def by_class(self) -> Counter[int]:
        """How many images of each class are wrong, by its number."""
        return Counter(error.label for error in self.errors)


def wrong_images(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64], paths: Sequence[str]
) -> tuple[ImageError, ...]:
    """Return the images that a decision gets wrong, in their order, still without a map.

    >>> scores = np.array([[2.0, 1.0], [1.0, 3.0]], dtype=np.float32)
    >>> [error] = wrong_images("full-pass", scores, np.array([0, 0]), ("a.png", "b.png"))
    >>> error.path, error.prediction, error.margin, round(error.cost, 2)
    ('b.png', 1, 2.0, 2.13)

    `scores` are those of all images under `protocol`, (n, classes); `labels` is int64 (n,).
    """
    predictions = predict(scores)
    wrong = np.flatnonzero(predictions != labels)
    exact = torch.from_numpy(scores[wrong]).double()
    costs = -(exact.log_softmax(1) if protocol in LOGIT_PROTOCOLS else exact.log())
    return tuple(
        ImageError(
            index=index,
            path=paths[index],
            label=int(labels[index]),
            prediction=int(predictions[index]),
            margin=float(own[predictions[index]] - own[labels[index]]),
            cost=float(cost[labels[index]]),
            kind=None,
        )
        for index, own, cost in zip(wrong.tolist(), exact, costs, strict=True)
    )


def tile_error(evidence_map: EvidenceMap, label: int, index: int, path: str) -> ImageError | None:
    """Return what an image's tiles say, with its flips, if together they get it wrong; None if they are right.

    >>> logits = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 1.0, 2.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(2, 6, tile=2, stride=2), ("cat", "dog"))
    >>> error = tile_error(tiles, label=1, index=7, path="dog/7.png")
    >>> error.flip.tiles, error.flip.area, [(tile.left, tile.evidence) for tile in error.deciding]
    ((0,), 0.3333333333333333, [(0, 3.0)])

    `label` is the number of the true class, `index` the image's place in the examined set. The tiles predict as
    the map's `pooling` does; if that uses the strongest tiles alone, these are the ones that decided.
    """
    label = evidence_map.class_number(label)
    [*wrong] = wrong_images(
        evidence_map.protocol, evidence_map.scores().numpy()[None], np.array([label], dtype=np.int64), (path,)
    )
    if not wrong:
        return None
    error = replace(wrong[0], index=index).explained(evidence_map)
    grid, prediction = evidence_map.grid, error.prediction
    if evidence_map.protocol in ADDITIVE_PROTOCOLS:
        values = additive_values(evidence_map.protocol, evidence_map)
        flip, to_label = smallest_flip(values, prediction), flip_to(values, prediction, label)
    else:
        flip = strongest_flip(evidence_map, prediction)
        to_label = strongest_flip(evidence_map, prediction, label)
    looked_at = (~evidence_map.skipped).flatten().nonzero()[:, 0]
    return replace(error, flip=_placed(flip, looked_at, grid), to_label=_placed(to_label, looked_at, grid))


def _placed(flip: Flip | None, looked_at: Tensor, grid: TileGrid) -> Flip | None:
    """Return a flip whose tiles count those that were looked at, with their numbers in the grid and their area."""
    if flip is None:
        return None
    tiles = flip.tiles if len(looked_at) == len(grid) else tuple(looked_at[list(flip.tiles)].tolist())
    named = tiles if len(grid) <= MOST_TILES else tiles[:NAMED]
    return replace(flip, tiles=named, area=covered_share(grid, tiles))


def _reduced(values: Tensor, grid: TileGrid) -> tuple[TileGrid | None, Tensor]:
    """Return a map (kept, rows, columns) in means of squares of tiles, with their grid; None if it is small enough.

    >>> found, values = _reduced(torch.arange(514.0)[None, None].expand(1, 3, 514), TileGrid(8, 1030, 4, 2))
    >>> found.tile, found.stride, found.shape == values.shape[1:], values[0, 0, :2].tolist()
    (8, 6, True, [1.0, 4.0])
    """
    side = -(-max(grid.shape) // LARGEST_MAP)
    if side == 1 or side > min(grid.shape):
        return None, values
    drawn = replace(grid, tile=grid.tile + (side - 1) * grid.stride, stride=side * grid.stride)
    for axis, count in enumerate(drawn.shape, 1):
        # A last square that is flush with the far edge holds the last tiles.
        starts = [min(number * side, values.shape[axis] - side) for number in range(count)]
        squares = [values.narrow(axis, start, side).nanmean(axis) for start in starts]
        values = torch.stack(squares, axis)
    return drawn, values


def collect_errors(
    errors: Sequence[ImageError],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    *,
    tried: int = 0,
    hidden: Estimate | None = None,
) -> Errors:
    """Order the errors by cost, and group them by label and prediction.

    >>> collect_errors([], labels=np.array([0, 1, 1]), classes=("cat", "dog"))
    Errors(errors=(), pairs=(), images=3, tried=0, hidden=None)

    `labels` are those of all examined images, int64 (n,), including those that are right; `classes` are all class
    names. Of errors with equal cost, the first in the set comes first; of pairs with equal count, the first
    label.
    """
    ordered = sorted(errors, key=lambda error: (-error.cost, error.index))
    found: dict[tuple[int, int], list[int]] = {}
    for error in ordered:
        found.setdefault((error.label, error.prediction), []).append(error.index)
    of_class = np.bincount(labels, minlength=len(classes)).tolist()
    pairs = [
        ConfusionPair(label, prediction, len(indices), len(indices) / of_class[label], tuple(indices))
        for (label, prediction), indices in found.items()
    ]
    pairs.sort(key=lambda pair: (-pair.count, pair.label, pair.prediction))
    return Errors(tuple(ordered), tuple(pairs), len(labels), tried, hidden)


def _kept(evidence_map: EvidenceMap, prediction: int, label: int) -> tuple[int, ...]:
    by_score = evidence_map.scores().argsort(descending=True, stable=True).tolist()
    others = [number for number in by_score if number not in (prediction, label)]
    return (prediction, label, *others[: KEPT_CLASSES - 2])


def _deciding(evidence_map: EvidenceMap, prediction: int, label: int) -> tuple[TileEvidence, ...]:
    lead = evidence_map.logits[prediction] - evidence_map.logits[label]
    counted = evidence_map.counted(prediction)
    if counted is not None:
        # Beside the tile that counts most.
        lead = lead * counted / counted.max()
    tiles = EvidenceMap(lead[None], evidence_map.grid, ("lead",)).top_tiles(0, DECIDING_TILES, apart=True)
    # A tile that speaks for the label did not decide against it.
    return tuple(tile for tile in tiles if tile.evidence > 0)
