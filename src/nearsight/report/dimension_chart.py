"""Figure: what was measured of a set's tiles, against tile size."""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.dimension import Dimension, Estimator, Place, Space, TileDimension, Worth
from nearsight.report.figure_file import save_figure
from nearsight.statistics import Estimate, absent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nearsight.evidence.figure import NotebookFigure

# Okabe and Ito's colours, distinguishable with any colour vision; each also has its own marker.
_BLUE, _ORANGE, _GREEN, _PURPLE, _BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000"
_SPACES: Mapping[Space, tuple[str, str]] = {"raw": (_BLUE, "o"), "normalised": (_ORANGE, "s")}
_PLACES: Mapping[Place, tuple[str, str]] = {
    "raw": _SPACES["raw"],
    "normalised": _SPACES["normalised"],
    "embedding": (_GREEN, "D"),
}
_ESTIMATORS: Mapping[Estimator, tuple[str, str]] = {
    "levina-bickel": (_BLUE, "o"),
    "two-nn": (_GREEN, "^"),
}


def draw_dimension(dimension: Dimension, *paths: Path) -> None:
    """Draw the measurements to files, as PNG or SVG by their suffix, each whole or not at all."""
    figure = dimension_figure(dimension)
    for path in paths:
        save_figure(figure, path)


def dimension_figure(dimension: Dimension) -> "NotebookFigure":
    """Return the figure: panels against the side of the tile, bars are 95 % intervals.

    If the worth of tiles was measured, there is one more panel, and one of distances against the number of
    images. What could not be measured leaves a gap. It is drawn without any global state of matplotlib.
    """
    from nearsight.evidence.figure import NotebookFigure

    weighed = any(found.worth for row in dimension.tiles for found in row.examples.values())
    columns = 4 if weighed else 3
    figure = NotebookFigure(figsize=(13 / 3 * columns, 7.6), layout="constrained", facecolor="white")
    panels = figure.subplots(2, columns)
    draw = (_draw_dimensions, _draw_tiles, _draw_distances, _draw_slopes, _draw_labels, _draw_bound)
    for axes, panel in zip(panels[:, :3].flat, draw, strict=True):
        panel(axes, dimension)
        _finish(axes, dimension.tiles)
    if weighed:
        _draw_worth(panels[0, 3], dimension)
        _finish(panels[0, 3], dimension.tiles)
        _draw_coverage(panels[1, 3], dimension)
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
        _points(axes, found, worth, f"independent for their mean, {space}", colour, marker)
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
    # A distance of zero cannot be shown on a logarithmic scale.
    shares = [
        value / row.bound.diameter if value else None for row, value in zip(found.tiles, nearest, strict=True)
    ]
    _line(axes, found, shares, "measured distance, raw", _BLUE, "o")
    axes.axhline(1, color=_BLACK, linewidth=0.8, dashes=(5, 2), label="diameter of the cube of all tiles")
    axes.set_yscale("log")
    axes.set_ylabel("share of the diameter")


def _draw_worth(axes: "Axes", found: Dimension) -> None:
    most = max(worth.tiles for row in found.tiles for each in row.examples.values() for worth in each.worth)
    axes.set_title(f"What {most} tiles of an image, or all, are worth", loc="left", fontsize=10)
    none = absent("not weighed")
    for place, (colour, marker) in _PLACES.items():
        rows = [row.examples[place].most_tiles if place in row.examples else None for row in found.tiles]
        if any(rows):
            by_distance = [none if row is None else row.by_distance for row in rows]
            by_label = [none if row is None else row.by_label for row in rows]
            _points(axes, found, by_distance, f"{place}, distance", colour, marker)
            _points(axes, found, by_label, f"{place}, label", colour, marker, style=":")
    axes.axhline(most, color=_BLACK, linewidth=0.8, dashes=(5, 2))
    axes.axhline(1, color=_BLACK, linewidth=0.8, dashes=(5, 2))
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_ylabel("times the images, one tile each")


def _draw_coverage(axes: "Axes", found: Dimension) -> None:
    """Draw the curves of the middle tile size: several tiles of each image, and one of more images."""
    rows = [row for row in found.tiles if "raw" in row.examples and row.examples["raw"].worth]
    row = rows[len(rows) // 2]
    examples = row.examples["raw"]
    axes.set_title(f"Tile {row.label}: more tiles or more images, raw", loc="left", fontsize=10)
    images, distances = (
        [getattr(point, name) for point in examples.single] for name in ("images", "distance")
    )
    axes.plot(images, distances, color=_BLACK, marker="P", markersize=4.5, label="one tile of each")
    by_tiles: dict[int, list[Worth]] = {}
    for worth in examples.worth:
        by_tiles.setdefault(worth.tiles, []).append(worth)
    for (tiles, several), colour in zip(by_tiles.items(), (_BLUE, _ORANGE, _GREEN, _PURPLE), strict=False):
        axes.plot(
            [worth.images for worth in several],
            [worth.distance for worth in several],
            color=colour,
            marker="o",
            markersize=4.5,
            linewidth=1.2,
            label=f"{tiles} tiles of each",
        )
    axes.set_xscale("log")
    # A logarithmic scale's own labels overlap between two powers of ten.
    axes.minorticks_off()
    axes.set_xticks(images, [f"{count:,.0f}" for count in images], fontsize=8)
    axes.set_xlabel("training images")
    axes.set_ylabel("distance to the nearest training tile")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=7.5, edgecolor="none", framealpha=0.9)


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
        # A percentile of resamples may be slightly on the other side of the value itself.
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
    """Return an end of an interval; the value itself if it has no bound, which JSON does not hold."""
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
