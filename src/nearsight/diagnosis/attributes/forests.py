"""Telling two sets of images apart by numbers, with a forest of extremely randomised trees."""

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]

TREES, LEAF = 200, 3


def told_apart(ours: Values, theirs: Values, seed: int = 0) -> float:
    """Return how well a forest tells images from others: the area under the ROC curve, 0.5 if it cannot.

    >>> random = np.random.default_rng(0)
    >>> ours, theirs = random.normal(size=(2, 40, 3)).astype(np.float32)
    >>> told_apart(ours + 3, theirs) > 0.95
    True

    `ours` and `theirs` are float32 (n, numbers) and (m, numbers). Each image is judged by the trees that did not grow
    from it.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    if not ours.shape[1]:
        return 0.5
    own = np.r_[np.ones(len(ours), dtype=np.bool_), np.zeros(len(theirs), dtype=np.bool_)]
    forest = ExtraTreesClassifier(
        TREES,
        bootstrap=True,
        oob_score=True,
        min_samples_leaf=LEAF,
        class_weight="balanced_subsample",
        random_state=seed,
    ).fit(np.concatenate([ours, theirs]), own)
    sure = forest.oob_decision_function_[:, 1].astype(np.float32)
    return area_under_curve(sure[own], sure[~own])
