"""Trees say of an image that they did not grow from what scikit-learn's forest says of it."""

import numpy as np
import pytest

from nearsight.diagnosis.attributes.forests import grown_forest, told_apart
from nearsight.statistics import area_under_curve


@pytest.mark.parametrize(("ours", "theirs", "seed"), [(32, 32, 0), (8, 90, 3), (60, 9, 5)])
def test_images_are_told_apart_as_by_the_forest_to_the_last_bit(ours: int, theirs: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(ours + theirs, 40)).astype(np.float32)
    values[:ours, 0] += 1
    own = np.arange(len(values)) < ours
    sure = grown_forest(values, own, seed=seed).oob_decision_function_[:, 1].astype(np.float32)
    assert told_apart(values[own], values[~own], seed) == area_under_curve(sure[own], sure[~own])
