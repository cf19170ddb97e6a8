"""Models that were not trained here, on the command line: ONNX, published ones, weights in a file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from nearsight.cli.main import main

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]

DIGITS = "0,1,2,3,4,5,6,7,8,9"


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of ONNX that makes ten numbers of the mean colours of an image."""
    onnx = pytest.importorskip("onnx")
    helper, kinds = onnx.helper, onnx.TensorProto
    weights = onnx.numpy_helper.from_array(
        np.random.default_rng(0).normal(size=(3, 10)).astype("float32"), "W"
    )
    made = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["images"], ["pool"]),
            helper.make_node("Flatten", ["pool"], ["means"]),
            helper.make_node("MatMul", ["means", "W"], ["logits"]),
        ],
        "means",
        [helper.make_tensor_value_info("images", kinds.FLOAT, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("logits", kinds.FLOAT, ["b", 10])],
        [weights],
    )
    path = tmp_path_factory.mktemp("onnx") / "means.onnx"
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_file_of_onnx_is_evaluated_drawn_and_diagnosed(
    graph: Path, printed: Printed, tmp_path: Path
) -> None:
    model = ("--model", graph, "--classes", DIGITS, "--tile", "6", "--device", "cpu")
    measured = printed("evaluate", "digits", *model, "--workers", "0", "--out", tmp_path / "evaluation")
    assert list(measured["protocols"]) == [
        "full-pass",
        "mean-logit",
        "mean-probability",
        "vote",
        "single-tile",
    ]
    Image.fromarray(np.zeros((8, 9, 3), np.uint8)).save(tmp_path / "black.png")
    drawn = printed("heatmap", tmp_path / "black.png", *model, "--class", "7", "--out", tmp_path / "drawn")
    assert drawn["images"][0]["chosen"] == "7"
    few = ("--images", "20", "--faithfulness", "1", "--workers", "0", "--out", tmp_path / "diagnosis")
    assert printed("diagnose", "digits", *model, *few)["images"] == 20


def test_a_file_of_onnx_in_the_place_of_a_run_is_told_no_next_step_of_one(
    graph: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = ("--classes", str(DIGITS), "--tile", "6", "--device", "cpu", "--workers", "0")
    few = ("--protocols", "vote", "--stride", "6", "--out", str(tmp_path / "evaluation"))
    assert main(["evaluate", str(graph), "digits", *model, *few]) == 0
    out, err = capsys.readouterr()
    assert "vote" in out
    assert "next:" not in out + err
    Image.new("RGB", (24, 24)).save(tmp_path / "black.png")
    rows = tmp_path / "predictions.csv"
    assert main(["predict", str(graph), str(tmp_path / "black.png"), *model, "--out", str(rows)]) == 0
    assert rows.is_file()
    assert "next:" not in "".join(capsys.readouterr())


def test_weights_in_a_file_are_those_of_the_named_network(printed: Printed, tmp_path: Path) -> None:
    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet", num_classes=10).state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "names.txt").write_text("\n".join("0123456789"))
    model = ("--model", "timm:test_resnet", "--weights", tmp_path / "weights.safetensors", "--tile", "48")
    measured = printed(
        "evaluate", "digits", *model, "--classes", tmp_path / "names.txt", "--stride", "64", "--protocols", "vote",
        "--device", "cpu", "--workers", "0",
    )  # fmt: skip
    assert measured["images"] == 365


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["digits", "--model", "nowhere.onnx"], "nowhere.onnx does not exist; give a file of ONNX"),
        (
            ["digits", "--model", "{graph.parent}/d.onnx"],
            "{graph.parent}/d.onnx is a directory, and --model takes a file of ONNX",
        ),
        (
            ["digits", "--model", "{graph}", "--classes", "a,b"],
            "classes has 2 names, and means gives 10 numbers",
        ),
        (["digits", "--model", "{graph}", "--weights", "w.pt"], "weights are for networks of PyTorch"),
        (["digits", "--model", "resnet18"], "there are no published weights for 'resnet18'; give a file"),
        (["digits", "--model", "nonsense"], "--model takes timm:NAME, FILE.onnx or one of airbench"),
        (
            ["--model", "{graph}", "digits", "digits"],
            "with --model there is no run, so 'digits' and 'digits'",
        ),
        (["digits", "--model", "timm:test_resnet", "--weights", "nowhere.pt"], "nowhere.pt cannot be read"),
    ],
)
def test_bad_input_is_one_line(options: list[str], line: str, graph: Path, refused: Refused) -> None:
    (graph.parent / "d.onnx").mkdir(exist_ok=True)
    told = refused("evaluate", *(option.format(graph=graph) for option in options))
    assert told.startswith(line.format(graph=graph))
