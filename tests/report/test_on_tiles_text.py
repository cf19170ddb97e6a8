"""The section on whole-image networks and tiles: every estimate in its table, and nothing where none was asked."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nearsight.report import comparison_markdown
from nearsight.report.on_tiles_text import COLUMNS, TITLE, on_tiles_section
from nearsight.report.page.comparison_page import comparison_html
from nearsight.statistics.writing import number, with_interval
from nearsight.study import Comparison


def test_every_estimate_is_in_the_table_of_its_arm(make_comparison: Callable) -> None:
    comparison = make_comparison(on_tiles=True)
    text = comparison_markdown(comparison, "accuracy.png")
    for arm in comparison.on_tiles:
        lines = text.split(f"### {arm.arm}\n\n")[1].split("\n\n")[0].splitlines()
        _, _, whole, *rows = [line.strip("| ").split(" | ") for line in lines]
        assert whole[2] == with_interval(arm.full_pass)
        assert whole[5] == f"{with_interval(arm.between_seeds)} between seeds"
        views = [(size, row) for size in arm.sizes for row in size.views]
        for cells, (size, row) in zip(rows, views, strict=True):
            assert len(cells) == len(COLUMNS)
            assert cells[:2] == [f"{size.tile} (stride {size.stride})", row.view]
            assert cells[2:4] == [with_interval(row.accuracy), with_interval(row.lost)]
            assert cells[4] == ("–" if row.gained is None else with_interval(row.gained))
            assert cells[5].startswith(with_interval(row.agreement))
            known = row.beside_seeds is not None and row.beside_seeds.value is not None
            assert cells[6] == (with_interval(row.beside_seeds) if known else "–")
            assert cells[7] == with_interval(row.kappa, number)
            assert cells[8] == with_interval(row.single_accuracy)
            assert cells[9].startswith(with_interval(row.single_agreement))


def test_the_page_tells_the_same(make_comparison: Callable) -> None:
    comparison = make_comparison(on_tiles=True)
    html = comparison_html(comparison)
    assert html.count("data:image/svg+xml") == 2
    text = re.sub(r"<[^>]+>", "", html).replace("\xa0", " ")
    for arm in comparison.on_tiles:
        for sentence in arm.sentences():
            assert sentence[1:] in text
        for size in arm.sizes:
            for row in size.views:
                assert with_interval(row.kappa, number) in text


def test_what_was_left_out_is_said(make_comparison: Callable) -> None:
    comparison = make_comparison(on_tiles=True)
    first = replace(comparison.on_tiles[0], left_out=("it takes no tiles of 8 pixels alone (too small)",))
    section = on_tiles_section(replace(comparison, on_tiles=(first,)), "on-tiles.png")
    assert ["Left out of full: it takes no tiles of 8 pixels alone (too small)."] in section


@pytest.mark.usefixtures("undrawn")
def test_where_nothing_was_asked_there_is_no_section(make_comparison: Callable) -> None:
    comparison = make_comparison()
    assert TITLE not in comparison_markdown(comparison, "accuracy.png") + comparison_html(comparison)


def test_a_comparison_is_read_with_what_was_said_of_tiles(make_comparison: Callable, tmp_path: Path) -> None:
    comparison = replace(make_comparison(on_tiles=True), directory=tmp_path)
    comparison.save()
    assert Comparison.load(tmp_path) == comparison
