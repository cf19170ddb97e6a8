"""A repair goes on only as it was begun, and harms nothing that lies in its place."""

from dataclasses import replace
from pathlib import Path

import pytest

from nearsight.errors import InputError
from nearsight.repair.asked import ASKED, Asked, Looked, begin, check_place

ALL = Asked("run", "digits", ("all",), None, False, None, 0)


def check(out: Path, asked: Asked = ALL, resume: bool = False) -> None:
    check_place(out, asked, resume, "diagnosis")


def test_an_empty_place_is_taken_and_a_foreign_one_refused(tmp_path: Path) -> None:
    check(tmp_path)
    check(tmp_path / "new")
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match="is not empty and holds no repair"):
        check(tmp_path, resume=True)


def test_the_same_repair_goes_on_when_asked_to(tmp_path: Path) -> None:
    begin(tmp_path, ALL)
    check(tmp_path, resume=True)
    with pytest.raises(InputError, match="already holds this repair; give `resume=True`"):
        check(tmp_path)


def test_another_repair_is_refused_with_what_differs(tmp_path: Path) -> None:
    begin(tmp_path, ALL)
    held = (tmp_path / ASKED).read_bytes()
    with pytest.raises(InputError, match=r"another repair \(verdicts all there, deer:1 asked for\)"):
        check(tmp_path, replace(ALL, verdicts=("deer:1",)), resume=True)
    assert (tmp_path / ASKED).read_bytes() == held


def test_other_tiles_or_another_range_are_another_repair(tmp_path: Path) -> None:
    looked = Looked(8, 4, "covering", (0.0, 4095.0))
    begin(tmp_path, replace(ALL, looked=looked))
    check(tmp_path, replace(ALL, looked=looked), resume=True)
    for changes, said in (
        ({"tile": 7}, "tile 8 there, 7 asked for"),
        ({"stride": 1}, "stride 4 there, 1 asked for"),
        ({"grid": "aligned"}, "grid covering there, aligned asked for"),
        ({"value_range": None}, r"value_range 0\.0 4095\.0 there, None asked for"),
    ):
        with pytest.raises(InputError, match=said):
            check(tmp_path, replace(ALL, looked=replace(looked, **changes)), resume=True)
    # Older versions did not say.
    begin(tmp_path, ALL)
    check(tmp_path, replace(ALL, looked=looked), resume=True)


def test_a_diagnosis_that_proved_nothing_is_gone_on_from(tmp_path: Path) -> None:
    (tmp_path / "diagnosis").mkdir()
    (tmp_path / "diagnosis" / "diagnosis.json").write_text("{}")
    check(tmp_path, replace(ALL, verdicts=("deer:1",)), resume=True)
    with pytest.raises(InputError, match="already holds the diagnosis"):
        check(tmp_path)
