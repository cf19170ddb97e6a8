"""Known bias: other samples of the same dimension and number of points are put right by it."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from nearsight.dimension.intrinsic import levina_bickel, two_nn
from nearsight.dimension.known import known_bias


@pytest.mark.parametrize("dimension", [5, 20, 40])
@pytest.mark.parametrize(("estimator", "figure"), [("two-nn", two_nn), ("levina-bickel", levina_bickel)])
def test_a_new_sample_is_put_right(dimension: int, estimator, figure) -> None:  # type: ignore[no-untyped-def]
    rows = np.random.default_rng(99).normal(size=(600, dimension))
    rows = np.concatenate([rows, np.zeros((600, 7))], 1)
    distances = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(rows).kneighbors(rows)[0][:, 1:]
    value = figure(distances)
    known = known_bias(value, estimator, "normal", points=600, neighbours=10)
    assert known.matching == pytest.approx(dimension, rel=0.15)
    assert abs(known.matching - dimension) < abs(value - dimension) + 0.3


def test_bias_is_what_the_estimator_gives_less_the_dimension() -> None:
    rows = np.random.default_rng(24).standard_normal((400, 24))
    distances = NearestNeighbors(n_neighbors=11, algorithm="brute").fit(rows).kneighbors(rows)[0][:, 1:]
    known = known_bias(24.0, "levina-bickel", "normal", points=400, neighbours=10)
    assert known.bias == pytest.approx(levina_bickel(distances) - 24, abs=1e-3)


def test_the_cube_has_edges_and_so_more_bias() -> None:
    normal, cube = (known_bias(12.0, "levina-bickel", sample, 400, 10) for sample in ("normal", "cube"))
    assert cube.bias < normal.bias < 0
    assert cube.matching > normal.matching > 12


def test_outside_of_what_is_tried_it_says_so() -> None:
    known = known_bias(500.0, "two-nn", "normal", points=400, neighbours=10)
    assert (known.bias, known.matching) == (None, None)
    assert known.reason == "500 is outside what is tried, dimensions 1 to 128"
