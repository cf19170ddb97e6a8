"""Tests of the gate: tiles explain a whole-image classifier only where they decide as it does."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import cohen_kappa_score

from nearsight.diagnosis.gate.agreement import Gate, measure_gate

Scores = NDArray[np.float32]


def scores_of(predictions: NDArray[np.int64], classes: int, seed: int = 0) -> Scores:
    """Return scores whose largest is that of the predictions, by different margins."""
    random = np.random.default_rng(seed)
    scores = random.uniform(0, 1, (len(predictions), classes))
    scores[np.arange(len(predictions)), predictions] = random.uniform(1, 2, len(predictions))
    return scores.astype(np.float32)


def drawn(
    images: int, accuracy: float, classes: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return labels, and predictions right at a rate and otherwise any class."""
    random = np.random.default_rng(seed)
    labels = random.integers(classes, size=images)
    right = random.random(images) < accuracy
    return labels, np.where(right, labels, random.integers(classes, size=images))


def test_kappa_is_scikit_learns() -> None:
    labels, ours = drawn(300, 0.8, 4, seed=1)
    theirs = np.where(np.random.default_rng(2).random(300) < 0.7, ours, labels[::-1])
    gate = measure_gate("full-pass", scores_of(ours, 4), scores_of(theirs, 4), labels)
    assert gate.kappa.value == pytest.approx(cohen_kappa_score(ours, theirs))


def test_kappas_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = []
    for seed in range(300):
        random = np.random.default_rng(seed)
        ours = random.integers(5, size=120)
        same = random.random(120) < 0.75
        theirs = np.where(same, ours, random.integers(5, size=120))
        kappa = measure_gate("full-pass", scores_of(ours, 5), scores_of(theirs, 5), ours).kappa
        assert kappa.low is not None
        assert kappa.high is not None
        held.append(kappa.low <= 0.75 <= kappa.high)
    assert 0.92 <= np.mean(held) <= 0.98


def test_two_that_are_right_alike_but_err_apart_do_not_explain_each_others_errors() -> None:
    labels, ours = drawn(2000, 0.9, 10, seed=3)
    random = np.random.default_rng(4)
    theirs = np.where(random.random(2000) < 0.9, labels, random.integers(10, size=2000))
    gate = measure_gate("full-pass", scores_of(ours, 10), scores_of(theirs, 10), labels)
    assert gate.agrees
    assert gate.errs_alike is False
    assert not gate.open
    assert "do not explain its errors" in gate.sentence("mean-logit, tile 8, stride 2")


def test_what_tiles_of_another_network_decide_never_opens_it() -> None:
    """Tiles whose predictions are those of other images, drawn 200 times: labels permuted, as in a null network."""
    opened = []
    for seed in range(200):
        labels, ours = drawn(200, 0.5, 3, seed=seed)
        theirs = np.random.default_rng(seed).permutation(ours)
        opened.append(measure_gate("full-pass", scores_of(ours, 3), scores_of(theirs, 3), labels).open)
    assert not any(opened)


def test_tiles_that_decide_as_it_does_explain_it_even_where_both_are_bad() -> None:
    labels, ours = drawn(200, 0.0, 4, seed=5)
    gate = measure_gate("full-pass", scores_of(ours, 4), scores_of(ours, 4, seed=9), labels)
    assert gate.open
    assert gate.errs_alike
    assert gate.on_errors.value == 1
    assert "tiles explain that" in gate.sentence("mean-logit, tile 8, stride 2")


def test_a_decision_by_tiles_is_its_own_map() -> None:
    labels, ours = drawn(20, 0.5, 4, seed=6)
    gate = measure_gate("mean-logit", scores_of(ours, 4), scores_of(ours, 4), labels)
    assert gate.exact
    assert gate.open
    assert gate.sentence("mean-logit, tile 8, stride 2").startswith("it decides by its tiles")


@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_open_nothing(images: int) -> None:
    labels, ours = drawn(images, 1.0, 2, seed=7)
    gate = measure_gate("full-pass", scores_of(ours, 2), scores_of(ours, 2), labels)
    assert not gate.open
    assert "do not explain that" in gate.sentence("mean-logit, tile 8, stride 2")


def test_one_class_for_everything_tells_nothing() -> None:
    constant = np.zeros(50, dtype=np.int64)
    gate = measure_gate("full-pass", scores_of(constant, 2), scores_of(constant, 2), constant)
    assert gate.kappa.value is None
    assert not gate.open
    assert gate.on_errors.reason == "it makes no error"


def test_margins_go_together_where_scores_do() -> None:
    labels, ours = drawn(60, 0.7, 3, seed=8)
    scores = scores_of(ours, 3)
    same: Gate = measure_gate("full-pass", scores, 2 * scores, labels)
    assert same.margins.value == pytest.approx(1)
    assert same.margins.low is not None
    assert same.margins.low < 1
