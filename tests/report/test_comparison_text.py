"""The Markdown: every table holds the numbers of the comparison, and the caveats come where they are due."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.report import comparison_markdown, write_comparison
from nearsight.statistics.writing import scaled
from nearsight.study import Comparison

Make = Callable[..., Comparison]


def tables(markdown: str) -> list[list[list[str]]]:
    """Return the rows of cells of every table, its heading first."""
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, flags=re.MULTILINE)
    split = [[line.strip("| \n").split(" | ") for line in block.splitlines()] for block in blocks]
    for rows in split:
        assert {len(row) for row in rows} == {len(rows[0])}
    return [[rows[0], *rows[2:]] for rows in split]


def numbers(cell: str) -> list[float]:
    return [float(text.replace("−", "-")) for text in re.findall(r"−?\d+(?:\.\d+)?", cell)]


def test_the_accuracy_table_holds_every_protocol_with_its_interval(make_comparison: Make) -> None:
    comparison = make_comparison()
    heading, *rows = tables(comparison_markdown(comparison, "accuracy.png"))[0]
    assert heading == ["arm", "full-pass", "mean-logit", "single-tile", "the bold one, seed by seed"]
    for arm, (name, *cells, seeds) in zip(comparison.arms, rows, strict=True):
        stride = "" if arm.tile is None else f" at stride {arm.tile // 4}"
        assert name == arm.name.replace("-", " ") + stride
        for protocol, cell in zip(heading[1:-1], cells, strict=True):
            row = arm.accuracy(protocol)
            if row is None:
                assert cell == "–"
                continue
            ends = (row.interval.value, row.interval.low, row.interval.high)
            assert numbers(cell) == pytest.approx([100 * end for end in ends], abs=0.0051)
            assert ("**" in cell) == (protocol == arm.headline)
        of_seeds = arm.accuracy(arm.headline).seeds
        assert numbers(seeds) == pytest.approx([100 * accuracy for accuracy in of_seeds], abs=0.0051)


def test_the_difference_tables_hold_every_difference(make_comparison: Make) -> None:
    comparison = make_comparison()
    _, _, fixed, others, _ = tables(comparison_markdown(comparison, "accuracy.png"))
    held = [row for row in comparison.differences if row.headline]
    held += [row for row in comparison.differences if not row.headline]
    for row, (name, estimate, ends, tests) in zip(held, fixed[1:] + others[1:], strict=True):
        arm, reference = row.arm.replace("-", " "), row.reference
        how = row.protocol + ("" if row.protocol == "full-pass" else f", stride {int(arm[5:]) // 4}")
        assert name == f"{arm} `{how}` − {reference} `{row.reference_protocol}`"
        told = numbers(estimate) + numbers(ends)
        interval = row.interval
        assert told == pytest.approx(
            [100 * end for end in (interval.value, interval.low, interval.high)], abs=0.0051
        )
        counts = [(int(a), int(b)) for a, b in re.findall(r"(\d+):(\d+)", tests)]
        assert counts == [(test.only_a, test.only_b) for test in row.mcnemar]


def test_the_cost_table_holds_each_arm(make_comparison: Make) -> None:
    comparison = make_comparison()
    heading, *rows = tables(comparison_markdown(comparison, "accuracy.png"))[-1]
    for arm, cells in zip(comparison.arms, rows, strict=True):
        row = dict(zip(heading, cells, strict=True))
        assert int(row["steps"].replace(",", "")) == arm.cost.steps
        assert int(row["images seen"].replace(",", "")) == arm.cost.images_seen
        assert row["training pixels"] == "81.9 Mpx"
        assert row["peak memory"] == "1,024 MiB"
        assert row["seconds, seed by seed"] == "61, 62, 63"


def test_verdicts_lead_and_the_method_is_told(make_comparison: Make) -> None:
    comparison = make_comparison()
    markdown = comparison_markdown(comparison, "accuracy.png")
    for sentence in comparison.verdicts:
        assert f"- T{sentence[1:]}." in markdown.partition("## Accuracy")[0]
    for told in (
        "was fixed before training",
        "![Accuracy against tile size](accuracy.png)",
        "Budget: pixels.",
        "Tile 8 saw 1,280,000 tiles of 8×8 in 2,560 steps: every image about 256 times",
        "Full saw 80,000 whole images in 160 steps",
        "Tile 16 was evaluated on 25 tiles an image, covering it at stride 4",
        "Seeds 0, 1, 2, the same in every arm",
        "At seed 0, val: 500 of the 5500 images of train",
        "no verdict rests on them",
        "cores 2",
        "torch 2.15",
    ):
        assert told in markdown, told
    assert "different hardware" not in markdown


def test_caveats_come_where_they_are_due(make_comparison: Make) -> None:
    lone = comparison_markdown(make_comparison(seeds=1, budget="steps"), "accuracy.png")
    assert "Seed 0 alone: intervals cover the choice of test images" in lone
    assert "95 % interval over images)" in lone
    assert "Budget: steps." in lone
    assert "different hardware" in comparison_markdown(make_comparison(hardware=2), "accuracy.png")


@given(st.floats(1, 1e20))
def test_a_scaled_number_is_itself_to_three_digits(number: float) -> None:
    told, unit = scaled(number, "px").split(" ")
    factor = 1000.0 ** ["px", "kpx", "Mpx", "Gpx", "Tpx", "Ppx", "Epx"].index(unit)
    assert float(told) * factor == pytest.approx(number, rel=0.0051)
    assert float(told) < 1000 or unit == "Epx"


def test_the_report_lies_beside_the_comparison(make_comparison: Make, tmp_path: Path) -> None:
    write_comparison(make_comparison(on_tiles=True), tmp_path / "study")
    names = {path.name for path in (tmp_path / "study").iterdir()}
    figures = {f"{name}.{kind}" for name in ("accuracy", "on-tiles") for kind in ("png", "svg")}
    assert names == {"comparison.md", "report.html", *figures}
    markdown = (tmp_path / "study" / "comparison.md").read_text(encoding="utf-8")
    assert all(name in names for name in re.findall(r"!\[.*\]\((.*)\)", markdown))
