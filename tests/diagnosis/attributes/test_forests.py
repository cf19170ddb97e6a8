"""Forests say what scikit-learn's say, to the last bit."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from nearsight.diagnosis.attributes.forests import LEAF, TREES, Forest, told_apart
from nearsight.statistics import area_under_curve


def images(counts: tuple[int, ...], seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """So many images of each label, told apart by one number in 40."""
    labels = np.repeat(np.arange(len(counts)), counts)
    values = np.random.default_rng(seed).normal(size=(len(labels), 40)).astype(np.float32)
    values[:, 0] += labels
    return values, 7 * labels


def plain(
    values: NDArray[Any], labels: NDArray[Any], trees: int, weight: str | None, seed: int, **more: bool
) -> Any:
    return ExtraTreesClassifier(
        trees, min_samples_leaf=LEAF, class_weight=weight, random_state=seed, **more
    ).fit(values, labels)


@pytest.mark.parametrize("counts", [(32, 32), (8, 90), (60, 9), (30, 5, 20, 41)])
@pytest.mark.parametrize("balanced", [True, False])
def test_what_is_drawn_for_each_tree_is_told_apart_as_by_scikit_learn(
    counts: tuple[int, ...], balanced: bool
) -> None:
    values, labels = images(counts, seed=len(counts))
    wanted = plain(
        values, labels, 80, "balanced_subsample" if balanced else None, 5, bootstrap=True, oob_score=True
    )
    found = Forest.grown(values, labels, trees=80, balanced=balanced, seed=5)
    np.testing.assert_array_equal(found.labels, wanted.classes_)
    np.testing.assert_array_equal(found.said, wanted.oob_decision_function_)
    others, _ = images((25,), seed=9)
    np.testing.assert_array_equal(found.sure(others), wanted.predict_proba(others))


@pytest.mark.parametrize("counts", [(32, 32), (8, 90)])
def test_trees_that_grow_from_all_images_are_scikit_learns(counts: tuple[int, ...]) -> None:
    values, labels = images(counts, seed=1)
    wide = values.astype(np.float64) + 1e-9
    found = Forest.grown(wide, labels, trees=60, drawn=False, seed=3)
    wanted = plain(wide, labels, 60, "balanced", 3)
    np.testing.assert_array_equal(found.sure(wide), wanted.predict_proba(wide))
    assert not found.said.any()


def test_how_well_images_are_told_apart_is_the_area_by_the_trees_that_did_not_grow_from_them() -> None:
    values, labels = images((20, 31), seed=4)
    own = labels == 0
    wanted = plain(values, own, TREES, "balanced_subsample", 2, bootstrap=True, oob_score=True)
    sure = wanted.oob_decision_function_[:, 1].astype(np.float32)
    assert told_apart(values[own], values[~own], 2) == area_under_curve(sure[own], sure[~own])
