"""The page of tile dimensions: its cells are the numbers, a column per tile size."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.measured_digits import measured_digits

from nearsight.dimension import Dimension
from nearsight.dimension.order import Predicted, SideBySide, SizeAccuracy
from nearsight.report import dimension_markdown, write_dimension
from nearsight.statistics import absent
from nearsight.statistics.writing import three_digits, with_interval

MEASURED = sorted((Path(__file__).parents[2] / "docs" / "results" / "dimension").iterdir())


@pytest.fixture(scope="module")
def digits() -> Dimension:
    return measured_digits(4, None)


def cells(page: str) -> dict[str, list[str]]:
    """Return the cells of every line of every table of a page, by its first cell."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows}


def test_cells_are_the_figures(digits: Dimension) -> None:
    found = cells(dimension_markdown(digits, "a.png"))
    assert found["tile"] == ["4", "full"]
    assert found["input dimension"] == ["48", "192"]
    assert found["two-nn, normalised"] == [
        with_interval(row.dimension("two-nn", "normalised").estimate, three_digits) for row in digits.tiles
    ]
    assert found["vacuous"] == ["yes", "yes"]


def test_sentences_picture_and_notes_are_there(digits: Dimension) -> None:
    page = dimension_markdown(digits, "a.png")
    assert all(sentence in page for sentence in digits.sentences())
    assert "](a.png)" in page
    assert "- 4, full: vacuous: the distance that the bound allows" in page
    assert all(f"- {note}." in page for note in digits.notes)
    assert "120 tiles of 40 test images against 400 tiles of 400 training images" in page


def test_what_was_not_measured_is_a_dash(digits: Dimension) -> None:
    first = digits.tiles[0]
    coverage = {space: replace(found, slope=absent("no")) for space, found in first.coverage.items()}
    less = replace(digits, tiles=(replace(first, coverage=coverage), digits.tiles[1]))
    assert cells(dimension_markdown(less, "a.png"))["slope, raw"][0] == "–"


def test_orders_stand_side_by_side(digits: Dimension) -> None:
    beside = SideBySide(
        data="toy",
        budget="steps",
        measured=(SizeAccuracy("tile-4", 4, 0.5, 0.4, 0.6), SizeAccuracy("full", None, 0.3, 0.2, 0.4)),
        order=(4, None),
        predicted=(
            Predicted("size", (1.0, 2.0), (None, 4), -1.0, 1.0),
            Predicted("luck", (None, 2.0), (), None, None, "not measured"),
        ),
        caveat="it means nothing",
    )
    page = dimension_markdown(replace(digits, comparison=beside), "a.png")
    found = cells(page)
    assert found["measured accuracy"][0] == "4, full"
    assert found["size"] == ["full, 4", "−1.00", "1.00"]
    assert found["luck"][-1] == "not measured"
    assert "4: 50.0 (40.0 to 60.0), full: 30.0 (20.0 to 40.0). It means nothing." in page


@pytest.mark.usefixtures("undrawn")
def test_page_markdown_figure_and_numbers_are_written(digits: Dimension, tmp_path: Path) -> None:
    write_dimension(digits, tmp_path / "new")
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert names == {"dimension.json", "report.html", "dimension.md", "dimension.png", "dimension.svg"}
    assert (tmp_path / "new" / "dimension.md").read_text() == dimension_markdown(digits, "dimension.png")


@pytest.mark.parametrize("directory", MEASURED, ids=lambda path: path.name)
def test_documents_of_what_was_measured_are_what_is_written_now(directory: Path) -> None:
    kept = (directory / "dimension.md").read_text(encoding="utf-8")
    remake = f"nearsight report {directory}, then remove report.html"
    assert kept == dimension_markdown(Dimension.load(directory), "dimension.png"), remake
