"""Measures of predictions against labels; each says which direction is better."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.value_groups import ValueGroups
from nearsight.evaluation.class_measures import class_measures
from nearsight.evaluation.group_accuracies import group_accuracies, group_measures
from nearsight.evaluation.protocols import correctness, predict, probabilities
from nearsight.settings.metric_words import OF_EACH_CLASS, RESTRICTED_ACCURACY
from nearsight.settings.protocols import SINGLE_TILE
from nearsight.statistics import Estimate, accuracy_estimate, accuracy_interval

if TYPE_CHECKING:
    import scipy.sparse

CALIBRATION_BINS = 15
# With more classes, a matrix is mostly zeros, and its rows as Python numbers fill the memory.
CONFUSION_CLASSES = 100
CELLS = ("label", "prediction", "count")


def top_k_accuracy(scores: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> float | None:
    """Return the share of images whose class is among the k best scores; higher is better.

    >>> top_k_accuracy(np.array([[0.1, 0.3, 0.6]], dtype=np.float32), np.array([1]), k=2)
    1.0

    >>> top_k_accuracy(np.array([[1.0, 0.0, 0.0]], dtype=np.float32), np.array([2]), k=2)
    0.5

    If classes have equal scores, like those that no tile votes for, each is equally likely to be among the best:
    an image counts with the share of their orders in which its class is among them, so the order of classes does
    not matter. None if there are no more than k classes, because the measure could not fail.
    """
    if scores.shape[1] <= k:
        return None
    own = scores[np.arange(len(labels)), labels][:, None]
    better, equal = (scores > own).sum(1), (scores == own).sum(1)
    return float(((k - better) / equal).clip(0, 1).mean())


def confusion_matrix(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many images of each class (row) are classified as each class (column), with all zeros.

    >>> scores = np.array([[0.75, 0.25], [0.25, 0.75]], dtype=np.float32)
    >>> confusion_matrix("vote", scores, np.array([0, 0])).tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    More on the diagonal is better. `scores` is (images, classes), the result (classes, classes). Under
    `single-tile` an image is divided among the classes in the proportions that its tiles choose.
    """
    counts: NDArray[np.float64] = confusion_cells(protocol, scores, labels).toarray()
    return counts


