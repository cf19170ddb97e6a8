"""The figure of a repair: what is drawn is what was measured, and names are only letters."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.repair.made_repair import make_repair

from nearsight.report import draw_repair, repair_figure


def test_points_and_bars_are_before_and_after_in_per_cent() -> None:
    found = make_repair()
    changes, *examples = repair_figure(found).axes
    rows = (found.overall, *found.groups)
    handles, labels = changes.get_legend_handles_labels()
    assert labels == ["before", "after"]
    for handle, label in zip(handles, labels, strict=True):
        line, _, (bars,) = handle
        estimates = [getattr(row, label) for row in rows]
        assert list(line.get_xdata()) == pytest.approx([100 * one.value for one in estimates])
        ends = [float(x) for segment in bars.get_segments() for x, _ in segment]
        wanted = [100 * end for one in estimates for end in (one.low, one.high)]
        assert np.ravel(ends) == pytest.approx(wanted)
    assert [text.get_text().split("\n")[0] for text in changes.get_yticklabels()] == [
        row.name for row in rows
    ]
    below = [[text.get_text() for text in axes.texts] for axes in examples]
    # Images without it stand above, and of the first shortcut alone.
    assert below[:3] == [["before ✗ car", "after ✓ bird"]] * 3
    assert below[6:9] == [["before ✓ bird", "after ✓ bird"]] * 3
    assert sum(map(len, below)) == 12


def test_names_that_would_be_formulas_are_letters(tmp_path: Path) -> None:
    names = tuple(f"$\\frac{number}$" for number in range(8))
    draw_repair(make_repair(classes=names), tmp_path / "accuracy.png", tmp_path / "accuracy.svg")
    with Image.open(tmp_path / "accuracy.png") as picture:
        assert picture.size > (1000, 400)


def test_a_repair_without_examples_or_groups_is_drawn(tmp_path: Path) -> None:
    draw_repair(make_repair(examples=(), groups=()), tmp_path / "accuracy.png")
    assert (tmp_path / "accuracy.png").is_file()
