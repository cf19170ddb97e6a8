"""Telling sets of images apart by numbers, with a forest of extremely randomised trees."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nearsight.statistics import area_under_curve

if TYPE_CHECKING:
    from sklearn.tree import ExtraTreeClassifier as Tree

Values = NDArray[np.float32]
Shares = NDArray[np.float64]

TREES, LEAF = 200, 3


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees that tell images of several labels apart (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006).

    `labels` are the labels in order. `said`, float64 (n, labels), is how sure the trees that did not grow from an
    image are of each label; 0 if every tree grew from it, or if trees grow from all images.

    These are scikit-learn's trees, and all numbers are those of its `ExtraTreesClassifier` to the last bit. That
    takes up to twice as long: for each tree it finds out anew which labels there are and what they weigh, which for
    few images takes longer than to grow it.
    """

    labels: NDArray[Any]
    trees: "Sequence[Tree]"
    said: Shares

    @staticmethod
    def grown(
        values: NDArray[Any],
        labels: NDArray[Any],
        *,
        trees: int = TREES,
        balanced: bool = True,
        drawn: bool = True,
        seed: int = 0,
    ) -> "Forest":
        """Return a forest that tells images apart by numbers, (n, numbers), which count as float32.

        >>> values = np.arange(20, dtype=np.float32)[:, None]
        >>> forest = Forest.grown(values, values[:, 0] > 9)
        >>> forest.said.shape, (forest.sure(np.array([[0], [19]]))[:, 1] > 0.5).tolist()
        ((20, 2), [False, True])

        `labels`, (n,), say what each is. With `balanced`, images of a rare label count as much as those of a frequent
        one. Each tree grows from as many images as there are, `drawn` with replacement, or from all.
        """
        from sklearn import config_context
        from sklearn.tree import ExtraTreeClassifier
        from sklearn.utils import check_random_state

        numbers = np.ascontiguousarray(values, dtype=np.float32)
        known, places = np.unique(labels, return_inverse=True)
        count, codes = len(numbers), places.astype(np.float64)
        said, asked = np.zeros((count, len(known))), np.zeros((count, 1))
        grown: list[Tree] = []
        with config_context(skip_parameter_validation=True, assume_finite=True):
            for of_tree in check_random_state(seed).randint(np.iinfo(np.int32).max, size=trees):
                chosen = np.arange(count)
                if drawn:
                    chosen = check_random_state(of_tree).randint(0, count, count, dtype=np.int32)
                times, each = (
                    np.bincount(chosen, minlength=count),
                    np.bincount(places[chosen], minlength=len(known)),
                )
                weights = (
                    count / ((each > 0).sum() * np.maximum(each, 1)) if balanced else np.ones(len(known))
                )
                tree = ExtraTreeClassifier(min_samples_leaf=LEAF, max_features="sqrt", random_state=of_tree)
                tree.fit(numbers, codes, times * weights[places], check_input=False)
                grown.append(tree)
                others = times == 0
                if others.any():
                    said[others] += tree.predict_proba(numbers[others], check_input=False)
                    asked[others] += 1
        return Forest(known, grown, said / np.maximum(asked, 1))

    def sure(self, values: NDArray[Any]) -> Shares:
        """Return how sure all trees are of each label of other images, float64 (n, labels)."""
        numbers = np.ascontiguousarray(values, dtype=np.float32)
        found = np.zeros((len(numbers), len(self.labels)))
        for tree in self.trees:
            found += tree.predict_proba(numbers, check_input=False)
        return found / len(self.trees)


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
    sure = Forest.grown(np.concatenate([ours, theirs]), own, seed=seed).said[:, 1].astype(np.float32)
    return area_under_curve(sure[own], sure[~own])
