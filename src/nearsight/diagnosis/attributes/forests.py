"""Telling two sets of images apart by numbers, with a forest of extremely randomised trees."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import area_under_curve

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier as Forest

Values = NDArray[np.float32]

TREES, LEAF = 200, 3


def grown_forest(
    values: Values, labels: NDArray[Any], *, trees: int = TREES, balanced: bool = True, seed: int = 0
) -> "Forest":
    """Return a forest that tells images apart by numbers, float32 (n, numbers), and what its trees say of them.

    >>> values = np.arange(20, dtype=np.float32)[:, None]
    >>> forest = grown_forest(values, values[:, 0] > 9)
    >>> forest.oob_decision_function_.shape, forest.predict([[0], [19]]).tolist()
    ((20, 2), [False, True])

    `labels`, (n,), say what each is. `oob_decision_function_` is what the trees say that did not grow from an image.
    With `balanced`, images of a rare label count as much as those of a frequent one.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    return ExtraTreesClassifier(
        trees,
        bootstrap=True,
        oob_score=True,
        min_samples_leaf=LEAF,
        class_weight="balanced_subsample" if balanced else None,
        random_state=seed,
    ).fit(values, labels)


def told_apart(ours: Values, theirs: Values, seed: int = 0) -> float:
    """Return how well a forest tells images from others: the area under the ROC curve, 0.5 if it cannot.

    >>> random = np.random.default_rng(0)
    >>> ours, theirs = random.normal(size=(2, 40, 3)).astype(np.float32)
    >>> told_apart(ours + 3, theirs) > 0.95
    True

    `ours` and `theirs` are float32 (n, numbers) and (m, numbers). Each image is judged by the trees that did not grow
    from it.
    """
    if not ours.shape[1]:
        return 0.5
    own = np.r_[np.ones(len(ours), dtype=np.bool_), np.zeros(len(theirs), dtype=np.bool_)]
    forest = grown_forest(np.concatenate([ours, theirs]), own, seed=seed)
    sure = forest.oob_decision_function_[:, 1].astype(np.float32)
    return area_under_curve(sure[own], sure[~own])
