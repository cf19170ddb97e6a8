"""Measures by class: their values against scikit-learn, their intervals against a bootstrap and the truth."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, balanced_accuracy_score, f1_score, roc_auc_score

from nearsight.evaluation.class_measures import class_measures
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.evaluation.protocols import probabilities


def drawn(images: int, classes: int, seed: int = 0, decimals: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Logits with many ties, and labels of which some are more frequent."""
    random = np.random.default_rng(seed)
    labels = np.minimum(random.geometric(0.4, images) - 1, classes - 1)
    scores = random.normal(size=(images, classes))
    scores[np.arange(images), labels] += 1
    return np.round(scores, decimals).astype(np.float32), labels


def by_sklearn(scores: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    shares = probabilities("mean-logit", scores)
    each = range(scores.shape[1])
    return {
        "balanced_accuracy": np.array([balanced_accuracy_score(labels, scores.argmax(1))]),
        "f1": f1_score(labels, scores.argmax(1), labels=list(each), average=None),
        "auroc": np.array([roc_auc_score(labels == number, shares[:, number]) for number in each]),
        "average_precision": np.array(
            [average_precision_score(labels == number, shares[:, number]) for number in each]
        ),
    }


def test_the_values_are_those_of_scikit_learn() -> None:
    scores, labels = drawn(300, 4)
    found = class_measures("mean-logit", scores, labels)
    for name, expected in by_sklearn(scores, labels).items():
        assert found[name].average.value == pytest.approx(expected.mean(), abs=1e-9)
        if name != "balanced_accuracy":
            assert [each.value for each in found[name].classes] == pytest.approx(expected, abs=1e-9)


def test_the_intervals_are_as_wide_as_a_bootstrap_finds() -> None:
    scores, labels = drawn(300, 3)
    found = class_measures("mean-logit", scores, labels)
    random = np.random.default_rng(0)
    resamples = [by_sklearn(scores[rows], labels[rows]) for rows in random.integers(300, size=(150, 300))]
    for name, measure in found.items():
        bounds = np.percentile([each[name].mean() for each in resamples], [2.5, 97.5])
        assert [measure.average.low, measure.average.high] == pytest.approx(bounds, abs=0.02), name
        if name != "balanced_accuracy":
            bounds = np.percentile([each[name][1] for each in resamples], [2.5, 97.5])
            assert [measure.classes[1].low, measure.classes[1].high] == pytest.approx(bounds, abs=0.03), name


def test_the_intervals_hold_what_many_images_give_as_often_as_they_say() -> None:
    whole = class_measures("mean-logit", *drawn(20_000, 3, seed=9, decimals=4))
    held = dict.fromkeys(whole, 0)
    for seed in range(100):
        for name, measure in class_measures("mean-logit", *drawn(80, 3, seed, decimals=4)).items():
            held[name] += measure.average.low <= whole[name].average.value <= measure.average.high
    assert all(89 <= count <= 100 for count in held.values()), held


def test_where_all_is_right_the_interval_still_has_a_width() -> None:
    labels = np.array([0, 0, 0, 1, 1, 1])
    scores = np.eye(2, dtype=np.float32)[labels]
    for measure in class_measures("vote", scores, labels).values():
        assert measure.average.value == measure.average.high == 1
        assert 0.4 < measure.average.low < 0.7


def test_classes_without_images_count_in_no_average() -> None:
    scores, labels = drawn(60, 3)
    wider = np.concatenate([scores, np.full((60, 2), -9, np.float32)], 1)
    for name, measure in class_measures("mean-logit", wider, labels).items():
        assert measure.average.value == pytest.approx(
            class_measures("mean-logit", scores, labels)[name].average.value, abs=1e-3
        )
        assert measure.classes[3:] == (None, None)


def test_one_class_alone_cannot_be_ranked_and_one_image_has_no_interval() -> None:
    scores = np.array([[0.7, 0.3], [0.6, 0.4]], dtype=np.float32)
    alone = class_measures("vote", scores, np.array([0, 0]))
    assert alone["auroc"].average.value is None
    assert "one class" in alone["auroc"].average.reason
    assert alone["f1"].average.value == 1
    single = class_measures("vote", scores, np.array([0, 1]))
    assert (single["auroc"].classes[0].value, single["auroc"].classes[0].low) == (1.0, None)
    assert single["auroc"].average.low < 0.6


def test_tiles_taken_one_by_one_divide_their_image_and_are_not_ranked() -> None:
    scores, labels = np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32), np.array([0, 1])
    found = class_measures("single-tile", scores, labels)
    assert found["balanced_accuracy"].average.value == pytest.approx(0.625)
    assert found["f1"].classes[0].value == pytest.approx(2 * 0.75 / (1 + 1.25))
    assert found["auroc"].average.value is None


def test_the_accuracy_among_the_sets_classes_leaves_out_the_others() -> None:
    scores, labels = np.array([[1, 2, 3], [3, 1, 2]], dtype=np.float32), np.array([1, 0])
    made = protocol_metrics("mean-logit", scores, labels, ("a", "b", "c"))
    assert (made["accuracy"], made["restricted_accuracy"]["value"]) == (0.5, 1.0)
    assert protocol_metrics("mean-logit", scores[:, :2], labels, ("a", "b"))["restricted_accuracy"] is None
