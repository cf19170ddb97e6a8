"""Misclassified images: what each cost, which tiles decided it, and which classes are taken for which."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.errors.flip import Flip, additive_values, flip_to, smallest_flip
from nearsight.evidence import EvidenceMap, TileEvidence
from nearsight.tiles import TileGrid

DECIDING_TILES = 5
# Of more classes the rest are not kept: they decide nothing, and a thousand maps an error would not fit in memory.
KEPT_CLASSES = 10


@dataclass(frozen=True, eq=False)
class ImageError:
    """One misclassified image under `mean-logit`.

    `index` is its place in the examined set. `margin` is the mean logit of the prediction less that of the
    label, `cost` the cross-entropy in nats, −log softmax(mean logits)[label]. `evidence` is float (kept, rows,
    columns): the plain logits of the classes `kept`, at most 10: the predicted one, the label, then the others by
    their mean logit. `deciding` are the tiles, no two
    sharing a pixel, whose logit of the prediction exceeds that of the label by most; their `evidence` is the
    difference. `flip` is the smallest removal that makes any other class win, `to_label` one that makes the
    label win (`flip_to`); None where there is none.
    """

    index: int
    path: str
    label: int
    prediction: int
    margin: float
    cost: float
    grid: TileGrid
    kept: tuple[int, ...]
    evidence: Tensor
    deciding: tuple[TileEvidence, ...]
    flip: Flip | None
    to_label: Flip | None


@dataclass(frozen=True)
class ConfusionPair:
    """Images of one class taken for another: how many, their share of the class's images, and which.

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

    `images` counts the images examined, right ones included.
    """

    errors: tuple[ImageError, ...]
    pairs: tuple[ConfusionPair, ...]
    images: int

    @property
    def by_class(self) -> Counter[int]:
        """How many images of each class are wrong, by its number."""
        return Counter(error.label for error in self.errors)


def image_error(evidence_map: EvidenceMap, label: int, index: int, path: str) -> ImageError | None:
    """Return what there is to say of an image that `mean-logit` gets wrong, None for one it gets right.

    >>> import torch
    >>> logits = torch.tensor([[[3.0, 1.0, 0.0]], [[0.0, 1.0, 2.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(2, 6, tile=2, stride=2), ("cat", "dog"))
    >>> error = image_error(tiles, label=1, index=7, path="dog/7.png")
    >>> error.flip.tiles, [(tile.left, tile.evidence) for tile in error.deciding]
    ((0,), [(0, 3.0)])

    `label` is the number of the true class, `index` the image's place in the examined set.
    """
    label, prediction = evidence_map.class_number(label), evidence_map.predicted()
    if prediction == label:
        return None
    kept = _kept(evidence_map, prediction, label)
    scores, values = evidence_map.mean().double(), additive_values("mean-logit", evidence_map)
    return ImageError(
        index=index,
        path=path,
        label=label,
        prediction=prediction,
        margin=float(scores[prediction] - scores[label]),
        cost=-float(scores.log_softmax(0)[label]),
        grid=evidence_map.grid,
        kept=kept,
        evidence=evidence_map.logits[list(kept)],
        deciding=_deciding(evidence_map, prediction, label),
        flip=smallest_flip(values, prediction),
        to_label=flip_to(values, prediction, label),
    )


def collect_errors(errors: Sequence[ImageError], labels: NDArray[np.int64], classes: Sequence[str]) -> Errors:
    """Order the errors by cost and group them by what was taken for what.

    >>> collect_errors([], labels=np.array([0, 1, 1]), classes=("cat", "dog"))
    Errors(errors=(), pairs=(), images=3)

    `labels` are those of all images examined, int64 (n,), right ones included; `classes` all class names. Of
    errors of equal cost the first in the set comes first, of pairs of equal count the first label.
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
    return Errors(tuple(ordered), tuple(pairs), len(labels))


def _kept(evidence_map: EvidenceMap, prediction: int, label: int) -> tuple[int, ...]:
    by_score = evidence_map.mean().argsort(descending=True, stable=True).tolist()
    others = [number for number in by_score if number not in (prediction, label)]
    return (prediction, label, *others[: KEPT_CLASSES - 2])


def _deciding(evidence_map: EvidenceMap, prediction: int, label: int) -> tuple[TileEvidence, ...]:
    lead = evidence_map.logits[prediction] - evidence_map.logits[label]
    tiles = EvidenceMap(lead[None], evidence_map.grid, ("lead",)).top_tiles(0, DECIDING_TILES, apart=True)
    # A tile that speaks for the label did not decide against it.
    return tuple(tile for tile in tiles if tile.evidence > 0)
