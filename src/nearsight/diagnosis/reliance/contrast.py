"""The contrast: how much more of a class's evidence lies off the object in its own images than expected by chance.

The share of evidence off the object is not zero by chance: on networks that learned nothing it differs from the
share of area by many points, because every output prefers some textures. So outputs are compared with one another
in the same images, and the same output with itself in the images of other classes.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.relative import relative
from nearsight.evidence import EvidenceMap
from nearsight.statistics import Estimate, false_discovery
from nearsight.statistics.student import student95

# With fewer classes, there are too few other outputs to compare with.
LEAST_CLASSES = 4


def off_shares(evidence_map: EvidenceMap, on_object: Tensor) -> Tensor:
    """Return the share of each class's positive relative evidence that lies off the object, float64 (classes,).

    >>> from nearsight.tiles import TileGrid
    >>> logits = torch.tensor([[[1.0, 3.0]], [[-1.0, -3.0]]])
    >>> tiles = EvidenceMap(logits, TileGrid(2, 4, tile=2, stride=2), ("cat", "dog"))
    >>> off_shares(tiles, torch.tensor([[1.0, 0.5]])).tolist()
    [0.375, 0.25]

    `on_object` is float (rows, columns), from `object_shares`. A class without positive evidence gets the share
    of area that is off the object, as evidence without a preference would.
    """
    looked_at = ~evidence_map.skipped
    evidence = relative(evidence_map.logits[:, looked_at]).double().clamp(min=0)
    off = 1 - on_object.double()[looked_at]
    totals = evidence.sum(1)
    return torch.where(totals > 0, evidence @ off / totals.clamp(min=1e-30), off.mean())


@dataclass(frozen=True)
class ClassContrast:
    """The contrast of a class, or of all; `q` is the false discovery rate at which it would be the last believed."""

    estimate: Estimate
    q: float | None


class OffShareSums:
    """Sums of the shares off the object, by the class of the image and by the output whose evidence it is.

    >>> sums = OffShareSums(4)
    >>> for label in range(4):
    ...     sums.add(label, torch.eye(4)[label] / 2 + 0.25)
    >>> overall, classes = sums.contrasts()
    >>> round(overall.estimate.value, 2), [round(one.estimate.value, 2) for one in classes]
    (0.5, [0.5, 0.5, 0.5, 0.5])

    An image is added by its label and the shares of all classes, of `off_shares`.
    """

    def __init__(self, classes: int) -> None:
        # One row for each class that has images, because most of many classes may have none.
        self.sums: dict[int, NDArray[np.float64]] = {}
        self.images = np.zeros(classes, dtype=np.int64)

    def add(self, label: int, shares: Tensor) -> None:
        """Count one image."""
        added = shares.cpu().numpy().astype(np.float64)
        self.sums[label] = self.sums[label] + added if label in self.sums else added
        self.images[label] += 1

    def contrasts(self) -> tuple[ClassContrast, tuple[ClassContrast, ...]]:
        """Return the contrast of all classes and of each, with 95 % intervals.

        The means over images, by class of the image (row) and output (column), consist of an effect of the row
        (where the objects of these images are), an effect of the column (which textures an output prefers), and a
        residual. The contrast of a class is its own cell minus what row and column predict for it, fitted to all
        cells that are not own cells. The contrast of all classes is the mean of these, which equals the mean of
        the own cells minus that of the others. A network that knows nothing of the classes treats its outputs
        alike, so its own cells lie as far from the fit as others do. The t-intervals are therefore based on the
        deviations of the others: for a class, those in its row and column, with 2C − 4 degrees of freedom,
        because some outputs scatter more than others; for all, all of them, with C² − 3C + 1. They cover the
        images and what an output happens to prefer. Classes without images take no part; with fewer than
        `LEAST_CLASSES` others there is no interval.
        """
        known = np.flatnonzero(self.images)
        count = len(known)
        unknown = ClassContrast(Estimate(None, None, None, 0, 0.0, covers=COVERS), None)
        if count < 2:
            return unknown, (unknown,) * len(self.images)
        means = np.stack([self.sums[label][known] for label in known.tolist()]) / self.images[known, None]
        fitted = _fit(means)
        own = np.diag(means) - np.diag(fitted) if count > 2 else _rows(means)
        images = self.images[known]
        if count < LEAST_CLASSES:
            found = [_bare(float(value), int(n)) for value, n in zip(own, images, strict=True)]
            overall = _bare(float(own.mean()), int(images.sum()))
        else:
            free, of_class = count**2 - 3 * count + 1, 2 * count - 4
            # The degrees of freedom that the fit used are given back to every square alike.
            squares = np.where(np.eye(count), 0, (means - fitted) ** 2) * count * (count - 1) / free
            spread = math.sqrt(float(squares.sum()) / (count * (count - 1)))
            near = np.sqrt((squares.sum(0) + squares.sum(1)) / (2 * (count - 1)))
            errors = (near * math.sqrt(1 + 2 / (count - 1) + 1 / ((count - 1) * (count - 2)))).tolist()
            together = list(zip(own.tolist(), errors, strict=True))
            rates = false_discovery([_probability(value, error, of_class) for value, error in together])
            found = [
                ClassContrast(_interval(value, error, of_class, n), float(q))
                for (value, error), n, q in zip(together, images.tolist(), rates, strict=True)
            ]
            mean, wide = float(own.mean()), spread / math.sqrt(count - 1)
            overall = ClassContrast(
                _interval(mean, wide, free, int(images.sum())), _probability(mean, wide, free)
            )
        classes = [unknown] * len(self.images)
        for place, contrast in zip(known.tolist(), found, strict=True):
            classes[place] = contrast
        return overall, tuple(classes)


COVERS = "images and outputs"


def _fit(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of row and column effects, by least squares on all cells off the diagonal."""
    count = len(means)
    if count < 3:
        return np.full_like(means, np.nan)
    outside = means * ~np.eye(count, dtype=np.bool_)
    rows, columns, mean = outside.sum(1), outside.sum(0), outside.sum() / (count * (count - 1))
    # The normal equations for effects that sum to zero, solved in closed form.
    scale, base = count * (count - 2), count * (count - 1) * mean
    of_row, of_column = (
        ((count - 1) * rows + columns - base) / scale,
        ((count - 1) * columns + rows - base) / scale,
    )
    return np.asarray(mean + of_row[:, None] + of_column[None])


def _rows(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each own cell minus the mean of the others of its row."""
    own = np.diag(means)
    return np.asarray(own - (means.sum(1) - own) / (len(means) - 1))


def _bare(value: float, images: int) -> ClassContrast:
    reason = f"an interval needs {LEAST_CLASSES} classes"
    return ClassContrast(Estimate(value, None, None, images, 0.0, covers=COVERS, reason=reason), None)


def _interval(value: float, error: float, free: int, images: int) -> Estimate:
    wide = student95(free) * error
    return Estimate(value, value - wide, value + wide, images, 0.0, covers=COVERS)


def _probability(value: float, error: float, free: int) -> float:
    """Return the probability of a value so far from 0 by chance."""
    from scipy.stats import t

    if error == 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * t.sf(abs(value) / error, free))
