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
    score. `deciding` are the tiles, no two sharing a pixel, whose value for the prediction exceeds that for the
    label by most; their `evidence` is the difference. `flip` are tiles whose removal makes any other class win,
    and `to_label` tiles whose removal makes the label win; None if none are found. For a decision by tiles, they
    are left out of the mean, and `flip` is the smallest set (`smallest_flip`, `flip_to`); for one on whole
    images, they are hidden (`hiding_flips`). `region` is where the object is, bool and as small as `kept_region`
    makes it; None if that is not known.
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

    def explained(self, evidence_map: EvidenceMap) -> "ImageError":
        """Return the same error with a map of its image, and the tiles that decided it."""
        prediction, label = self.prediction, self.label
        kept = _kept(evidence_map, prediction, label)
        return replace(
            self,
            grid=evidence_map.grid,
            kept=kept,
            evidence=evidence_map.logits[list(kept)],
            deciding=_deciding(evidence_map, prediction, label),
            kind=evidence_map.kind,
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
    return replace(error, flip=_with_area(flip, grid), to_label=_with_area(to_label, grid))


def _with_area(flip: Flip | None, grid: TileGrid) -> Flip | None:
    return None if flip is None else replace(flip, area=covered_share(grid, flip.tiles))


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
