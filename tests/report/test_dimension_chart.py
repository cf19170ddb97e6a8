"""The figure of tile dimensions: what is drawn is what was measured, and gaps where nothing was."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image
from tests.measured_digits import measured_digits

from nearsight.dimension import Dimension
from nearsight.report import dimension_figure, draw_dimension
from nearsight.statistics import absent


@pytest.fixture(scope="module")
def digits() -> Dimension:
    return measured_digits(4, 6, None)


def lines(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """Return x and y of every line in a panel's legend, with or without bars, by its label."""
    found = {}
    for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
        line = handle[0] if isinstance(handle, tuple) else handle
        if hasattr(line, "get_xdata"):
            found[label] = ([float(x) for x in line.get_xdata()], [float(y) for y in line.get_ydata()])
    return found


def test_lines_are_the_figures_against_the_side(digits: Dimension) -> None:
    dimensions, tiles, distances, worth, slopes, labels, bound, curves = map(
        lines, dimension_figure(digits).axes
    )
    rows, sides = digits.tiles, [4.0, 6.0, 8.0]
    coverage = [row.coverage["normalised"] for row in rows]
    wanted = [
        (dimensions["two-nn"], [row.dimension("two-nn").estimate.value for row in rows]),
        (tiles["all positions"], [row.tiles for row in rows]),
        (tiles["independent for their mean, raw"], [row.effective["raw"].value for row in rows]),
        (distances["normalised"], [found.relative.value for found in coverage]),
        (slopes["normalised"], [found.slope.value for found in coverage]),
        (labels["normalised, one tile"], [100 * (found.tile_agreement.value or 0) for found in coverage]),
        (bound["measured distance, raw"], [
            (row.coverage["raw"].nearest.value or 0) / row.bound.diameter for row in rows
        ]),
    ]  # fmt: skip
    # Whole images have one tile each, and none to weigh.
    most = [row.examples["raw"].most_tiles for row in rows[:-1]]
    assert worth["raw, distance"][0] == sides[:-1]
    assert worth["raw, distance"][1] == [row and row.by_distance.value for row in most]
    assert curves["one tile of each"][0] == [2, 4, 8, 16, 32, 64]
    for (xs, ys), values in wanted:
        assert xs == sides
        assert ys == pytest.approx(values)
    theory = [-1 / (row.dimension("levina-bickel").estimate.value or 1) for row in rows]
    assert slopes["−1/dimension (levina-bickel, raw)"][1] == pytest.approx(theory)
    assert labels["chance"][1] == pytest.approx([100 * digits.chance] * 2)


def test_what_is_not_known_is_a_gap(digits: Dimension) -> None:
    first = digits.tiles[0]
    coverage = {space: replace(found, relative=absent("no")) for space, found in first.coverage.items()}
    intrinsic = tuple(replace(found, estimate=absent("no"), known=()) for found in first.intrinsic)
    less = replace(digits, tiles=(replace(first, coverage=coverage, intrinsic=intrinsic), *digits.tiles[1:]))
    dimensions, _, distances, _, slopes, *_ = map(lines, dimension_figure(less).axes)
    assert dimensions["levina-bickel"][0] == distances["raw"][0] == [6.0, 8.0]
    assert slopes["−1/dimension (levina-bickel, raw)"][0] == [6.0, 8.0]
    assert slopes["raw"][0] == [4.0, 6.0, 8.0]


@pytest.mark.parametrize("high", [None, float("inf")])
def test_an_interval_without_a_bound_is_drawn_up_to_its_value(digits: Dimension, high: float | None) -> None:
    row = digits.tiles[0]
    intrinsic = tuple(
        replace(found, estimate=replace(found.estimate, value=5.0, low=2.0, high=high))
        for found in row.intrinsic
    )
    changed = replace(digits, tiles=(replace(row, intrinsic=intrinsic), *digits.tiles[1:]))
    first = dimension_figure(changed).axes[0]
    assert all(
        values[0] == 5.0 for name, (_, values) in lines(first).items() if name in ("levina-bickel", "two-nn")
    )


def test_ticks_name_the_sizes(digits: Dimension) -> None:
    for axes in dimension_figure(digits).axes[:-1]:
        assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "6", "full"]
    curves = dimension_figure(digits).axes[-1]
    examples = digits.tiles[1].examples["raw"]
    assert [text.get_text() for text in curves.get_xticklabels()] == [
        f"{point.images:,.0f}" for point in examples.single
    ]
    assert not curves.get_xticklabels(minor=True)


def test_files_are_pictures(digits: Dimension, tmp_path: Path) -> None:
    paths = [tmp_path / f"dimension.{kind}" for kind in ("png", "svg")]
    draw_dimension(digits, *paths)
    image = np.asarray(Image.open(paths[0]).convert("RGB"))
    assert image.shape[0] > 800
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20
    texts = "".join(ElementTree.parse(paths[1]).getroot().itertext())
    assert "Worst-case bound" in texts
