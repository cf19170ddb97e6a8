"""The corrected resampled t: Student's interval from SciPy, wider than one over images, and refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nearsight.errors import InputError
from nearsight.statistics import Estimate, arm_estimate, paired_difference, widened_by_folds

RANDOM = np.random.default_rng(0)
# No narrower than a point, so that only the folds decide.
NARROW = Estimate(0.3, 0.3, 0.3, 100)


def test_it_is_students_interval_where_training_sets_do_not_overlap() -> None:
    # Without the correction it is the interval of a mean of ten independent folds.
    fold, values = np.arange(100) % 10, RANDOM.normal(0.3, 0.1, 100)
    means = [values[fold == k].mean() for k in range(10)]
    oracle = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    centred = Estimate(float(values.mean()), float(values.mean()), float(values.mean()), 100)
    found = widened_by_folds(centred, values[None], fold, ratio=0)
    assert (found.low, found.high) == (pytest.approx(oracle.low), pytest.approx(oracle.high))


def test_the_correction_is_that_of_nadeau_and_bengio() -> None:
    fold, values = np.arange(100) % 5, RANDOM.normal(0.3, 0.1, (1, 100))
    found = widened_by_folds(NARROW, values, fold, ratio=1 / 4)
    spread = np.std([values[0, fold == k].mean() for k in range(5)], ddof=1)
    half = stats.t(4).ppf(0.975) * spread * (1 / 5 + 1 / 4) ** 0.5
    assert (found.low, found.high) == (pytest.approx(0.3 - half), pytest.approx(0.3 + half))
    assert (found.value, found.n, found.covers) == (0.3, 100, "images and training sets")


def test_seeds_share_their_folds() -> None:
    fold, values = np.arange(60) % 3, RANDOM.normal(0, 0.1, (4, 60))
    found = widened_by_folds(NARROW, values, fold, ratio=1 / 2)
    spread = np.std([[row[fold == k].mean() for k in range(3)] for row in values], ddof=1)
    assert found.high - 0.3 == pytest.approx(stats.t(2).ppf(0.975) * spread * (1 / 12 + 1 / 2) ** 0.5)
    assert found.covers == "images, training sets and seeds"


@given(st.integers(0, 1000), st.integers(2, 10), st.integers(1, 3))
def test_it_is_never_narrower_than_over_images_and_within_its_bounds(
    seed: int, folds: int, seeds: int
) -> None:
    random = np.random.default_rng(seed)
    a, b = (random.random((2, seeds, 40)) < 0.8).astype(float)
    fold = np.arange(40) % folds
    for known, values, least in (
        (arm_estimate(a), a, 0),
        (paired_difference(a, b), a - b, -1),
    ):
        found = widened_by_folds(known, values, fold, ratio=1 / (folds - 1), least=least)
        assert least <= found.low <= known.low <= known.high <= found.high <= 1


@pytest.mark.parametrize(
    ("fold", "said"), [(np.zeros(8), "two folds or more, got one"), (np.zeros(7), r"folds \(7,\)")]
)
def test_what_is_no_cross_validation_is_refused(fold: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        widened_by_folds(NARROW, np.ones((1, 8)), fold, ratio=0.5)
