"""The page of dimensions holds what the Markdown beside it holds, and how to go on."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from nearsight.dimension import Dimension
from nearsight.report.dimension_text import dimension_sections
from nearsight.report.page import write_dimension_page

MEASURED = Path(__file__).parents[3] / "docs" / "results" / "dimension"

# What is read here is beside the figures.
pytestmark = pytest.mark.usefixtures("undrawn")


@pytest.mark.parametrize("name", ["cifar10", "cifar10-examples"])
def test_the_page_holds_every_sentence_and_every_cell(name: str, tmp_path: Path) -> None:
    found = Dimension.load(MEASURED / name)
    write_dimension_page(found, tmp_path / "report.html")
    page = unescape((tmp_path / "report.html").read_text("utf-8"))
    sections = dimension_sections(found)
    texts = [*found.sentences(), *(section.text for section in sections)]
    texts += [text for section in sections for text in (*section.columns, *section.sentences)]
    texts += [cell for section in sections for row in section.rows for cell in row]
    assert [text for text in texts if text not in page] == []
    assert "Made by</dt>" not in page


def test_the_page_shows_the_command_that_made_it_and_the_next(tmp_path: Path) -> None:
    command = "nearsight dimension 'my photos' --tiles 4,full"
    found = replace(Dimension.load(MEASURED / "cifar10"), comparison=None, command=command)
    write_dimension_page(found, tmp_path / "report.html")
    page = unescape((tmp_path / "report.html").read_text("utf-8"))
    assert f"<code>{command}</code>" in page
    assert "<code>nearsight compare 'my photos' --tiles 4,8,12,16,24,full</code>" in page
