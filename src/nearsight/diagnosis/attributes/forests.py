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
    sure = _said_by_others(np.concatenate([ours, theirs]), own, seed).astype(np.float32)
    return area_under_curve(sure[own], sure[~own])


def _said_by_others(values: Values, own: NDArray[np.bool_], seed: int) -> NDArray[np.float64]:
    """Return how sure the trees that did not grow from an image are that it is one of the `own`, float64 (n,).

    It is what `grown_forest` says, to the last bit, in little more than half of the time: for each tree, scikit-learn
    finds out anew which labels there are and what they weigh, which takes longer than to grow it.
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeClassifier
    from sklearn.utils import check_random_state

    count, labels = len(own), own.astype(np.float64)
    said, asked = np.zeros((2, count))
    with config_context(skip_parameter_validation=True, assume_finite=True):
        for of_tree in check_random_state(seed).randint(np.iinfo(np.int32).max, size=TREES):
            drawn = check_random_state(of_tree).randint(0, count, count, dtype=np.int32)
            times, each = np.bincount(drawn, minlength=count), np.bincount(own[drawn], minlength=2)
            weights = count / ((each > 0).sum() * np.maximum(each, 1))
            tree = ExtraTreeClassifier(min_samples_leaf=LEAF, max_features="sqrt", random_state=of_tree)
            tree.fit(values, labels, times * weights[own.astype(np.int64)], check_input=False)
            others = times == 0
            said[others] += tree.predict_proba(values[others], check_input=False)[:, 1]
            asked[others] += 1
    return said / np.maximum(asked, 1)
