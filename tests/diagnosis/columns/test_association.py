"""How columns go with classes and accuracy: against scipy, against plants, and on labels that were shuffled."""

import numpy as np
import pytest
from scipy.stats.contingency import association, crosstab

from nearsight.diagnosis.columns import association as association_module
from nearsight.diagnosis.columns.association import DRAWS, cramers_v, permutation_tests


def test_the_strength_is_scipys_but_for_its_bias() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, 20_000)
    groups = np.where(random.random(20_000) < 0.4, labels, random.integers(0, 4, 20_000))
    theirs = association(crosstab(groups, labels).count, method="cramer")
    assert cramers_v(groups, labels) == pytest.approx(theirs, abs=0.002)


def test_many_groups_and_classes_of_few_images_have_no_strength_by_chance() -> None:
    random = np.random.default_rng(0)
    found = [cramers_v(random.integers(0, 20, 300), random.integers(0, 10, 300)) for _ in range(20)]
    assert np.mean(found) < 0.06
    theirs = association(
        crosstab(random.integers(0, 20, 300), random.integers(0, 10, 300)).count, method="cramer"
    )
    assert theirs > 0.2


def test_probabilities_are_even_where_columns_know_nothing() -> None:
    of_class, of_accuracy = [], []
    for seed in range(60):
        random = np.random.default_rng(seed)
        labels = np.repeat([0, 1, 2], 40)
        # Classes are not equally hard: that alone must not count.
        right = (random.random(120) < np.array([0.9, 0.5, 0.2])[labels]).astype(float)
        (one,) = permutation_tests([random.integers(0, 3, 120)], labels, right, seed=seed)
        of_class.append(one.of_class)
        of_accuracy.append(one.of_accuracy)
    for probabilities in (of_class, of_accuracy):
        assert np.mean(np.array(probabilities) <= 0.1) <= 0.2
        assert 0.35 < np.mean(probabilities) < 0.65


def test_a_column_that_says_the_class_is_no_finding_of_accuracy() -> None:
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 200)
    right = (random.random(400) < np.array([0.95, 0.2])[labels]).astype(float)
    (one,) = permutation_tests([labels], labels, right)
    assert one.of_class == 1 / (DRAWS + 1)
    assert one.of_accuracy > 0.05


def test_a_group_of_hard_images_in_every_class_is_found() -> None:
    random = np.random.default_rng(0)
    labels, camera = np.tile([0, 1], 200), np.repeat([0, 1], 200)
    right = (random.random(400) < np.array([0.9, 0.6])[camera]).astype(float)
    (one,) = permutation_tests([camera], labels, right)
    assert one.of_accuracy == 1 / (DRAWS + 1)
    assert one.of_class > 0.05


def test_many_groups_are_tested_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels, right = np.repeat(np.arange(10), 30), random.integers(0, 2, 300).astype(float)
    columns = [np.where(random.random(300) < 0.2, labels, random.integers(0, 40, 300)), np.arange(300)]
    strengths, tested = (
        [cramers_v(groups, labels) for groups in columns],
        permutation_tests(columns, labels, right),
    )
    monkeypatch.setattr(association_module, "MOST_CELLS", 0)
    assert [cramers_v(groups, labels) for groups in columns] == pytest.approx(strengths)
    assert permutation_tests(columns, labels, right) == tested
