"""The page of a comparison: verdicts first, and every accuracy and difference with its interval."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from nearsight.report.page import write_comparison_page


@pytest.mark.parametrize(("whole", "seeds"), [(True, 3), (False, 1)])
def test_every_figure_is_on_the_page(
    make_comparison: Callable, parse: Callable, tmp_path: Path, whole: bool, seeds: int
) -> None:
    comparison = make_comparison(whole=whole, seeds=seeds)
    write_comparison_page(comparison, tmp_path)
    page = parse((tmp_path / "report.html").read_text(encoding="utf-8"))
    text = page.text.replace("\xa0", " ")
    for verdict in comparison.verdicts:
        assert verdict[1:] in text
    plain = text.replace("−", "-")
    intervals = [row.interval for arm in comparison.arms for row in arm.accuracies]
    intervals += [row.interval for row in comparison.differences]
    for one in intervals:
        shown = rf"{100 * one.value:z.1f}( %)? \({100 * one.low:z.1f} to {100 * one.high:z.1f}\)"
        assert re.search(shown, plain)
    for arm in comparison.arms:
        assert f"{arm.cost.steps:,}" in text
    assert text.index(comparison.verdicts[0][1:]) < text.index("Cost of one run")
    assert "mean-logit" in text
    assert "`" not in text


def test_the_figure_is_inside_and_nothing_is_outside(
    make_comparison: Callable, parse: Callable, tmp_path: Path
) -> None:
    write_comparison_page(make_comparison(), tmp_path)
    page = parse((tmp_path / "report.html").read_text(encoding="utf-8"))
    [picture] = page.all("img")
    assert picture["src"].startswith("data:image/svg+xml;base64,")
    assert picture["alt"]
    assert not [held for _, held in page.tags if "style" in held]
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
