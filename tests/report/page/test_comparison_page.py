"""The page of a comparison: verdicts first, and every accuracy and difference with its interval."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nearsight.report.page import write_comparison_page
from nearsight.report.page.comparison_page import comparison_html


@pytest.mark.usefixtures("undrawn")
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


@pytest.mark.usefixtures("undrawn")
def test_no_accuracy_stands_without_its_protocol_tile_and_stride(make_comparison: Callable) -> None:
    comparison = make_comparison()
    html = comparison_html(comparison)
    accuracy, _arms, *differences, _cost = re.findall(r"<table.*?</table>", html, flags=re.S)
    heads, body = accuracy.split("<tbody>")
    columns = re.findall(r'<th scope="col">(.*?)</th>', heads)
    assert columns[1:-1] == [f"<code>{name}</code>" for name in ("full-pass", "mean-logit", "single-tile")]
    for arm, row in zip(comparison.arms, re.findall(r'<th scope="row">(.*?)</th>', body), strict=True):
        assert row == (f"tile {arm.tile} at stride {arm.stride}" if arm.tile else arm.name)
    how = r"full(\+standard)? <code>full-pass</code>|tile \d+ <code>(full-pass|[a-z-]+, stride \d+)</code>"
    for table in differences:
        for row in re.findall(r'<th scope="row">(.*?)</th>', table):
            assert all(re.fullmatch(how, side) for side in row.split(" − ")), row
    for verdict in comparison.verdicts:
        assert re.match(r"tile \d+ \(mean-logit, stride \d+\) .* full(\+standard)? \(full-pass\)", verdict)


@pytest.mark.usefixtures("undrawn")
def test_the_page_says_what_made_it_and_what_can_be_asked_of_it(
    make_comparison: Callable, parse: Callable
) -> None:
    made = replace(make_comparison(), command="nearsight compare 'my <photos>' --tiles 16,full")
    text = parse(comparison_html(made)).text
    assert made.command in text
    assert "nearsight report DIR --margin 1" in text
    assert "To go on" not in parse(comparison_html(replace(made, margin=1.0))).text
