"""A diagnosis of the first schema is read, and gives the tables that lie in its directory."""

import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from nearsight.diagnosis import PARTS, Diagnosis
from nearsight.errors import InputError

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1" / "diagnosis"


def made_table(name: str, found: Diagnosis) -> pyarrow.Table:
    [made] = [
        table.arrow(part.of(found), found) for part in PARTS for table in part.tables if table.name == name
    ]
    return made


@pytest.mark.parametrize("name", sorted(path.stem for path in OLD.glob("*.parquet")))
def test_every_table_is_the_one_on_disk(name: str) -> None:
    held = parquet.read_table(OLD / f"{name}.parquet")
    made = made_table(name, Diagnosis.load(OLD))
    assert made.select(held.column_names).to_pylist() == held.to_pylist()


def shares(sentences: Sequence[str]) -> list[list[str]]:
    """The shares that sentences name, whatever their order."""
    return sorted(re.findall(r"\d+ %", line) for line in sentences)


def test_what_is_said_is_what_was_said(tmp_path: Path) -> None:
    held = json.loads((OLD / "diagnosis.json").read_text())
    found = Diagnosis.load(OLD)
    # Sentences may be worded again; the shares in them are the same.
    kept = [line for line in held["sentences"] if "main reason" not in line and "is one reason" not in line]
    assert shares(found.sentences()) == shares(kept)
    assert "kept no pictures" in found.notes[-1]
    found.save(tmp_path)
    assert Diagnosis.load(tmp_path).sentences() == found.sentences()


def test_a_table_that_is_missing_or_damaged_is_named(tmp_path: Path) -> None:
    old = shutil.copytree(OLD, tmp_path / "old")
    (old / "pairs.parquet").write_bytes(b"")
    with pytest.raises(InputError, match=r"pairs\.parquet cannot be read"):
        Diagnosis.load(old)
    parquet.write_table(pyarrow.table({"label": ["bird"]}), old / "pairs.parquet")
    with pytest.raises(InputError, match=r"does not hold a whole diagnosis \(KeyError: 'prediction'\)"):
        Diagnosis.load(old)


@pytest.mark.parametrize("name", ["rows.json", "maps.safetensors", "pictures.parquet", "diagnosis.json"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_file_that_is_missing_or_damaged_is_named(name: str, content: bytes | None, tmp_path: Path) -> None:
    Diagnosis.load(OLD).save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError):
        Diagnosis.load(tmp_path)
