"""The command `export`."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1"


@pytest.mark.parametrize(
    ("form", "name"),
    [("onnx", "model.onnx"), ("torchscript", "model.torchscript"), ("torch-export", "model.pt2")],
)
def test_a_run_is_exported_beside_its_weights(
    form: str, name: str, printed: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run = shutil.copytree(OLD / "run", tmp_path / "run")
    assert printed("export", run, "--format", form) == {"file": str(run / name)}
    assert (run / name).is_file()


def test_bad_input_is_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "unknown format 'onx'; did you mean 'onnx'?" in refused("export", OLD / "run", "--format", "onx")
    assert "does not exist" in refused("export", tmp_path / "nowhere")


def test_a_file_of_the_model_is_not_replaced(
    refused: Callable[..., str], printed: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run = shutil.copytree(OLD / "run", tmp_path / "run")
    weights = run / "model.safetensors"
    before = weights.read_bytes()
    assert "is read, and writing to it would replace it" in refused("export", run, "--out", weights)
    assert weights.read_bytes() == before
    for _ in range(2):
        printed("export", run, "--format", "torchscript", "--out", run / "mine.torchscript")
