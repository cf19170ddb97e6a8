"""Measures of predictions against labels; each says which direction is better."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nearsight.evaluation.protocols import correctness, predict, probabilities
from nearsight.settings.protocols import SINGLE_TILE
from nearsight.statistics import accuracy_interval

CALIBRATION_BINS = 15


def top_k_accuracy(scores: NDArray[np.float32], labels: NDArray[np.int64], k: int) -> float | None:
    """Return the share of images whose class is among the k best scores; higher is better.

    >>> top_k_accuracy(np.array([[0.1, 0.3, 0.6]], dtype=np.float32), np.array([1]), k=2)
    1.0

    Equal scores rank in the order of the classes. None where there are no more than k classes: it could not
    fail.
    """
    if scores.shape[1] <= k:
        return None
    best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return float((best == labels[:, None]).any(1).mean())


def confusion_matrix(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return how many images of each class (row) are taken for each class (column).

    >>> scores = np.array([[0.75, 0.25], [0.25, 0.75]], dtype=np.float32)
    >>> confusion_matrix("vote", scores, np.array([0, 0])).tolist()
    [[1.0, 1.0], [0.0, 0.0]]

    More on the diagonal is better. `scores` is (images, classes), the result (classes, classes). Under
    `single-tile` an image is divided among the classes in the proportions that its tiles choose them.
    """
    classes = scores.shape[1]
    if protocol == SINGLE_TILE:
        shares = np.zeros((classes, classes))
        np.add.at(shares, labels, scores.astype(np.float64))
        return shares
    pairs = np.bincount(labels * classes + predict(scores), minlength=classes**2)
    counts: NDArray[np.float64] = pairs.reshape(classes, classes).astype(np.float64)
    return counts


def calibration_error(protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> float | None:
    """Return the expected calibration error, 0 to 1; lower is better.

    >>> calibration_error("vote", np.array([[0.75, 0.25]], dtype=np.float32), np.array([0]))
    0.25

    The mean distance between confidence and accuracy over 15 equal bins of confidence (Guo et al., ICML
    2017, by torchmetrics). Confidence is the largest softmax of a protocol whose scores are logits, and the
    largest score of one whose scores are shares. None under `single-tile`: the shares of an image are no
    tile's confidence; and with one class, where nothing can be wrong.
    """
    from torchmetrics.functional.classification import multiclass_calibration_error

    if protocol == SINGLE_TILE or scores.shape[1] == 1:
        return None
    return float(
        multiclass_calibration_error(
            torch.from_numpy(probabilities(protocol, scores)),
            torch.from_numpy(labels),
            num_classes=scores.shape[1],
            n_bins=CALIBRATION_BINS,
        )
    )


def protocol_metrics(
    protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64], classes: Sequence[str]
) -> dict[str, Any]:
    """Return every measure of one protocol as plain numbers for JSON; shares run from 0 to 1.

    >>> toy = protocol_metrics("vote", np.array([[0.75, 0.25]], dtype=np.float32), np.array([0]), ("cat", "dog"))
    >>> toy["accuracy"], toy["top5"], toy["per_class"][0]["accuracy"], toy["ece"]
    (1.0, None, 1.0, 0.25)

    Keys: `n` images, `accuracy` (higher is better) and its 95 % `interval`, `top5` (higher is better),
    `per_class` (name, images, accuracy and interval; None for a class without images), `confusion` (rows are
    true classes) and `ece` (lower is better). What each means is said at its function.
    """
    correct = correctness(protocol, scores, labels)
    return {
        "n": len(labels),
        "accuracy": float(correct.mean()),
        "interval": accuracy_interval(correct),
        "top5": None if protocol == SINGLE_TILE else top_k_accuracy(scores, labels, k=5),
        "ece": calibration_error(protocol, scores, labels),
        "per_class": [
            {"class": name, **_of_class(correct[labels == number])} for number, name in enumerate(classes)
        ],
        "confusion": confusion_matrix(protocol, scores, labels).tolist(),
    }


def _of_class(correct: NDArray[np.float64]) -> dict[str, Any]:
    if not len(correct):
        return {"n": 0, "accuracy": None, "interval": None}
    return {
        "n": len(correct),
        "accuracy": float(correct.mean()),
        "interval": accuracy_interval(correct),
    }
