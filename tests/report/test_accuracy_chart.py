"""The figure: what is drawn is what was measured, also where arms are few, and it is a picture."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.axes import Axes
from PIL import Image

from nearsight.report import accuracy_figure, draw_accuracy
from nearsight.study import Comparison

Make = Callable[..., Comparison]


def drawn(axes: Axes) -> dict[str, tuple[list[float], list[float], list[tuple[float, float]]]]:
    """Return x, y and the ends of the bars of everything in the legend, by its label."""
    handles, labels = axes.get_legend_handles_labels()
    found = {}
    for handle, label in zip(handles, labels, strict=True):
        line, _, (bars,) = handle
        ends = [(float(low), float(high)) for (_, low), (_, high) in bars.get_segments()]
        found[label] = ([float(x) for x in line.get_xdata()], [float(y) for y in line.get_ydata()], ends)
    return found


@pytest.mark.parametrize("whole", [True, False])
def test_points_and_bars_are_the_accuracies_in_per_cent(make_comparison: Make, whole: bool) -> None:
    comparison = make_comparison(whole=whole)
    left = accuracy_figure(comparison).axes[0]
    found = drawn(left)
    names = {f"{arm.name}, full-pass": [arm] for arm in comparison.arms if arm.tile is None}
    tiled = [arm for arm in comparison.arms if arm.tile is not None]
    names |= {f"tiles, {protocol}": tiled for protocol in ("full-pass", "mean-logit", "single-tile")}
    assert found.keys() == names.keys()
    for label, arms in names.items():
        xs, ys, ends = found[label]
        rows = [arm.accuracy(label.rpartition(", ")[2]) for arm in arms]
        assert ys == pytest.approx([100 * row.interval.value for row in rows])
        assert np.ravel(ends) == pytest.approx(
            [100 * end for row in rows for end in (row.interval.low, row.interval.high)]
        )
        # Protocols stand side by side, by less than the gap between two sizes.
        assert xs == pytest.approx([arm.tile or 32 for arm in arms], abs=3)


def test_sizes_have_their_strides_and_lines_their_protocols(make_comparison: Make) -> None:
    left, right = accuracy_figure(make_comparison()).axes
    assert [text.get_text() for text in left.get_xticklabels()] == [
        "8\n(stride 2)",
        "16\n(stride 4)",
        "32\n(whole image)",
    ]
    assert right.get_title(loc="left").endswith("tiles: mean-logit; whole images: full-pass")


def test_a_protocol_without_a_colour_of_its_own_is_drawn(make_comparison: Make) -> None:
    comparison = make_comparison()
    arms = [
        replace(arm, accuracies=(*arm.accuracies, replace(arm.accuracies[0], protocol="another")))
        for arm in comparison.arms
    ]
    left, _ = accuracy_figure(replace(comparison, arms=tuple(arms))).axes
    labels = left.get_legend_handles_labels()[1]
    assert labels.index("tiles, another") > labels.index("tiles, mean-logit")


def test_every_seed_is_a_dot(make_comparison: Make) -> None:
    comparison = make_comparison()
    left = accuracy_figure(comparison).axes[0]
    dots = [y for cloud in left.collections for _, y in np.atleast_2d(cloud.get_offsets()) if y > 0]
    seeds = [100 * value for arm in comparison.arms for row in arm.accuracies for value in row.seeds]
    assert sorted(dots) == pytest.approx(sorted(seeds))


def test_differences_are_those_fixed_in_advance(make_comparison: Make) -> None:
    comparison = make_comparison()
    right = accuracy_figure(comparison).axes[1]
    fixed = [row for row in comparison.differences if row.protocol == "mean-logit"]
    labels = [text.get_text().replace("\n", " ") for text in right.get_yticklabels()]
    assert labels == [f"{row.arm.replace('-', ' ')} against {row.reference}" for row in fixed]
    points = [container[0].get_xdata()[0] for container in right.containers]
    assert points == pytest.approx([100 * row.interval.value for row in fixed])


@pytest.mark.parametrize(("budget", "held"), [("steps", "optimizer steps"), ("pixels", "training pixels")])
def test_the_title_says_what_is_held_equal(make_comparison: Make, budget: str, held: str) -> None:
    figure = accuracy_figure(make_comparison(budget=budget, seeds=1))
    assert figure.get_suptitle() == f"toy, airbench: arms at equal {held}, one seed"


def test_files_are_pictures(make_comparison: Make, tmp_path: Path) -> None:
    comparison = make_comparison(seeds=2)
    paths = [tmp_path / f"accuracy.{kind}" for kind in ("png", "svg")]
    draw_accuracy(comparison, *paths)
    image = np.asarray(Image.open(paths[0]).convert("RGB"))
    assert image.shape[0] > 600
    assert len(np.unique(image.reshape(-1, 3), axis=0)) > 20
    texts = "".join(ElementTree.parse(paths[1]).getroot().itertext())
    assert "tiles, mean-logit" in texts
    assert "accuracy, %" in texts
