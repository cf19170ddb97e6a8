"""How accurate a classifier is under every protocol, and how each agrees with the full pass."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.evaluation import correctness, predict
from nearsight.settings.protocols import FULL_PASS, SINGLE_TILE
from nearsight.statistics import Estimate, absent, accuracy_estimate


@dataclass(frozen=True)
class AgreementRow:
    """A protocol compared with the full pass.

    `agreement` is the share of images that are predicted as by the full pass; its chance is that of independent
    predictions with the same frequencies of classes. Under `single-tile` both are shares of tiles.
    """

    protocol: str
    agreement: Estimate
    accuracy: Estimate


@dataclass(frozen=True)
class Protocols:
    """A row for each protocol under which the images were scored."""

    rows: tuple[AgreementRow, ...]


def protocol_agreement(
    scores: Mapping[str, NDArray[np.float32]], labels: NDArray[np.int64]
) -> tuple[AgreementRow, ...]:
    """Return how every protocol agrees with the full pass and the labels, in the order of `scores`.

    >>> full, tiles = np.eye(2, dtype=np.float32), np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)
    >>> rows = protocol_agreement({"full-pass": full, "mean-logit": tiles}, np.array([0, 1]))
    >>> [(row.protocol, row.agreement.value, row.agreement.chance) for row in rows]
    [('full-pass', 1.0, 0.5), ('mean-logit', 0.5, 0.5)]

    `scores` holds float32 (images, classes) for each protocol; `labels` is (images,). If `full-pass` is not among
    them, agreement is not known.
    """
    if FULL_PASS not in scores:
        return tuple(
            AgreementRow(protocol, absent(f"{FULL_PASS} is left out"), accuracy_under(protocol, rows, labels))
            for protocol, rows in scores.items()
        )
    full = predict(scores[FULL_PASS]).astype(np.int64)
    return tuple(
        AgreementRow(
            protocol,
            agreement=agreement_with(full, protocol, rows),
            accuracy=accuracy_under(protocol, rows, labels),
        )
        for protocol, rows in scores.items()
    )


def agreement_with(predictions: NDArray[np.int64], protocol: str, scores: NDArray[np.float32]) -> Estimate:
    """Return the share of images that a protocol predicts as other `predictions` do.

    >>> agreement_with(np.array([0, 1]), "vote", np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32)).value
    0.5

    Its chance is that of independent predictions with the same frequencies of classes.
    """
    frequencies = np.bincount(predictions, minlength=scores.shape[1]) / len(predictions)
    return accuracy_estimate(
        correctness(protocol, scores, predictions), chance=float(frequencies @ _frequencies(protocol, scores))
    )


def accuracy_under(protocol: str, scores: NDArray[np.float32], labels: NDArray[np.int64]) -> Estimate:
    """Return the accuracy of scores under a protocol, with that of guessing.

    >>> accuracy_under("vote", np.array([[0.9, 0.1], [0.8, 0.2]], dtype=np.float32), np.array([0, 1])).chance
    0.5
    """
    return accuracy_estimate(correctness(protocol, scores, labels), chance=1 / scores.shape[1])


def _frequencies(protocol: str, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    if protocol == SINGLE_TILE:
        shares: NDArray[np.float64] = scores.astype(np.float64).mean(0)
        return shares
    return np.bincount(predict(scores), minlength=scores.shape[1]) / len(scores)
