"""Figure: what was measured of a set's tiles, against tile size."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.dimension import Dimension, Estimator, Space, TileDimension
from nearsight.report.figure_file import save_figure
from nearsight.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart with any colour vision; a marker each besides.
_BLUE, _ORANGE, _GREEN, _PURPLE, _BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
_SPACES: Mapping[Space, tuple[str, str]] = {"raw": (_BLUE, "o"), "normalised": (_ORANGE, "s")}
_ESTIMATORS: Mapping[Estimator, tuple[str, str]] = {
    "levina-bickel": (_BLUE, "o"),
    "two-nn": (_GREEN, "^"),
}


def draw_dimension(dimension: Dimension, *paths: Path) -> None:
    """Draw the measurements to files, as PNG or SVG by their suffix, each whole or not at all."""
    figure = dimension_figure(dimension)
    for path in paths:
        save_figure(figure, path)


def dimension_figure(dimension: Dimension) -> "Figure":
    """Return the figure: six panels against the side of the tile, bars are 95 % intervals.

    What could not be measured leaves a gap. It is drawn without any global state of matplotlib.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.6), layout="constrained", facecolor="white")
    panels = figure.subplots(2, 3).flat
    draw = (_draw_dimensions, _draw_tiles, _draw_distances, _draw_slopes, _draw_labels, _draw_bound)
    for axes, panel in zip(panels, draw, strict=True):
        panel(axes, dimension)
        _finish(axes, dimension.tiles)
    figure.suptitle(
        f"{dimension.data}: tiles of {dimension.training_images:,} training images, before any training",
        x=0.01,
        ha="left",
    )
    return figure


def _draw_dimensions(axes: "Axes", found: Dimension) -> None:
    axes.set_title("Intrinsic dimension, raw pixels", loc="left", fontsize=10)
    for estimator, (colour, marker) in _ESTIMATORS.items():
        estimates = [row.dimension(estimator) for row in found.tiles]
        _points(axes, found, [row.estimate for row in estimates], estimator, colour, marker)
        known = [estimate.matching for estimate in estimates]
        _band(axes, found, known, f"{estimator}, corrected by known samples", colour)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("dimensions")


def _draw_tiles(axes: "Axes", found: Dimension) -> None:
    axes.set_title("Tiles of the training images", loc="left", fontsize=10)
    _line(axes, found, [row.tiles for row in found.tiles], "all positions", _BLACK, "P")
    for space, (colour, marker) in _SPACES.items():
        worth = [row.effective[space] for row in found.tiles]
        _points(axes, found, worth, f"effective, {space}", colour, marker)
    axes.set_yscale("log")
    axes.set_ylabel("tiles")


def _draw_distances(axes: "Axes", found: Dimension) -> None:
    axes.set_title("Distance to the nearest training tile", loc="left", fontsize=10)
    for space, (colour, marker) in _SPACES.items():
        _points(axes, found, [row.coverage[space].relative for row in found.tiles], space, colour, marker)
    axes.axhline(1, color=_BLACK, linewidth=0.8, dashes=(5, 2))
    axes.set_ylim(0, 1.05)
    axes.set_ylabel("relative to a random training tile")


def _draw_slopes(axes: "Axes", found: Dimension) -> None:
    axes.set_title("Its fall with more training images (slope of logs)", loc="left", fontsize=10)
    for space, (colour, marker) in _SPACES.items():
        _points(axes, found, [row.coverage[space].slope for row in found.tiles], space, colour, marker)
    estimates = [row.dimension("levina-bickel") for row in found.tiles]
    theory = [None if (value := row.estimate.value) is None else -1 / value for row in estimates]
    _line(axes, found, theory, "−1/dimension (levina-bickel, raw)", _PURPLE, "v", style="--")
    known = [tuple(-1 / value for value in row.matching) for row in estimates]
    _band(axes, found, known, "−1/dimension, corrected by known samples", _PURPLE)
    axes.axhline(0, color=_BLACK, linewidth=0.8)
    axes.set_ylabel("slope; lower falls faster")


