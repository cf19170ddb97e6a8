"""Images whose label the classifier's decision contradicts: likely label errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LabelSuspect:
    """An image that the classifier gives another class than its label, as confidently as that class's own images.

    `index` is its place in the examined set; `probability` is that of the suggested class, the one that is
    predicted. `share` and `share_label` are the shares of its tiles that choose the suggested class and the
    label; None if tiles do not explain the decision.
    """

    index: int
    path: str
    label: int
    suggested: int
    share: float | None
    share_label: float | None
    probability: float


def label_suspects(
    probabilities: NDArray[np.float32],
    predictions: NDArray[np.int64],
    labels: NDArray[np.int64],
    paths: Sequence[str],
    votes: NDArray[np.float32] | None = None,
) -> tuple[LabelSuspect, ...]:
    """Return the images whose label the decision contradicts, the widest margin first.

    >>> sure, odd = 4 * [[0.8, 0.2]] + 4 * [[0.2, 0.8]], [[0.85, 0.15]]
    >>> found = np.array(sure + odd, dtype=np.float32)
    >>> labels, paths = np.array([0] * 4 + [1] * 5), [f"{i}.png" for i in range(9)]
    >>> [suspect.path for suspect in label_suspects(found, found.argmax(1), labels, paths)]
    ['8.png']

    `probabilities` are float32 (n, classes), those of all examined images, including those that are right;
    `predictions`, the decisions, and `labels` are int64 (n,); `votes` are the shares of each image's tiles that
    choose each class. An image is a suspect under two conditions. Its predicted class is wrong, and is at least
    as probable as it is, on average, in the images with that label; this is the threshold of confident learning
    (Northcutt et al., arXiv 1911.00068). And its label is less probable than by guessing, 1 in the number of
    classes. The threshold alone lists mostly mistakes of the classifier. Look at suspects; do not correct them
    unseen. The images must not be those that the classifier was trained on. A class that labels no image has no
    threshold and is not suggested.
    """
    if not len(labels):
        return ()
    rows, classes = np.arange(len(labels)), probabilities.shape[1]
    own, suggested = probabilities[rows, labels], probabilities[rows, predictions]
    counts = np.bincount(labels, minlength=classes)
    means = np.bincount(labels, weights=own, minlength=classes) / np.maximum(counts, 1)
    thresholds = np.where(counts > 0, means, np.inf)
    suspect = (predictions != labels) & (suggested >= thresholds[predictions]) & (own < 1 / classes)
    places = np.flatnonzero(suspect)
    order = places[np.argsort(-(suggested - own)[places], kind="stable")]
    return tuple(
        LabelSuspect(
            index=i,
            path=paths[i],
            label=int(labels[i]),
            suggested=int(predictions[i]),
            share=None if votes is None else float(votes[i, predictions[i]]),
            share_label=None if votes is None else float(votes[i, labels[i]]),
            probability=float(suggested[i]),
        )
        for i in order.tolist()
    )
