"""The paragraph: it says the numbers of the smallest and the largest tile, and what is not known."""

from dataclasses import replace

import numpy as np
import pytest
from tests.measured_digits import measured_digits

from nearsight.dimension import Dimension
from nearsight.dimension.order import Predicted, SideBySide, SizeAccuracy
from nearsight.statistics import Estimate, absent
from nearsight.statistics.writing import three_digits, with_interval


@pytest.fixture(scope="module")
def digits() -> Dimension:
    return measured_digits(4, 6, None)


def test_figures_of_the_smallest_and_the_largest_are_told(digits: Dimension) -> None:
    words = digits.words()
    for row in (digits.tiles[0], digits.tiles[-1]):
        assert with_interval(row.dimension("levina-bickel").estimate, three_digits) in words
        assert with_interval(row.coverage["raw"].relative, three_digits) in words
    assert with_interval(digits.tiles[1].coverage["raw"].relative, three_digits) not in words
    assert "chance 10." in words
    assert "The worst-case bound promises nothing for tiles of any size" in words
    assert "comparison" not in words


def test_what_could_not_be_measured_is_told_with_its_reason(digits: Dimension) -> None:
    none = absent("nothing to see")
    rows = []
    for row in digits.tiles:
        coverage = {
            space: replace(found, relative=none, slope=none, tile_agreement=none, image_agreement=none)
            for space, found in row.coverage.items()
        }
        intrinsic = tuple(replace(found, estimate=none) for found in row.intrinsic)
        effective = dict.fromkeys(row.effective, none)
        rows.append(replace(row, coverage=coverage, intrinsic=intrinsic, effective=effective))
    words = replace(digits, tiles=tuple(rows)).words()
    assert "The intrinsic dimension could not be measured: nothing to see." in words
    assert "Distances between tiles tell nothing: nothing to see." in words
    assert "Labels tell nothing: nothing to see." in words
    assert "independent" not in words


def test_what_is_known_of_pixels_alone_is_told_beside_what_is_not(digits: Dimension) -> None:
    # As of tiles of one pixel, which are all alike once brightness is removed.
    first = digits.tiles[0]
    row = replace(first, effective={**first.effective, "normalised": absent("all tiles are alike")})
    words = replace(digits, tiles=(row, *digits.tiles[1:])).words()
    assert "independent ones; without brightness and contrast, as –." in words


def test_predicted_orders_are_told_apart_by_being_right(digits: Dimension) -> None:
    beside = SideBySide(
        data="toy",
        budget="pixels",
        measured=(
            SizeAccuracy("tile-4", 4, 0.7, 0.65, 0.75),
            SizeAccuracy("tile-6", 6, 0.5, 0.4, 0.6),
            SizeAccuracy("full", None, 0.6, 0.55, 0.64),
        ),
        order=(4, None, 6),
        predicted=(
            Predicted("size", (1.0, 2.0), (6, None, 4), -1.0, 1.0),
            Predicted("labels", (1.0, 2.0), (4, None, 6), 1.0, 1.0),
            Predicted("luck", (None, 2.0), (), None, None, "not measured"),
        ),
        caveat="it means nothing",
    )
    assert (
        replace(digits, comparison=beside)
        .words()
        .endswith(
            "ranks, best first, 4, full, 6 (the intervals of full and 6 overlap). The same order is predicted by "
            "labels; another by size. Beware: it means nothing."
        )
    )


def test_figures_have_a_true_minus_and_three_digits() -> None:
    assert with_interval(Estimate(-0.12345, -1.0, np.pi), three_digits) == "−0.123 (−1 to 3.14)"


def test_what_tiles_are_worth_in_images_is_told_of_both_ends(digits: Dimension) -> None:
    words = digits.words()
    for row in digits.tiles[:2]:
        for place in ("raw", "normalised"):
            most = row.examples[place].most_tiles
            assert most is not None
            told = with_interval(most.by_distance, three_digits)
            beside = f"({told} without brightness and contrast)"
            assert (f"{told} times as many images" if place == "raw" else beside) in words
    assert digits.tiles[-1].examples["raw"].reason == "each image has one tile of this size"
    left_out = replace(digits, tiles=tuple(replace(row, examples={}) for row in digits.tiles))
    assert "times as many images" not in left_out.words()


def test_a_slope_is_told_as_what_ten_times_the_images_bring(digits: Dimension) -> None:
    row = digits.tiles[0]
    raw = replace(row.coverage["raw"], slope=Estimate(-0.5, -1.0, 0.0))
    words = replace(digits, tiles=(replace(row, coverage={**row.coverage, "raw": raw}),)).words()
    assert (
        "the nearest tile would be 0.316 (0.1 to 1) times as far away for tiles of 4 pixels (their" in words
    )


def test_one_tile_an_image_is_not_averaged(digits: Dimension) -> None:
    whole = digits.tiles[-1]
    assert whole.tile is None
    assert "independent" not in replace(digits, tiles=(whole,)).words()
