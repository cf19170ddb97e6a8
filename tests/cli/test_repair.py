"""`nearsight repair`: what it passes on, what it prints, and what it refuses."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests.repair.made_repair import make_repair

import nearsight
from nearsight.cli.main import main
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.settings import Machine
from nearsight.verbs import _repair

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]

CPU = ["--device", "cpu", "--workers", "0"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the repair is asked for; it is made up, and no network is trained."""
    told: dict[str, Any] = {}

    def repair_run(run: Any, sets: Any, **options: Any) -> Any:
        told.update(options, run=run, sets=sets)
        return make_repair(directory=options["out"])

    monkeypatch.setattr(_repair, "repair_run", repair_run)
    return told


def test_options_reach_the_repair(
    asked: dict[str, Any], printed: Printed, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    options = [
        "--verdicts",
        "3:1, 5:background",
        "--method",
        "swap",
        "--seed",
        "4",
        "--no-again",
        "--from-scratch",
    ]
    result = printed("repair", trained, *options, "--out", out, *CPU)
    assert result["out"] == str(out)
    assert result["overall"]["change"]["value"] == pytest.approx(0.02)
    wanted = {"method": "swap", "seed": 4, "again": False, "from_scratch": True, "out": out, "resume": False}
    assert {name: asked[name] for name in wanted} == wanted
    assert list(asked["verdicts"]) == ["3:1", "5:background"]
    assert set(asked["sets"]) == {"train", "val", "test"}
    assert {path.name for path in out.iterdir()} == {
        "repair.json",
        "pictures.parquet",
        "report.html",
        "accuracy.png",
        "accuracy.svg",
    }


def test_the_conclusion_comes_first_and_what_to_do_next_last(
    asked: dict[str, Any],
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["repair", str(trained), *CPU]) == 0
    assert asked["verdicts"] == "all"
    lines = capsys.readouterr().out.strip().splitlines()
    assert lines[0].startswith(
        "Gain: more images without the shortcut are right than before for 1 of 2 shortcuts"
    )
    assert lines[-3:-1] == [
        f"the new run: repairs/{trained.name}/run",
        f"the page: repairs/{trained.name}/report.html",
    ]
    assert lines[-1].startswith(f"next: nearsight predict repairs/{trained.name}/run IMAGES (")
    assert (tmp_path / "repairs" / trained.name / "report.html").is_file()
    assert main(["report", f"repairs/{trained.name}"]) == 0
    assert capsys.readouterr().out.split() == [
        f"repairs/{trained.name}/{name}" for name in ("report.html", "accuracy.png", "accuracy.svg")
    ]


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--method", "swpa"], "unknown method 'swpa'; did you mean 'swap'?"),
        (["--seed", "-1"], "--seed takes a whole number of at least 0, got '-1'"),
        (["--diagnosis", "nowhere"], "nowhere holds no diagnosis.json"),
        (["nothing-here"], "unknown image set 'nothing-here'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(
    options: list[str], line: str, refused: Refused, trained: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert line in refused("repair", trained, *options, "--out", out, *CPU)
    assert not out.exists()


def test_where_nothing_is_proven_the_diagnosis_has_its_page(
    refused: Refused, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_proven(_run: Any, sets: Any, *, bound: Any, out: Path, **_: Any) -> Any:
        some = sets["train"].select(np.arange(8))
        diagnose(bound, some, parts=["locality"], faithfulness=0).save(out / "diagnosis")
        raise InputError("nothing to repair")

    monkeypatch.setattr(_repair, "repair_run", nothing_proven)
    out = tmp_path / "out"
    page = out / "diagnosis" / "report.html"
    assert refused("repair", trained, "--out", out, *CPU) == f"nothing to repair; its page is {page}"
    assert page.is_file()


def test_an_interrupted_repair_leaves_the_page_of_what_it_found(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_run: Any, sets: Any, *, bound: Any, out: Path, once_diagnosed: Any, **_: Any) -> Any:
        some = sets["train"].select(np.arange(8))
        diagnose(bound, some, parts=["locality"], faithfulness=0).save(out / "diagnosis")
        once_diagnosed()
        raise KeyboardInterrupt

    monkeypatch.setattr(_repair, "repair_run", interrupted)
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        nearsight.repair(trained, out=out, machine=Machine(device="cpu"), progress=False)
    assert (out / "diagnosis" / "report.html").is_file()


def test_the_tiles_are_those_of_the_diagnosis_that_is_given(
    asked: dict[str, Any], trained: Path, tmp_path: Path
) -> None:
    # A network of whole images has no tile of its own, so one would have to be given again.
    bound = TiledModel(nearsight.Run.open(trained).classifier(), tile=3)
    some = nearsight.load("digits", progress=False)["train"].select(np.arange(8))
    found = diagnose(bound, some, parts=["locality"], faithfulness=0)
    cpu = Machine(device="cpu")
    nearsight.repair(trained, diagnosis=found, out=tmp_path / "out", machine=cpu, progress=False)
    assert asked["bound"].tile == 3


def test_what_is_no_run_is_refused(refused: Refused, tmp_path: Path) -> None:
    assert "nowhere does not exist" in refused("repair", tmp_path / "nowhere")
    assert "required: RUN; see" in refused("repair")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tile": 7}, "made with `tile` 8, and 7 is asked for; leave `tile` out"),
        ({"stride": 2}, "made with `stride` 4, and 2 is asked for"),
        ({"grid": "aligned"}, "made with `grid` covering, and aligned is asked for"),
    ],
)
def test_a_diagnosis_of_other_tiles_than_asked_for_is_refused(options: dict[str, Any], said: str) -> None:
    diagnosis: Any = SimpleNamespace(tile=8, stride=4, grid="covering")
    asked = {"tile": None, "stride": None, "grid": "covering"}
    _repair._check_tiles(diagnosis, **{"tile": 8, "stride": 4, "grid": "covering"})
    with pytest.raises(InputError, match=said):
        _repair._check_tiles(diagnosis, **asked | options)
