"""What a network does with what it is known to have learned, compared with the network before its repair."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from studies.repair.cases import Case, Look, Places

Row = dict[str, Any]
Predictions = Mapping[str, Places]


def figures(case: Case, before: Predictions, after: Predictions) -> Row:
    """Return all figures of a network as plain values, one dictionary for each known shortcut among them.

    `usual` is the accuracy on images like those that were trained on and `elsewhere` that on classes without a
    shortcut. For each shortcut: the accuracy on images of its class `having` it and `without` it; how many images
    of other classes to which it was added are called its class (`moved`); and how many of the images that were
    right without it before still are (`kept`).
    """
    known = []
    for one in case.known:
        right = _right(case, before, one.without)
        known.append(
            {
                "class_number": one.class_number,
                "family": one.family,
                "strength": one.strength,
                "share": one.share,
                "held_out": one.held_out,
                "having": _mean(_right(case, after, one.having)),
                "without": _mean(_right(case, after, one.without)),
                "moved": _mean(after[one.moved.view][one.moved.images] == one.class_number),
                "kept": _mean(_right(case, after, one.without)[right]),
                "right_before": int(right.sum()),
            }
        )
    return {
        "usual": _mean(_right(case, after, case.usual)),
        "elsewhere": _mean(_right(case, after, case.elsewhere)),
        "known": known,
    }


def _right(case: Case, predictions: Predictions, look: Look) -> NDArray[np.bool_]:
    right: NDArray[np.bool_] = predictions[look.view][look.images] == case.labels[look.view][look.images]
    return right


def _mean(right: NDArray[np.bool_]) -> float | None:
    return float(right.mean()) if len(right) else None
