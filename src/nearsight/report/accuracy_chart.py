"""Figure: accuracy against tile size, one line per protocol, with whole images beside it."""

from collections.abc import Sequence
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.report.figure_file import save_figure
from nearsight.study import Accuracy, ArmResult, Comparison, Difference
from nearsight.study.arms import FULL_HEADLINE, TILE_HEADLINE, label

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nearsight.evidence.figure import NotebookFigure

# Okabe and Ito's colours, distinguishable with any colour vision.
_PROTOCOL_STYLES = {
    "mean-logit": ("#0072B2", "o"),
    "mean-probability": ("#56B4E9", "s"),
    "vote": ("#009E73", "^"),
    "full-pass": ("#CC79A7", "v"),
    "single-tile": ("#999999", "D"),
    "top-k": ("#D55E00", ">"),
    "max": ("#B8860B", "h"),
    "noisy-or": ("#6A3D9A", "p"),
    "attention": ("#B22222", "*"),
}
# For protocols without their own.
_OTHER_STYLE = ("#E69F00", "<")
_WHOLE_STYLES = (
    ("#000000", "P", (1.0, 1.5)),
    ("#D55E00", "X", (5.0, 2.0)),
    ("#8C510A", "*", (3.0, 1.0, 1.0, 1.0)),
    ("#7B3294", "p", (6.0, 3.0)),
    ("#01665E", "h", (2.0, 3.0)),
    ("#A6761D", "d", (8.0, 2.0, 1.0, 2.0)),
)


def draw_accuracy(comparison: Comparison, *paths: Path) -> None:
    """Draw accuracy against tile size to files, as PNG or SVG by their suffix, each whole or not at all.

    Lines are the protocols of the arms of tiles; arms of whole images are drawn at the image's side (the root of
    its pixels), and across the figure with their intervals as bands.
    """
    figure = accuracy_figure(comparison)
    for path in paths:
        save_figure(figure, path)