def confusion_cells(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> "scipy.sparse.coo_array":
    """Return the cells of the confusion matrix that are not 0, in order; its size grows only with the images.

    >>> scores = np.array([[0.75, 0.25], [0.25, 0.75]], dtype=np.float32)
    >>> confusion_cells("vote", scores, np.array([0, 0])).toarray().tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    It is float64 (classes, classes); `confusion_matrix` says what it counts.
    """
    from scipy import sparse

    if protocol == SINGLE_TILE:
        images, chosen = scores.nonzero()
        counts = scores[images, chosen].astype(np.float64)
    else:
        images, chosen = np.arange(len(labels)), predict(scores)
        counts = np.ones(len(labels))
    shape = (scores.shape[1], scores.shape[1])
    # Group equal rows of cells, and add their counts.
    summed = sparse.csr_array((counts, (labels[images], chosen)), shape=shape)
    return summed.tocoo()


def written_confusion(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> list[list[float]] | dict[str, list[float]]:
    """Return the confusion matrix as plain numbers: its rows, or for more than 100 classes the cells that are not 0.

    >>> scores = np.array([[0.75, 0.25], [0.25, 0.75]], dtype=np.float32)
    >>> written_confusion("vote", scores, np.array([0, 0]))
    [[1.0, 1.0], [0.0, 0.0]]

    Cells are three lists of one length: `label`, `prediction` (numbers of classes) and `count`.
    """
    cells = confusion_cells(protocol, scores, labels)
    if scores.shape[1] <= CONFUSION_CLASSES:
        rows: list[list[float]] = cells.toarray().tolist()
        return rows
    return dict(zip(CELLS, (part.tolist() for part in (*cells.coords, cells.data)), strict=True))


def calibration_error(protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float | None:
    """Return the expected calibration error, 0 to 1; lower is better.

    >>> calibration_error("vote", np.array([[0.75, 0.25]], dtype=np.float32), np.array([0]))
    0.25

    This is the mean distance between confidence and accuracy over 15 equal bins of confidence, each from its
    lower bound up to the next, the last closed at 1 (Guo et al., ICML 2017); torchmetrics puts a confidence of
    exactly 1 into a bin of its own. Confidence is the largest softmax for a protocol whose scores are logits, and
    the largest score for one whose scores are shares. It is None under `single-tile`, because the shares of an
    image are not the confidence of a tile, and with one class, because nothing can be wrong.
    """
    if protocol == SINGLE_TILE or scores.shape[1] == 1:
        return None
    confidence = probabilities(protocol, scores).max(1).astype(np.float64)
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
    distances = np.bincount(bins, correctness(protocol, scores, labels) - confidence)
    return float(np.abs(distances).sum() / len(labels))


def protocol_metrics(
    protocol: str,
    scores: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    groups: ValueGroups | None = None,
) -> dict[str, Any]:
    """Return every measure of one protocol as plain numbers for JSON; shares run from 0 to 1.

    >>> toy = protocol_metrics("vote", np.array([[0.75, 0.25]], dtype=np.float32), np.array([0]), ("cat", "dog"))
    >>> toy["accuracy"], toy["top5"], toy["per_class"][0]["accuracy"], toy["ece"], toy["f1"]["value"]
    (1.0, None, 1.0, 0.25, 1.0)

    Keys: `n` images, `accuracy` (higher is better) and its 95 % `interval`, `top5` (higher is better),
    `balanced_accuracy`, `f1`, `auroc` and `average_precision` (higher is better), each an `Estimate` as values
    and the mean over the classes that have images (`class_measures`); `restricted_accuracy`, the accuracy if only
    classes that have images can be predicted, None if all classes have some; `per_class` (name, images, accuracy,
    interval and the same measures; None for a class without images), `confusion` (rows are true classes; for more
    than 100 classes only the cells that are not 0: `written_confusion`) and `ece` (lower is better); with
    `groups`, `worst_group_accuracy` (higher is better) and `by_group` (`GroupAccuracies`). The function of each
    measure explains it.
    """
    correct = correctness(protocol, scores, labels)
    measures = class_measures(protocol, scores, labels)
    of_label = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[of_label], np.arange(len(classes) + 1))
    return {
        "n": len(labels),
        "accuracy": float(correct.mean()),
        "interval": accuracy_interval(correct),
        "top5": None if protocol == SINGLE_TILE else top_k_accuracy(scores, labels, k=5),
        "ece": calibration_error(protocol, scores, labels),
        **{name: asdict(measure.average) for name, measure in measures.items()},
        RESTRICTED_ACCURACY: _restricted(protocol, scores, labels),
        **({} if groups is None else group_measures(group_accuracies(correct, labels, classes, groups))),
        "per_class": [
            {
                "class": name,
                **_of_class(correct[of_label[starts[number] : starts[number + 1]]]),
                **{measure: _values(measures[measure].classes[number]) for measure in OF_EACH_CLASS},
            }
            for number, name in enumerate(classes)
        ],
        "confusion": written_confusion(protocol, scores, labels),
    }


def _of_class(correct: NDArray[np.float64]) -> dict[str, Any]:
    if not len(correct):
        return {"n": 0, "accuracy": None, "interval": None}
    return {
        "n": len(correct),
        "accuracy": float(correct.mean()),
        "interval": accuracy_interval(correct),
    }


def _values(estimate: Estimate | None) -> dict[str, Any] | None:
    return None if estimate is None else asdict(estimate)


def _restricted(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> dict[str, Any] | None:
    there = np.unique(labels)
    if len(there) == scores.shape[1] or protocol == SINGLE_TILE:
        return None
    right = there[predict(scores[:, there])] == labels
    return asdict(accuracy_estimate(right, chance=1 / len(there)))
