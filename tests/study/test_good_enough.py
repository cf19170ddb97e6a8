"""Whether tiles are good enough: the sentence says what the interval shows, and what would tell."""

from dataclasses import replace

import numpy as np
import pytest

from nearsight.errors import InputError
from nearsight.statistics import Estimate, paired_difference
from nearsight.statistics.margins import Spread
from nearsight.study.good_enough import Held, checked_margin, good_enough

HELD = Held("tile-8", "mean-logit", "full", "full-pass", ("tile 8", "full"))
BOTH = "images and seeds"


def networks(seeds: int, images: int, behind: float, draw: int) -> np.ndarray:
    random = np.random.default_rng(draw)
    spread = random.normal(0, 0.01, (seeds, 1))
    return random.binomial(1, 0.9 - behind + spread, (seeds, images)) - random.binomial(
        1, 0.9, (seeds, images)
    )


def test_more_points_are_said_as_such() -> None:
    said = good_enough(HELD, Estimate(-0.1, -0.12, -0.08, covers=BOTH), 2.5, None).said
    assert (
        said
        == "tile 8 is not good enough, more than 2.5 points behind full: the difference is −10.0 (−12.0 to −8.0)"
    )


def test_one_seed_says_that_it_is_of_two_networks() -> None:
    found = good_enough(HELD, Estimate(0.0, -0.02, 0.02), 1, Spread(0, 0.1, 0, seeds=1, images=900))
    assert found.said.startswith("of these two networks, whether tile 8 is less than 1 point")
    assert found.said.endswith(
        "images at this seed should tell; of the two ways of training one seed tells nothing"
    )
    assert found.seeds is None


def test_an_undertrained_arm_is_named_in_the_answer() -> None:
    found = good_enough(
        replace(HELD, undertrained=("full",)), Estimate(0.0, -0.005, 0.005, covers=BOTH), 1, None
    )
    assert found.said.endswith("; full is undertrained, so more steps may change this")


def test_a_difference_at_the_margin_is_told_by_nothing() -> None:
    found = good_enough(HELD, Estimate(-0.01, -0.02, 0.0, covers=BOTH), 1, Spread(0.1, 0.1, 0.1, 3, 400))
    assert (found.answer, found.seeds, found.images) == ("not yet known", None, None)
    assert found.said.endswith("the difference lies too near the margin")


def test_with_so_many_seeds_the_answer_comes_in_four_of_five_comparisons() -> None:
    """Simulated: networks 1 point behind, a margin of 3 points."""
    first = networks(3, 1000, 0.01, 0)
    asked = good_enough(HELD, Estimate(-0.01, -0.05, 0.03, covers=BOTH), 3, Spread.of(first))
    assert asked.seeds is not None
    told = 0
    for draw in range(1, 101):
        again = networks(asked.seeds, 1000, 0.01, draw)
        difference = paired_difference((again + 1) / 2, np.full(again.shape, 0.5))
        doubled = Estimate(*(2 * number for number in difference.numbers), covers=BOTH)
        told += good_enough(HELD, doubled, 3, None).answer == "yes"
    assert 60 <= told <= 100


@pytest.mark.parametrize("margin", [-1, 101, float("inf"), float("nan"), "two"])
def test_a_margin_is_points(margin: object) -> None:
    with pytest.raises(InputError, match="`margin` takes"):
        checked_margin(margin)  # type: ignore[arg-type]
