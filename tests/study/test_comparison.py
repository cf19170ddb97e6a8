"""A comparison comes back from its file as it was, and from the files of older versions."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from nearsight.errors import InputError
from nearsight.schema import SCHEMAS
from nearsight.study import Comparison

ROOT = Path(__file__).parents[2]
OLDER = sorted(
    path.parent
    for path in (ROOT / "docs" / "results").glob("*/comparison.json")
    if '"estimate":' in path.read_text(encoding="utf-8")
)
OLD = ROOT / "tests" / "fixtures" / "schema-1" / "comparison"


@pytest.mark.parametrize("directory", [*OLDER, OLD], ids=lambda path: path.name)
def test_a_comparison_of_an_older_version_is_read_and_comes_back_as_it_was(
    directory: Path, tmp_path: Path
) -> None:
    held = json.loads((directory / "comparison.json").read_text(encoding="utf-8"))
    found = Comparison.load(directory)
    # How the arms were scored is said now, and that one seed is of two networks, and was not then.
    said_since = r" \((mean-logit|full-pass)[^)]*\)|of these two networks, |; one seed does not tell .*"
    assert [re.sub(said_since, "", one) for one in found.verdicts] == held["verdicts"]
    assert all("(mean-logit, stride " in one or "tile" not in one for one in found.verdicts)
    assert [[row["interval"]["estimate"] for row in arm["accuracies"]] for arm in held["arms"]] == [
        [row.interval.value for row in arm.accuracies] for arm in found.arms
    ]
    assert found.recipe.model == held["recipe"]["model"]
    found.save(tmp_path)
    assert Comparison.load(tmp_path) == replace(found, directory=tmp_path)
    assert (
        json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))["schema"]
        == SCHEMAS["comparison"]
    )


def test_where_there_is_none_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no comparison\.json; give a directory that"):
        Comparison.load(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read: it is not valid JSON"),
        ("[]", "cannot be read: it takes names and values, got list"),
        ('{"schema": 99}', "written by a newer Nearsight"),
        ('{"arms": 3}', "takes a list, got 3"),
        ('{"arms": [{"tile": 3}]}', "is missing"),
        ('{"sedes": [1]}', "unknown field 'sedes'; did you mean 'seeds'"),
    ],
)
def test_what_cannot_be_read_is_named(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "comparison.json").write_text(content)
    with pytest.raises(InputError, match=rf"comparison\.json.*{said}"):
        Comparison.load(tmp_path)
