"""Figure: what networks of whole images say about tiles, against the size of these, one curve per view."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nearsight.evaluation.tile_views import ALONE, ALONE_BN, IN_PLACE, IN_PLACE_BN, View
from nearsight.statistics import Estimate
from nearsight.study.arms import label
from nearsight.study.on_tiles import ArmOnTiles, ViewOnTiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from nearsight.evidence.figure import NotebookFigure

# Okabe and Ito's colours; with re-estimated statistics the lighter one of two, dashed.
_STYLES: dict[View, tuple[str, str, str]] = {
    ALONE: ("#0072B2", "o", "-"),
    ALONE_BN: ("#56B4E9", "s", "--"),
    IN_PLACE: ("#D55E00", "^", "-"),
    IN_PLACE_BN: ("#E69F00", "v", "--"),
}
_COLUMNS: tuple[tuple[str, Callable[[ViewOnTiles], Estimate]], ...] = (
    ("right by the tiles' mean logit, %", lambda row: row.accuracy),
    ("alike by the mean logit, %", lambda row: row.agreement),
    ("tiles alike one by one, %", lambda row: row.single_agreement),
)


def on_tiles_figure(arms: Sequence[ArmOnTiles], data: str) -> "NotebookFigure":
    """Return the figure: a row for each arm; accuracy, agreement with the full pass, and that of single tiles.

    Bars are the 95 % intervals. Black lines are the full pass's accuracy, and the share of whole images on which
    two seeds agree; grey ones are chance. It is drawn without any global state of matplotlib. `data` is the name
    of the set.
    """
    from nearsight.evidence.figure import NotebookFigure

    figure = NotebookFigure(figsize=(11.5, 1.2 + 2.9 * len(arms)), layout="constrained", facecolor="white")
    rows = figure.subplots(len(arms), len(_COLUMNS), squeeze=False, sharey="row")
    for axes, arm in zip(rows, arms, strict=True):
        lines = (arm.full_pass, arm.between_seeds, None)
        for one, (title, take), line in zip(axes, _COLUMNS, lines, strict=True):
            _draw(one, arm, take)
            if line is not None:
                name = "full pass" if line is arm.full_pass else "two seeds, full pass"
                _draw_line(one, line, name, dashed=line is not arm.full_pass)
            one.set_title(f"{label(arm.arm)}: {title}", loc="left", fontsize=9.5)
            one.set_xlabel("side of the tiles, pixels", fontsize=9)
    found = {
        name: handle for one in rows[0] for handle, name in zip(*one.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(found.values()), list(found), loc="outside lower center", ncols=7, frameon=False, fontsize=9
    )
    figure.suptitle(f"{data}: networks trained on whole images, asked about tiles", x=0.01, ha="left")
    return figure


def _draw(axes: "Axes", arm: ArmOnTiles, take: Callable[[ViewOnTiles], Estimate]) -> None:
    span = max(size.tile for size in arm.sizes) - min(size.tile for size in arm.sizes) or 1
    for number, (view, (colour, marker, dashes)) in enumerate(_STYLES.items()):
        found = [
            (size.tile, take(row).numbers) for size in arm.sizes for row in size.views if row.view == view
        ]
        if not found:
            continue
        axes.errorbar(
            [tile + (number - 1.5) * span / 60 for tile, _ in found],
            [100 * value for _, (value, _, _) in found],
            yerr=[
                [100 * (value - low) for _, (value, low, _) in found],
                [100 * (high - value) for _, (value, _, high) in found],
            ],
            label=view,
            color=colour,
            marker=marker,
            linestyle=dashes,
            markersize=4.5,
            linewidth=1.3,
            elinewidth=1,
            capsize=2,
        )
    chances = [
        (size.tile, chance) for size in arm.sizes if (chance := take(size.views[0]).chance) is not None
    ]
    if chances:
        tiles, shares = zip(*chances, strict=True)
        axes.plot(tiles, [100 * share for share in shares], color="#999999", linewidth=1, label="chance")
    axes.set_ylim(0, 103)
    axes.set_xticks([size.tile for size in arm.sizes])
    axes.grid(axis="y", color="#DDDDDD", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_line(axes: "Axes", found: Estimate, name: str, *, dashed: bool) -> None:
    if found.value is None or found.low is None or found.high is None:
        return
    axes.axhspan(100 * found.low, 100 * found.high, color="#000000", alpha=0.08, linewidth=0)
    axes.axhline(
        100 * found.value, color="#000000", linestyle=":" if dashed else "-", linewidth=1.2, label=name
    )
