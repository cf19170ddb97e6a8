"""What is declared to be the oldest version of each package that is needed."""

import tomllib
from pathlib import Path

import pytest
from studies.installs import ROOT, floors


def test_every_requirement_has_one_oldest_version() -> None:
    project = tomllib.loads(Path(ROOT, "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = floors(project)
    assert len({pin.partition("==")[0] for pin in pinned}) == len(pinned)


@pytest.mark.parametrize("line", ["numpy", "numpy<3", "numpy==2.0"])
def test_one_without_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="declares no oldest version"):
        floors({"dependencies": [line], "optional-dependencies": {}})
