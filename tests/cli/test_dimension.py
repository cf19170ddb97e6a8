"""`nearsight dimension`: what it prints, what it leaves, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nearsight.cli.main import main
from nearsight.digest import unsealed_json

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]

FEW = [
    "--training-tiles",
    "200",
    "--test-images",
    "20",
    "--points",
    "100",
    "--pairs",
    "30",
    "--example-images",
    "64",
    "--device",
    "cpu",
]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of a comparison of digits, barely trained."""
    out = tmp_path_factory.mktemp("compared") / "digits"
    quick = [
        "--recipe",
        "fast",
        "--width",
        "0.1",
        "--steps",
        "2",
        "--precision",
        "float32",
        "--device",
        "cpu",
    ]
    quick += ["--on-tiles", "0"]
    code = main(["compare", "digits", "--tiles", "4,6,full", "--seeds", "1", "--out", str(out), *quick])
    assert code == 0
    return out


@pytest.mark.usefixtures("undrawn")
def test_one_object_is_printed_and_kept(printed: Printed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = printed("dimension", "digits", "--tiles", "4,full", "--out", out, "--seed", "3", *FEW)
    assert result.pop("out") == str(out)
    assert result == json.loads(unsealed_json((out / "dimension.json").read_bytes(), "file"))
    assert [row["tile"] for row in result["tiles"]] == [4, None]
    assert result["sampling"] | {"seed": 3, "points": 100, "neighbours": 10} == result["sampling"]
    assert {path.suffix for path in out.iterdir()} == {".html", ".json", ".md", ".png", ".svg"}


@pytest.mark.usefixtures("undrawn")
def test_a_table_and_the_paragraph_are_printed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dimension", "digits", "--tiles", "4,full", *FEW]) == 0
    told = capsys.readouterr()
    kept = json.loads((tmp_path / "dimensions" / "digits" / "dimension.json").read_text())
    first, *others = told.out.partition("\n\n")[2].partition("\n\n")[0].splitlines()
    assert " ".join([first, *(line.removeprefix("- ") for line in others)]) == kept["words"]
    assert "dimensions/digits" in told.out
    assert "searching training images: 528/528" in told.err


@pytest.mark.usefixtures("undrawn")
def test_predicted_and_measured_order_stand_side_by_side(
    printed: Printed, compared: Path, tmp_path: Path
) -> None:
    result = printed(
        "dimension",
        "digits",
        "--tiles",
        "2,4,6,full",
        "--comparison",
        compared,
        "--out",
        tmp_path / "out",
        *FEW,
    )
    beside = result["comparison"]
    assert {row["tile"] for row in beside["measured"]} == {4, 6, None}
    assert sorted(map(str, beside["order"])) == ["4", "6", "None"]
    bound = beside["predicted"][0]
    assert bound["order"] == [4, 6, None]
    assert -1 <= bound["correlation"] <= 1
    assert "means nothing" in beside["caveat"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["--tiles", "9"],
            "a tile of 9 pixels does not fit every image of digits train; sides from 1 to 8 do",
        ),
        (["--tiles", "four"], "tile takes a whole number or 'full', got 'four'"),
        (["--neighbours", "2"], "--neighbours takes a whole number of at least 3, got '2'"),
        (["--tiels", "4"], "unknown option '--tiels'; did you mean '--tiles'?"),
        (["--comparison", "nowhere"], "nowhere holds no comparison.json"),
    ],
)
def test_bad_input_is_one_line(refused: Refused, tmp_path: Path, arguments: list[str], told: str) -> None:
    out = tmp_path / "out"
    assert told in refused("dimension", "digits", "--out", out, *arguments)
    assert not out.exists()
