"""Parts: a new one takes three files, some can be left out, and each comes after what it needs."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nearsight.diagnosis import Diagnosis, diagnose, parts
from nearsight.diagnosis.parts import PARTS, TABLES, named, with_needs
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.report import write_diagnosis

MODULE = """
from dataclasses import dataclass

from nearsight.diagnosis.part import Nothing, Part
from nearsight.diagnosis.pictures import Picture
from nearsight.diagnosis.table import ESTIMATE, Column, Table
from nearsight.statistics import Estimate, mean_estimate


@dataclass(frozen=True)
class Counted:
    tiles: tuple[int, ...]
    mean: Estimate


def measure(subject, seen):
    if len(seen) < 3:
        return Nothing("too few images to count tiles")
    assert subject.found["errors"].images == len(seen)
    return Counted(tuple(seen), mean_estimate(seen))


COUNTED = Part(
    package=__package__,
    title="How many tiles",
    found=Counted,
    observe=lambda look: len(look.evidence.grid),
    measure=measure,
    tables=(
        Table(
            "counted",
            lambda found: [found],
            (
                Column("tiles", "list<int64>"),
                Column("mean", ESTIMATE),
                Column("of", "string", lambda _, about: about.data),
            ),
        ),
    ),
    sentences=lambda found, about: [f"{found.mean.value:.0f} tiles an image of {about.data}"],
    pictures=lambda found, about: [Picture(0, 48)],
    needs=("errors",),
)
"""
SECTION = """{% import "marks.html.j2" as marks %}
<p>On average {{ marks.estimate(found.mean, unit="number") }} tiles.</p>
<img src="{{ draw.picture(0, 48) }}" alt="the first image">
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Register a part as its author would: a module, a section, and a line among the parts."""
    folder = tmp_path / "toy_parts" / "counted"
    folder.mkdir(parents=True)
    (folder / "part.py").write_text(MODULE)
    (folder / "section.html.j2").write_text(SECTION)
    monkeypatch.syspath_prepend(tmp_path)
    from toy_parts.counted.part import COUNTED

    monkeypatch.setattr(parts, "PARTS", (COUNTED, *PARTS))
    yield COUNTED
    for name in [name for name in sys.modules if name.startswith("toy_parts")]:
        del sys.modules[name]


def test_a_part_of_three_files_has_its_table_sentence_and_section(
    counted: Any, shades: Callable, shaded: Callable, tmp_path: Path
) -> None:
    images = shaded("abc", shown=[0, 1, 2])
    found = diagnose(TiledModel(shades("abc"), stride=4), images, parts=["counted"])
    # What it needs was measured for it alone.
    assert list(found) == ["counted"]
    assert counted.of(found).tiles == (12, 12, 12)
    assert found.sentences() == ("12 tiles an image of shades",)
    assert found.table("counted")["of"].tolist() == ["shades"]
    write_diagnosis(found, tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    assert "How many tiles" in page
    assert "<b>12.00</b>" in page
    assert json.loads((tmp_path / "out" / "diagnosis.json").read_text())["counted"][0]["mean"] == 12
    again = Diagnosis.load(tmp_path / "out")
    assert counted.of(again) == counted.of(found)
    write_diagnosis(again, tmp_path / "again")
    assert (tmp_path / "again" / "report.html").read_text() == page


def test_why_a_part_says_nothing_stands_in_its_place(
    counted: Any, shades: Callable, shaded: Callable, tmp_path: Path
) -> None:
    found = diagnose(TiledModel(shades("ab")), shaded("ab", shown=[0, 1]), parts=["counted"])
    assert counted.of(found) is None
    assert found.sentences() == ("too few images to count tiles",)
    assert found.table("counted").empty
    with pytest.raises(KeyError, match="too few images"):
        found["counted"]
    write_diagnosis(found, tmp_path)
    assert "Too few images to count tiles." in (tmp_path / "report.html").read_text()
    assert Diagnosis.load(tmp_path).absent == found.absent


@pytest.mark.parametrize("name", [part.name for part in PARTS])
def test_each_part_stands_alone(name: str, shades: Callable, shaded: Callable, tmp_path: Path) -> None:
    images = shaded("abc", shown=[0, 1, 2], labels=[0, 1, 1])
    found = diagnose(TiledModel(shades("abc"), stride=4), images, parts=[name], faithfulness=1)
    assert [part.name for part in found.asked] == [name]
    write_diagnosis(found, tmp_path)
    again = Diagnosis.load(tmp_path)
    assert again.sentences() == found.sentences()
    assert (tmp_path / "report.html").read_text().count(f'<section id="{name}"') == 1
    assert "no tile speaks" not in (tmp_path / "report.html").read_text()
    written = {path.stem for path in tmp_path.glob("*.parquet")} - {"pictures"}
    assert written == {"examined", *(table.name for part in named([name]) for table in part.tables)}


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(InputError, match="unknown part 'erors'; did you mean 'errors'"):
        named(["erors"])


def test_parts_are_asked_for_by_a_list_of_names() -> None:
    with pytest.raises(InputError, match="`parts` takes a list of names, got 'errors'; known: verdicts"):
        named("errors")


@pytest.mark.parametrize("asked", [[], ["faithfulness"]])
def test_a_diagnosis_of_nothing_is_refused(asked: list[str], shades: Callable, shaded: Callable) -> None:
    bound = TiledModel(shades("ab"))
    with pytest.raises(InputError, match="nothing is left to diagnose"):
        diagnose(bound, shaded("ab", [0, 1]), parts=asked, faithfulness=0)


def test_parts_and_tables_have_names_of_their_own_and_needs_come_first() -> None:
    names = [part.name for part in PARTS]
    assert len(set(names)) == len(names)
    assert len(TABLES) == 1 + sum(len(part.tables) for part in PARTS)
    assert not {"summary", "classes", "method"} & set(names)
    order = [part.name for part in with_needs(PARTS)]
    assert sorted(order) == sorted(names)
    for part in PARTS:
        assert all(order.index(needed) < order.index(part.name) for needed in part.needs)