def _draw_labels(axes: "Axes", found: Dimension) -> None:
    axes.set_title("The nearest tile's label is right", loc="left", fontsize=10)
    for space, (colour, marker) in _SPACES.items():
        covered = [row.coverage[space] for row in found.tiles]
        votes, tiles = [row.image_agreement for row in covered], [row.tile_agreement for row in covered]
        _points(axes, found, votes, f"{space}, vote of an image", colour, marker, factor=100)
        _points(axes, found, tiles, f"{space}, one tile", colour, marker, style=":", factor=100)
    axes.axhline(100 * found.chance, color=_BLACK, linewidth=0.8, dashes=(5, 2), label="chance")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("%")


def _draw_bound(axes: "Axes", found: Dimension) -> None:
    axes.set_title("Worst-case bound (above the line it is vacuous)", loc="left", fontsize=10)
    bounds = [row.bound.radius / row.bound.diameter for row in found.tiles]
    _line(axes, found, bounds, "bound on the distance to the nearest tile", _PURPLE, "v")
    nearest = [row.coverage["raw"].nearest.value for row in found.tiles]
    # A distance of zero has no place on a scale of logarithms.
    shares = [
        value / row.bound.diameter if value else None for row, value in zip(found.tiles, nearest, strict=True)
    ]
    _line(axes, found, shares, "measured distance, raw", _BLUE, "o")
    axes.axhline(1, color=_BLACK, linewidth=0.8, dashes=(5, 2), label="diameter of the cube of all tiles")
    axes.set_yscale("log")
    axes.set_ylabel("share of the diameter")


def _band(
    axes: "Axes", found: Dimension, values: Sequence[tuple[float, ...]], name: str, colour: str
) -> None:
    drawn = [(_side(row), ends) for row, ends in zip(found.tiles, values, strict=True) if ends]
    axes.fill_between(
        [side for side, _ in drawn],
        [min(ends) for _, ends in drawn],
        [max(ends) for _, ends in drawn],
        color=colour,
        alpha=0.15,
        linewidth=0,
        label=name,
    )


def _line(
    axes: "Axes",
    found: Dimension,
    values: Sequence[float | None],
    name: str,
    colour: str,
    marker: str,
    *,
    style: str = "-",
) -> None:
    drawn = [(_side(row), value) for row, value in zip(found.tiles, values, strict=True) if value is not None]
    axes.plot(
        [side for side, _ in drawn],
        [value for _, value in drawn],
        label=name,
        color=colour,
        marker=marker,
        markersize=4.5,
        linestyle=style,
        linewidth=1.2,
    )


def _points(
    axes: "Axes",
    found: Dimension,
    estimates: Sequence[Estimate],
    name: str,
    colour: str,
    marker: str,
    *,
    style: str = "-",
    factor: float = 1.0,
) -> None:
    drawn = [
        (_side(row), *(factor * _bounded(estimate.value, end) for end in (None, estimate.low, estimate.high)))
        for row, estimate in zip(found.tiles, estimates, strict=True)
        if estimate.value is not None and estimate.low is not None
    ]
    axes.errorbar(
        [side for side, *_ in drawn],
        [value for _, value, _, _ in drawn],
        # A percentile of resamples may lie, by a little, on the other side of the value itself.
        yerr=[
            [max(0.0, value - low) for _, value, low, _ in drawn],
            [max(0.0, high - value) for _, value, _, high in drawn],
        ],
        label=name,
        color=colour,
        marker=marker,
        markersize=4.5,
        linestyle=style,
        linewidth=1.2,
        capsize=2,
    )


def _bounded(value: float, end: float | None) -> float:
    """Return an end of an interval; the value itself where it has no bound, which JSON does not hold."""
    return end if end is not None and isfinite(end) else value


def _finish(axes: "Axes", rows: Iterable[TileDimension]) -> None:
    sides = {_side(row): row.label for row in rows}
    axes.set_xticks(list(sides), list(sides.values()))
    axes.set_xlabel("side of the tile, pixels")
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7.5, edgecolor="none", framealpha=0.9)


def _side(row: TileDimension) -> float:
    return float((row.height * row.width) ** 0.5)
