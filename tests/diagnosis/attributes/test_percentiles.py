"""Percentiles are NumPy's."""

import numpy as np
import pytest

from nearsight.diagnosis.attributes.percentiles import percentiles


@pytest.mark.parametrize("count", [1, 2, 5, 100, 2304])
def test_they_are_those_of_numpy(count: int) -> None:
    values = np.random.default_rng(count).normal(size=(3, count)).astype(np.float32)
    shares = (0, 2, 5, 50, 95, 99.5, 100)
    assert np.allclose(percentiles(values, shares), np.percentile(values, shares, axis=1), atol=1e-5)
