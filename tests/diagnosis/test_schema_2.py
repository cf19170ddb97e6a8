"""A diagnosis of the second schema is read, with its pictures, and gives the tables that lie in its directory."""

import json
import shutil
from pathlib import Path

import pytest
from pyarrow import parquet

from nearsight.diagnosis import PARTS, TABLES, Diagnosis
from nearsight.errors import InputError
from nearsight.report.page.diagnosis_page import diagnosis_html

OLD = Path(__file__).parents[1] / "fixtures" / "schema-2" / "diagnosis"


@pytest.mark.parametrize("name", [table.name for part in PARTS for table in part.tables])
def test_every_table_is_the_one_on_disk(name: str) -> None:
    path = OLD / f"{name}.parquet"
    found = Diagnosis.load(OLD)
    owner = next(part for part in PARTS if any(table.name == name for table in part.tables))
    if owner not in found.asked:
        pytest.skip(f"the second schema had no part {owner.name}")
    if not path.exists():
        pytest.skip(f"the second schema had no table {name}")
    held = parquet.read_table(path)
    assert (
        TABLES[name].arrow(owner.of(found), found).select(held.column_names).to_pylist() == held.to_pylist()
    )


def test_what_is_said_is_what_was_said() -> None:
    held = json.loads((OLD / "diagnosis.json").read_text())
    found = Diagnosis.load(OLD)
    # Whether the background is the main reason of a class is no longer read from its tiles.
    kept = [line for line in held["sentences"] if "main reason" not in line and "is one reason" not in line]
    # One of them is wrong, of one image.
    kept = [
        line.replace("1 of 12 images are", "1 of 12 images is").replace("(1 images", "(1 image")
        for line in kept
    ]
    assert sorted(found.sentences()) == sorted(kept)
    assert (found.decision, found.images) == ("mean-logit", 12)


def test_saved_again_it_is_the_same(tmp_path: Path) -> None:
    found = Diagnosis.load(OLD)
    found.save(tmp_path)
    assert diagnosis_html(Diagnosis.load(tmp_path)) == diagnosis_html(found)


def test_what_it_could_not_say_is_absent(tmp_path: Path) -> None:
    old = shutil.copytree(OLD, tmp_path / "old")
    rows = json.loads((old / "rows.json").read_text())
    rows |= {"reliance": None, "faithfulness": None, "locality": {"sizes": [], "protocols": []}}
    (old / "rows.json").write_text(json.dumps(rows))
    found = Diagnosis.load(old)
    assert set(found.absent) == {"reliance", "locality"}
    assert "faithfulness" not in found
    with pytest.raises(InputError, match="of the part 'faithfulness', which was left out"):
        found.table("faithfulness")


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    old = shutil.copytree(OLD, tmp_path / "old")
    rows = json.loads((old / "rows.json").read_text())
    del rows["atlas"]
    (old / "rows.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"rows\.json does not hold a whole diagnosis \(KeyError: 'atlas'\)"):
        Diagnosis.load(old)
