"""Figure: accuracy before and after a repair, and test images with their predictions before and after."""

from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.diagnosis.pictures import Picture, decoded
from nearsight.errors import shortened
from nearsight.repair.result import SHOWN, SIDE, Change, Example, Repair
from nearsight.report.figure_file import save_figure
from nearsight.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nearsight.evidence.figure import NotebookFigure

# Okabe and Ito's colours, distinguishable with any colour vision.
BEFORE, AFTER = "#D55E00", "#0072B2"
# Groups of more shortcuts are on the page.
GROUPS = 6
# Letters of a class's name below a picture.
LONGEST = 9


def draw_repair(repair: Repair, *paths: Path) -> None:
    """Draw accuracy before and after to files, as PNG or SVG by their suffix, each whole or not at all."""
    figure = repair_figure(repair)
    for path in paths:
        save_figure(figure, path)


def repair_figure(repair: Repair) -> "NotebookFigure":
    """Return the figure: accuracy over all and with and without each shortcut, and images of the first one.

    It is drawn without any global state of matplotlib.
    """
    from nearsight.evidence.figure import NotebookFigure

    rows = (repair.overall, *repair.groups[:GROUPS])
    first = [one for one in repair.examples if one.shortcut == 0]
    shown = [(having, [one for one in first if one.having is having][:SHOWN]) for having in (False, True)]
    height = max(3.6, 1.3 + 0.62 * len(rows))
    # Images that all have it would not show what changed.
    if not shown[0][1]:
        figure = NotebookFigure(figsize=(8, height), layout="constrained", facecolor="white")
        _draw_changes(figure.subplots(), rows)
        return figure
    figure = NotebookFigure(figsize=(11.5, height), layout="constrained", facecolor="white")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(1, 1.35))[0]
    _draw_changes(left.subplots(), rows)
    places = right.subfigures(2, 1)
    for place, (having, examples) in zip(places, shown, strict=True):
        place.suptitle(_heading(repair, having=having), parse_math=False, x=0.01, ha="left", fontsize=10)
        for axes, one in zip(place.subplots(1, SHOWN), [*examples, *[None] * SHOWN], strict=False):
            _draw_example(axes, repair, one)
    return figure


def _heading(repair: Repair, *, having: bool) -> str:
    """Say what images of the first shortcut's class are shown."""
    first = repair.shortcuts[0]
    name = repair.classes[first.class_number]
    return f"{name} with it: {first.words}" if having else f"{name} without it"


def _draw_changes(axes: "Axes", rows: tuple[Change, ...]) -> None:
    for estimates, colour, label, offset in (
        ([row.before for row in rows], BEFORE, "before", -0.14),
        ([row.after for row in rows], AFTER, "after", 0.14),
    ):
        known = [(place + offset, one) for place, one in enumerate(estimates) if one.value is not None]
        axes.errorbar(
            [100 * (one.value or 0.0) for _, one in known],
            [y for y, _ in known],
            xerr=[[_bar(one)[side] for _, one in known] for side in (0, 1)],
            fmt="o",
            color=colour,
            label=label,
            markersize=6,
            linewidth=1.6,
            capsize=3,
        )
    axes.set_yticks(range(len(rows)), [f"{_wrapped(row.name)}\n{row.images:,} images" for row in rows])
    for tick in axes.get_yticklabels():
        tick.set_parse_math(False)
    axes.tick_params(axis="y", labelsize=9, length=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    # Points at 0 and at 100 are drawn whole.
    axes.set_xlim(-2, 102)
    axes.set_xlabel("right, % (95 % intervals)")
    axes.grid(axis="x", color="#DDDDDD", linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, frameon=False, fontsize=9)


def _bar(one: Estimate) -> tuple[float, float]:
    if one.value is None or one.low is None or one.high is None:
        return 0.0, 0.0
    return 100 * (one.value - one.low), 100 * (one.high - one.value)


def _wrapped(name: str) -> str:
    from textwrap import wrap

    return "\n".join(wrap(name, 26)[:2])


def _draw_example(axes: "Axes", repair: Repair, one: Example | None) -> None:
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    if one is None:
        return
    axes.imshow(decoded(repair.pictures.encoded(Picture(one.index, SIDE))), interpolation="nearest")
    for line, (when, found, colour) in enumerate(
        (("before", one.before, BEFORE), ("after", one.after, AFTER))
    ):
        axes.text(
            0,
            -0.06 - 0.2 * line,
            f"{when} {'✓' if found == one.class_number else '✗'} {shortened(repair.classes[found], LONGEST)}",
            color=colour,
            fontsize=8,
            ha="left",
            va="top",
            transform=axes.transAxes,
            parse_math=False,
        )
