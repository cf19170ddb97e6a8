"""The page of a comparison: verdicts first, then the figure, the tables and how it was made."""

from dataclasses import replace
from pathlib import Path

from nearsight.report.accuracy_chart import accuracy_figure
from nearsight.report.arm_differences import difference_columns, difference_rows
from nearsight.report.comparison_text import (
    DIFFERING,
    FIXED,
    cost_note,
    fitted_note,
    fitted_sentences,
    method_sentences,
)
from nearsight.report.figure_file import figure_uri
from nearsight.report.on_tiles_chart import on_tiles_figure
from nearsight.report.on_tiles_text import TITLE, on_tiles_method
from nearsight.report.page.charts import strip
from nearsight.report.page.environment import render
from nearsight.report.page.going_on import after_comparison
from nearsight.settings.protocols import ALL_PROTOCOLS, scored_by
from nearsight.statistics.writing import scaled
from nearsight.study import Comparison, Difference
from nearsight.study.pairing import ASKED
from nearsight.write import write_text

PAGE = "report.html"
# The drawings of differences extend a little beyond the widest interval.
ROOM = 1.05


def write_comparison_page(comparison: Comparison, directory: Path) -> None:
    """Write the page of a comparison as report.html into a directory, whole or not at all.

    >>> write_comparison_page(comparison, Path("runs/study"))  # doctest: +SKIP

    It holds what comparison.md holds, and the figure, in one file that loads nothing. Raises where `write_text`
    does.
    """
    write_text(Path(directory) / PAGE, comparison_html(comparison))


def comparison_html(comparison: Comparison) -> str:
    """Return the page of a comparison as HTML text."""
    return render(
        "comparison.html.j2",
        comparison=comparison,
        protocols=[name for name in ALL_PROTOCOLS if any(arm.accuracy(name) for arm in comparison.arms)],
        fixed=[row for row in comparison.differences if row.headline],
        others=[row for row in comparison.differences if not row.headline],
        reach=_reach(comparison.differences),
        picture=figure_uri(accuracy_figure(comparison)),
        on_tiles_picture=figure_uri(on_tiles_figure(comparison.on_tiles, comparison.data))
        if comparison.on_tiles
        else None,
        on_tiles_title=TITLE,
        on_tiles_method=on_tiles_method(comparison.on_tiles) if comparison.on_tiles else [],
        method=method_sentences(comparison),
        steps=after_comparison(comparison),
        columns=difference_columns(comparison),
        differing=difference_rows(comparison),
        fitted=fitted_sentences(comparison),
        fitted_note=fitted_note(comparison),
        cost_note=cost_note(comparison),
        about_pairs=FIXED,
        about_differing=DIFFERING,
        asked=ASKED,
        covers=comparison.arms[0].accuracies[0].interval.covers,
        scored_by=scored_by,
        scaled=scaled,
        strip=strip,
        beside_chance=lambda found: replace(found, chance=1 / comparison.classes),
    )


def _reach(differences: tuple[Difference, ...]) -> float:
    ends = (abs(end) for row in differences for end in row.interval.numbers[1:])
    return ROOM * max(ends, default=0.0) or 1.0
