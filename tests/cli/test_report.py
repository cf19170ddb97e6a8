"""The command `report`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1"


@pytest.mark.usefixtures("undrawn")
def test_it_says_what_it_drew(printed: Printed, tmp_path: Path) -> None:
    directory = shutil.copytree(OLD / "dimension", tmp_path / "dimension")
    found = printed("report", directory)
    assert found == {
        "files": [
            str(directory / name)
            for name in ("report.html", "dimension.md", "dimension.png", "dimension.svg")
        ]
    }


def test_what_it_cannot_draw_is_one_line(refused: Refused, tmp_path: Path) -> None:
    assert "holds no results" in refused("report", tmp_path)
