"""Measures against reference implementations and obvious loops."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchmetrics.functional.classification import multiclass_accuracy

from nearsight.evaluation import calibration_error, confusion_matrix, top_k_accuracy
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.evaluation.protocols import correctness


def drawn(images: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores that are shares, and labels that they often hit."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    scores = random.dirichlet(np.ones(classes), images)
    scores[np.arange(images), labels] += 0.3
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("k", [1, 2, 5])
def test_top_k_is_that_of_torchmetrics(k: int) -> None:
    scores, labels = drawn(200, 7)
    expected = multiclass_accuracy(
        torch.from_numpy(scores), torch.from_numpy(labels), num_classes=7, top_k=k, average="micro"
    )
    assert top_k_accuracy(scores, labels, k) == pytest.approx(float(expected))


@given(st.permutations(range(8)), st.integers(0, 1000))
def test_top_k_does_not_depend_on_the_order_of_classes_whatever_is_equal(order: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    votes = (random.multinomial(6, np.full(8, 1 / 8), size=20) / 6).astype(np.float32)
    labels = random.integers(8, size=20)
    new = np.argsort(order)
    found = top_k_accuracy(votes, labels, 5)
    assert top_k_accuracy(votes[:, order], new[labels], 5) == pytest.approx(found)


def test_top_k_of_equal_scores_is_what_drawing_their_order_gives() -> None:
    votes = np.array([[0.5, 0.5, 0, 0, 0, 0, 0, 0]], dtype=np.float32)
    random = np.random.default_rng(0)
    drawn = [np.lexsort((random.random(8), -votes[0]))[:5] for _ in range(4000)]
    expected = np.mean([7 in best for best in drawn])
    assert top_k_accuracy(votes, np.array([7]), 5) == pytest.approx(expected, abs=0.03)


def test_equal_scores_rank_in_the_order_of_the_classes() -> None:
    scores = np.zeros((7, 7), dtype=np.float32)
    scores[:, 6] = 1
    # Best is class 6, then 0 to 3: of the seven classes five are hit.
    assert top_k_accuracy(scores, np.arange(7), 5) == pytest.approx(5 / 7)


def test_top_five_of_five_classes_says_nothing() -> None:
    assert top_k_accuracy(*drawn(10, 5), 5) is None


def test_the_confusion_matrix_counts_image_by_image() -> None:
    scores, labels = drawn(150, 6)
    expected = np.zeros((6, 6))
    for row, label in zip(scores, labels, strict=True):
        expected[label, row.argmax()] += 1
    assert (confusion_matrix("vote", scores, labels) == expected).all()


def test_single_tile_confusion_divides_each_image_and_keeps_the_accuracy() -> None:
    scores, labels = drawn(150, 6)
    matrix = confusion_matrix("single-tile", scores, labels)
    np.testing.assert_allclose(matrix.sum(1), np.bincount(labels, minlength=6), rtol=1e-5)
    assert np.trace(matrix) / 150 == pytest.approx(correctness("single-tile", scores, labels).mean())


@pytest.mark.parametrize("protocol", ["mean-probability", "mean-logit"])
def test_calibration_error_bins_confidence(protocol: str) -> None:
    scores, labels = drawn(500, 4)
    if protocol == "mean-logit":
        scores = scores * 6 - 2
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    else:
        shares = scores
    confidence, right = shares.max(1), shares.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert calibration_error(protocol, scores, labels) == pytest.approx(expected, abs=1e-5)


def test_a_confidence_of_exactly_one_is_in_the_last_bin() -> None:
    scores = np.array([[0.95, 0.05], [1.0, 0.0]], dtype=np.float32)
    # One bin: 97.5 % sure, and half right.
    assert calibration_error("vote", scores, np.array([0, 1])) == pytest.approx(0.475)
    assert calibration_error("mean-logit", 40 * scores, np.array([0, 1])) == pytest.approx(0.5)


def test_single_tile_has_no_calibration_error() -> None:
    assert calibration_error("single-tile", *drawn(10, 3)) is None


@pytest.mark.parametrize("protocol", ["vote", "single-tile"])
def test_accuracies_by_class_make_up_the_accuracy(protocol: str) -> None:
    scores, labels = drawn(120, 6)
    labels[labels == 4] = 0
    made = protocol_metrics(protocol, scores, labels, tuple("abcdef"))
    assert [entry["class"] for entry in made["per_class"]] == list("abcdef")
    nothing = dict.fromkeys(("accuracy", "interval", "f1", "auroc", "average_precision"))
    assert made["per_class"][4] == {"class": "e", "n": 0, **nothing}
    total = sum(entry["n"] * entry["accuracy"] for entry in made["per_class"] if entry["n"])
    assert total / made["n"] == pytest.approx(made["accuracy"])
    for entry in (made, *made["per_class"][:4]):
        assert entry["interval"][0] < entry["accuracy"] < entry["interval"][1]
