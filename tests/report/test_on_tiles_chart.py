"""The figure: every estimate is a point with its bar, on the curve of its view."""

from collections.abc import Callable

import pytest

from nearsight.evaluation.tile_views import VIEWS
from nearsight.report.on_tiles_chart import on_tiles_figure


def test_curves_are_the_estimates_in_per_cent(make_comparison: Callable) -> None:
    arms = make_comparison(on_tiles=True).on_tiles
    axes = on_tiles_figure(arms, "toy").axes
    assert len(axes) == 3
    names = ("accuracy", "agreement", "single_agreement")
    for one, (arm, name) in zip(axes, [(arm, name) for arm in arms for name in names], strict=True):
        found = dict(zip(*reversed(one.get_legend_handles_labels()), strict=True))
        for view in VIEWS:
            line, _, (bars,) = found[view]
            estimates = [
                getattr(row, name).numbers for size in arm.sizes for row in size.views if row.view == view
            ]
            assert list(line.get_ydata()) == pytest.approx([100 * value for value, _, _ in estimates])
            ends = [float(end) for (_, low), (_, high) in bars.get_segments() for end in (low, high)]
            assert ends == pytest.approx([100 * end for _, *both in estimates for end in both])
        assert ("chance" in found) == (name != "accuracy")
        assert ("full pass" in found) == (name == "accuracy")


def test_one_seed_has_no_line_between_seeds(make_comparison: Callable) -> None:
    arms = make_comparison(seeds=1, on_tiles=True).on_tiles
    told = {name for one in on_tiles_figure(arms, "toy").axes for name in one.get_legend_handles_labels()[1]}
    assert told == {*VIEWS, "chance", "full pass"}
