"""The bound by hand, against points that obey it, and in words where it says nothing."""

import math

import numpy as np
import pytest
from scipy.spatial import cKDTree

from nearsight.dimension.bound import Bound, measure_bound, worst_radius
from nearsight.dimension.coverage import LearningCurve


def curve(distances: list[float], errors: list[float], images: int = 50) -> LearningCurve:
    sizes = len(distances)
    return LearningCurve(
        np.array([100.0 * 2**size for size in range(sizes)]),
        np.repeat([distances], images, 0),
        1 - np.repeat([errors], images, 0),
    )


FALLING = curve([0.5, 0.4, 0.3, 0.2], [0.7, 0.6, 0.5, 0.4])


def test_the_distance_by_hand() -> None:
    assert worst_radius(3, 10**8) == pytest.approx(math.sqrt(3) * (2 + math.exp(-1)) * 0.01)
    assert worst_radius(48, 42_050_000) == pytest.approx(11.4655, abs=1e-4)


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("power", [1, 6])
def test_points_keep_within_it_however_they_are_distributed(dimension: int, power: int) -> None:
    random = np.random.default_rng(dimension)
    for count in (10, 1000):
        points, others = random.random((count, dimension)) ** power, random.random((2000, dimension)) ** power
        assert cKDTree(points).query(others)[0].mean() < worst_radius(dimension, count)


def test_the_constants_are_the_line_of_the_curve() -> None:
    bound = measure_bound(3, 10**8, FALLING, chance=0.1)
    assert bound.smoothness.value == pytest.approx(1)
    assert bound.limit.value == pytest.approx(0.2)
    assert bound.error == pytest.approx(0.2 + worst_radius(3, 10**8))
    assert not bound.vacuous
    assert "if the L of the learning curve holds everywhere" in bound.reason


def test_tiles_for_half_the_diameter_bring_it_there() -> None:
    for dimension in (1, 2, 6):
        bound = measure_bound(dimension, 5, FALLING, chance=0.5)
        tiles = 10**bound.log10_tiles_to_halve
        assert worst_radius(dimension, round(tiles)) == pytest.approx(bound.diameter / 2, rel=0.05)
        halved = worst_radius(dimension, round(tiles * 10**bound.log10_images_factor))
        assert halved == pytest.approx(bound.diameter / 4, rel=0.05)


def test_it_is_vacuous_where_the_distance_is_no_less_than_the_diameter() -> None:
    bound = measure_bound(768, 14_450_000, FALLING, chance=0.1)
    assert bound.vacuous
    assert "no less than the diameter" in bound.reason


def test_it_is_vacuous_where_it_allows_the_error_of_chance() -> None:
    bound = measure_bound(3, 10**8, curve([0.5, 0.4, 0.3], [0.7, 0.6, 0.5]), chance=0.9)
    assert bound.vacuous
    assert "allows the error of chance" in bound.reason


@pytest.mark.parametrize(
    ("distances", "errors", "reason"),
    [
        ([0.5, 0.4, 0.3], [0.5, 0.6, 0.7], "no rise of the error with distance is shown"),
        ([0.5, 0.5, 0.5], [0.7, 0.6, 0.5], "does not change with more images"),
        ([0.5, 0.4], [0.7, 0.6], "200 training images are too few for a curve"),
    ],
)
def test_what_the_curve_does_not_show_stays_symbolic(distances, errors, reason) -> None:  # type: ignore[no-untyped-def]
    bound: Bound = measure_bound(3, 10**8, curve(distances, errors), chance=0.1)
    assert reason in bound.smoothness.reason
    assert (bound.error, bound.vacuous) == (None, False)
    assert "only if L is small enough" in bound.reason


def test_a_line_below_no_error_leaves_its_end_symbolic() -> None:
    bound = measure_bound(3, 10**8, curve([0.5, 0.4, 0.3], [0.9, 0.6, 0.3]), chance=0.1)
    assert bound.smoothness.value == pytest.approx(3)
    assert "no error from 0 to 1" in bound.limit.reason
    assert bound.error is None