def accuracy_figure(comparison: Comparison) -> "NotebookFigure":
    """Return the figure: accuracy against tile size, and beside it the differences for which it is made.

    It is drawn without any global state of matplotlib.
    """
    from nearsight.evidence.figure import NotebookFigure

    figure = NotebookFigure(figsize=(10.5, 5.2), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    _draw_accuracies(left, comparison)
    _draw_differences(right, comparison)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    seeds = f"{len(comparison.seeds)} seeds" if len(comparison.seeds) > 1 else "one seed"
    held = "optimizer steps" if comparison.budget == "steps" else "training pixels"
    figure.suptitle(
        f"{comparison.data}, {comparison.recipe.model}: arms at equal {held}, {seeds}", x=0.01, ha="left"
    )
    return figure


def _draw_accuracies(axes: "Axes", comparison: Comparison) -> None:
    sides = {arm.name: arm.cost.pixels_per_image**0.5 for arm in comparison.arms}
    span = max(sides.values()) - min(sides.values()) or 1.0
    step = span / 45
    tiled = [arm for arm in comparison.arms if arm.tile is not None]
    whole = [arm for arm in comparison.arms if arm.tile is None]
    for number, (arm, style) in enumerate(zip(whole, cycle(_WHOLE_STYLES), strict=False)):
        _draw_whole(axes, arm, sides[arm.name] + (number - (len(whole) - 1) / 2) * step, step, style)
    # Arms of tiles that differ in augmentation have lines of their own, the first of them solid.
    series = list(dict.fromkeys(_addition(arm.name) for arm in tiled))
    measured = dict.fromkeys(row.protocol for arm in tiled for row in arm.accuracies)
    shown = sorted(measured, key=[*_PROTOCOL_STYLES, *measured].index)
    lines = [(addition, protocol) for addition in series for protocol in shown]
    for number, (addition, protocol) in enumerate(lines):
        offset = step * (number - (len(lines) - 1) / 2)
        mine = [arm for arm in tiled if _addition(arm.name) == addition]
        found = [(sides[arm.name] + offset, arm.accuracy(protocol)) for arm in mine]
        rows = [(x, row) for x, row in found if row is not None]
        colour, marker = _PROTOCOL_STYLES.get(protocol, _OTHER_STYLE)
        dashed = "-" if addition == series[0] else "--"
        _draw_points(axes, rows, step, f"tiles{addition}, {protocol}", colour, marker, dashed)
    ticks = {sides[arm.name]: f"{sides[arm.name]:.0f}\n(stride {arm.stride})" for arm in tiled}
    ticks |= {sides[arm.name]: f"{sides[arm.name]:.0f}\n(whole image)" for arm in whole}
    axes.set_xticks(list(ticks), list(ticks.values()), fontsize=8.5)
    axes.set_xlim(min(sides.values()) - 0.12 * span, max(sides.values()) + 0.12 * span)
    axes.set_xlabel("side of the tiles and their stride in evaluation, pixels")
    axes.set_ylabel("accuracy, %")
    axes.set_title(
        f"Accuracy on {comparison.tested} (95 % bars; dots: seeds)",
        loc="left",
        fontsize=10,
    )
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _addition(arm: str) -> str:
    """Return what an arm's name says is added to tiles: "+flip" of tile-16+flip."""
    _, plus, more = arm.partition("+")
    return plus + more


def _draw_differences(axes: "Axes", comparison: Comparison) -> None:
    rows = [row for row in comparison.differences if row.headline]
    axes.axvline(0, color="#000000", linewidth=1)
    for place, row in enumerate(rows):
        value, low, high = row.interval.numbers
        shown = not low <= 0 <= high
        axes.errorbar(
            100 * value,
            place,
            xerr=[[100 * (value - low)], [100 * (high - value)]],
            color="#0072B2" if shown else "#777777",
            marker="o",
            markerfacecolor=None if shown else "white",
            markersize=6,
            linewidth=1.6,
            capsize=3,
        )
    usual = (*_of_tiles(comparison), FULL_HEADLINE)
    axes.set_yticks(range(len(rows)), [_pair(row, usual) for row in rows])
    axes.tick_params(axis="y", labelsize=8.5, length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("points; right of 0: the first is better")
    axes.set_title(
        f"Differences (paired, 95 %)\ntiles: {' or '.join(_of_tiles(comparison))}; whole images: {FULL_HEADLINE}",
        loc="left",
        fontsize=10,
    )
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)


def _of_tiles(comparison: Comparison) -> list[str]:
    """Return the headline protocols of the arms of tiles."""
    found = dict.fromkeys(arm.headline for arm in comparison.arms if arm.tile is not None)
    return list(found) or [TILE_HEADLINE]


def _pair(row: Difference, usual: Sequence[str]) -> str:
    by = "" if row.reference_protocol in usual else f" ({row.reference_protocol})"
    return f"{label(row.arm)}\nagainst {label(row.reference)}{by}"


def _draw_whole(
    axes: "Axes", arm: ArmResult, x: float, step: float, style: tuple[str, str, tuple[float, ...]]
) -> None:
    colour, marker, dashes = style
    accuracy = next(row for row in arm.accuracies if row.protocol == arm.headline)
    value, low, high = accuracy.interval.numbers
    axes.axhspan(100 * low, 100 * high, color=colour, alpha=0.1, linewidth=0, zorder=0)
    axes.axhline(100 * value, color=colour, dashes=dashes, linewidth=1.2, zorder=1)
    _draw_points(axes, [(x, accuracy)], step, f"{arm.label}, {accuracy.protocol}", colour, marker)


def _draw_points(
    axes: "Axes",
    rows: list[tuple[float, Accuracy]],
    step: float,
    name: str,
    colour: str,
    marker: str,
    line: str = "-",
) -> None:
    estimates = [row.interval.numbers for _, row in rows]
    below = [100 * (value - low) for value, low, _ in estimates]
    above = [100 * (high - value) for value, _, high in estimates]
    axes.errorbar(
        [x for x, _ in rows],
        [100 * value for value, _, _ in estimates],
        yerr=[below, above],
        label=name,
        color=colour,
        marker=marker,
        markersize=4.5,
        linestyle=line,
        linewidth=1.2,
        elinewidth=1.2,
        capsize=2,
        zorder=3,
    )
    for x, row in rows:
        axes.scatter(
            [x + 0.4 * step] * len(row.seeds),
            [100 * accuracy for accuracy in row.seeds],
            s=7,
            color=colour,
            alpha=0.6,
            linewidths=0,
            zorder=4,
        )
