"""Margins: answers against intervals, and predicted widths against those of as many seeds and images."""

import numpy as np
import pytest

from nearsight.errors import InputError
from nearsight.statistics import Estimate, arm_estimate
from nearsight.statistics.margins import Spread, within_margin


def table(seeds: int, images: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    of_seeds, of_images = random.normal(0, 0.05, (seeds, 1)), random.normal(0, 0.3, (1, images))
    return np.clip(0.5 + of_seeds + of_images + random.normal(0, 0.2, (seeds, images)), 0, 1)


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (-0.009, 0.02, "yes"),
        (-0.03, -0.011, "no"),
        (-0.03, -0.01, "not yet known"),
        (-0.01, 0.1, "not yet known"),
    ],
)
def test_the_whole_interval_must_lie_on_one_side(low: float, high: float, answer: str) -> None:
    assert within_margin(Estimate((low + high) / 2, low, high), 0.01) == answer


@pytest.mark.parametrize("margin", [-0.1, 1.5, float("nan")])
def test_a_margin_is_a_share(margin: float) -> None:
    with pytest.raises(InputError, match="margin must lie between 0 and 1"):
        within_margin(Estimate(0.0, -0.1, 0.1), margin)


def test_at_the_numbers_it_was_measured_on_the_width_is_that_of_the_interval() -> None:
    values = table(4, 500)
    found = arm_estimate(values)
    assert Spread.of(values).half_width(4, 500) == pytest.approx(found.high - found.value)


@pytest.mark.parametrize(("seeds", "images"), [(12, 300), (4, 3000), (10, 2000)])
def test_the_width_at_other_numbers_is_what_such_tables_have(seeds: int, images: int) -> None:
    """The median over draws of both sides: the variance of few seeds is itself known roughly."""
    predicted = [Spread.of(table(6, 300, draw)).half_width(seeds, images) for draw in range(40)]
    measured = []
    for draw in range(40):
        found = arm_estimate(table(seeds, images, 100 + draw))
        measured.append(found.high - found.value)
    assert np.median(predicted) == pytest.approx(np.median(measured), rel=0.2)


def test_so_many_seeds_or_images_are_the_fewest_that_reach_no_further() -> None:
    spread = Spread(between_seeds=0.1, between_images=0.2, within=0.1, seeds=3, images=400)
    room = spread.half_width(3, 400) * 0.7
    seeds, images = spread.seeds_for(room), spread.images_for(spread.half_width(3, 900))
    assert seeds is not None
    assert spread.half_width(seeds, 400) <= room < spread.half_width(seeds - 1, 400)
    assert images == 900


def test_where_seeds_differ_no_number_of_images_tells() -> None:
    spread = Spread(between_seeds=5.0, between_images=0.2, within=0.1, seeds=2, images=100)
    assert spread.images_for(0.01) is None
    assert spread.seeds_for(1e-6) is None


def test_one_seed_tells_of_images_alone() -> None:
    spread = Spread.of(table(1, 400))
    assert spread.seeds_for(0.001) is None
    assert spread.images_for(spread.half_width(1, 1600)) == 1600
