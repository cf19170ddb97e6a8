"""Estimators of intrinsic dimension on manifolds whose dimension is known, and by hand."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from nearsight.dimension.intrinsic import estimate, levina_bickel, two_nn

Sample = Callable[[np.random.Generator, int, int], NDArray[np.float64]]


def cube(random: np.random.Generator, points: int, dimension: int) -> NDArray[np.float64]:
    return random.random((points, dimension))


def sphere(random: np.random.Generator, points: int, dimension: int) -> NDArray[np.float64]:
    rows = random.normal(size=(points, dimension + 1))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedded(
    rows: NDArray[np.float64], random: np.random.Generator, ambient: int = 60
) -> NDArray[np.float64]:
    """Turn rows, without stretching them, into a space of more dimensions."""
    frame = np.linalg.qr(random.normal(size=(ambient, rows.shape[1])))[0]
    return rows @ frame.T + 3


def neighbour_distances(rows: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    found: NDArray[np.float64] = np.sort(cdist(rows, rows), axis=1)[:, 1 : count + 1]
    return found


@pytest.mark.parametrize("sample", [cube, sphere])
@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_few_dimensions_are_found_whatever_they_lie_in(sample: Sample, dimension: int) -> None:
    random = np.random.default_rng(dimension)
    distances = neighbour_distances(embedded(sample(random, 3000, dimension), random), 10)
    assert two_nn(distances) == pytest.approx(dimension, rel=0.1)
    assert levina_bickel(distances) == pytest.approx(dimension, rel=0.1)


def test_many_dimensions_are_underestimated_in_order() -> None:
    random = np.random.default_rng(0)
    for figure in (two_nn, levina_bickel):
        found = [figure(neighbour_distances(cube(random, 1000, d), 10)) for d in (5, 10, 20, 40)]
        assert found == sorted(found)
        assert all(value < d for value, d in zip(found[1:], (10, 20, 40), strict=True))


def test_a_ratio_with_the_distribution_of_the_theory_gives_its_dimension() -> None:
    ratios = (1 - np.random.default_rng(1).random(20_000)) ** (-1 / 7)
    assert two_nn(np.stack([np.ones(20_000), ratios], 1)) == pytest.approx(7, rel=0.03)
    assert levina_bickel(np.stack([np.ones(20_000), ratios], 1)) == pytest.approx(7, rel=0.03)


def test_levina_bickel_by_hand_averages_before_it_inverts() -> None:
    distances = np.array([[1.0, 2.0, 4.0], [1.0, 1.0, 3.0]])
    logs = [np.log(4 / 1), np.log(4 / 2), np.log(3 / 1), np.log(3 / 1)]
    assert levina_bickel(distances) == pytest.approx(len(logs) / sum(logs))


def test_two_nn_by_hand_fits_the_lower_nine_tenths() -> None:
    ratios = np.array([1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7, 1.8, 1.9, 99.0])
    x, y = np.log(ratios[:9]), -np.log(1 - np.arange(1, 10) / 11)
    slope = np.linalg.lstsq(x[:, None], y, rcond=None)[0][0]
    order = np.random.default_rng(0).permutation(10)
    assert two_nn(np.stack([np.ones(10), ratios[order]], 1)) == pytest.approx(slope)


@pytest.mark.parametrize("estimator", ["two-nn", "levina-bickel"])
def test_scale_changes_nothing(estimator) -> None:  # type: ignore[no-untyped-def]
    distances = neighbour_distances(np.random.default_rng(2).random((200, 3)), 5)
    one, other = (estimate(factor * distances, estimator) for factor in (1, 1024))
    assert one == other
    assert one.low < one.value < one.high


def test_points_in_a_lattice_tell_of_no_dimension() -> None:
    assert "equally far" in (estimate(np.ones((20, 4)), "two-nn").reason or "")
    assert "equally far" in (estimate(np.ones((20, 4)), "levina-bickel").reason or "")


def test_the_interval_is_as_wide_as_estimates_differ() -> None:
    samples = [
        neighbour_distances(np.random.default_rng(seed).normal(size=(300, 6)), 10) for seed in range(40)
    ]
    for estimator, figure in (("two-nn", two_nn), ("levina-bickel", levina_bickel)):
        spread = np.std([figure(distances) for distances in samples])
        widths = [estimate(distances, estimator) for distances in samples]  # type: ignore[arg-type]
        mean = np.mean([found.high - found.low for found in widths])  # type: ignore[operator]
        assert mean / (2 * 1.96) == pytest.approx(spread, rel=0.4)
