"""The notebook of the documents runs from top to bottom, and holds what it showed."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "first_look.ipynb"


def cells() -> list[dict]:
    return [cell for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"] if cell["cell_type"] == "code"]


def test_the_notebook_was_executed_from_top_to_bottom() -> None:
    assert [cell["execution_count"] for cell in cells()] == list(range(1, len(cells()) + 1))
    outputs = [output for cell in cells() for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} <= {"execute_result", "stream"}
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_what_it_says_is_what_it_showed() -> None:
    shown = "".join("".join(output.get("text", "")) for cell in cells() for output in cell["outputs"])
    usual, elsewhere = (
        re.search(rf"{name}: (\d+)% are right", shown) for name in ("usual", "other backgrounds")
    )
    assert usual is not None
    assert elsewhere is not None
    assert int(usual[1]) > 80
    assert int(elsewhere[1]) < 10


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "first_look"}
    for number, cell in enumerate(cells(), start=1):
        # One pass in place of eight: what is learned is not asked here.
        source = "".join(cell["source"]).replace("epochs=8", "epochs=1")
        exec(compile(source, f"first_look.ipynb, cell {number}", "exec"), names)
    assert 0 <= names["elsewhere"].metrics["mean-logit"]["accuracy"] <= 1
    assert names["maps"].images[0].chosen is not None
