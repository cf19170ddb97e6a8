"""A session from top to bottom: every verb called one after the other, as in a notebook, with progress that shows."""

import json
from pathlib import Path
from typing import Any

import pytest

SESSION = """
import nearsight

quick = dict(recipe="fast", width=0.1, steps=2, batch_size=50, precision="float32")
cpu = nearsight.Machine(device="cpu", workers=0)
digits = nearsight.load("digits")
run = nearsight.train("digits", tile=6, out="run", machine=cpu, **quick)
some = dict(tiles=[6, None], seeds=1, stride=2, on_tiles=0)
comparison = nearsight.compare("digits", out="study", machine=cpu, **some, **quick)
evaluation = nearsight.evaluate(run, protocols=["mean-logit"], stride=2, machine=cpu)
heatmaps = nearsight.heatmap(run, [digits["test"].image(0)], stride=2, machine=cpu)
diagnosis = nearsight.diagnose(run, images=20, stride=2, faithfulness=2, machine=cpu)
few = nearsight.Sampling(training_tiles=50, test_images=10, points=30, pairs=10)
dimension = nearsight.dimension("digits", tiles=[4, None], sampling=few, machine=cpu)
results = [run, comparison, evaluation, heatmaps, diagnosis, dimension]
"""


def test_a_session_runs_through_and_says_what_it_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    session: dict[str, Any] = {}
    exec(SESSION, session)
    out, err = capsys.readouterr()
    assert out == ""
    names = ["Run", "Comparison", "Evaluation", "Heatmaps", "Diagnosis", "Dimension"]
    assert [type(result).__name__ for result in session["results"]] == names
    assert max(len(repr(result)) for result in session["results"]) < 4000
    told = err.splitlines()
    for line in (
        "test: 365 of the 1797 images of train, held out by a hash of their path",
        "tile-6+flip, seed 0 (run 3 of 3)",
        "tile full: 192 dimensions, 1,432 training tiles",
    ):
        assert line in told
    (parts,) = (line for line in told if line.startswith("diagnosing 20 images in "))
    assert ": whether tiles explain this classifier, reasons, " in parts
    counted = {line.partition(":")[0] for line in told}
    assert {"training", "evaluating images", "mapping images", "searching training images"} <= counted


def test_quiet_commands_print_no_progress_and_one_object(tmp_path: Path, capsys: Any) -> None:
    from nearsight.cli.main import main

    options = ["--recipe", "fast", "--width", "0.1", "--steps", "2", "--tile", "6", "--device", "cpu"]
    arguments = ["train", "digits", *options, "--out", str(tmp_path / "run"), "--json"]
    assert main([*arguments, "--quiet"]) == 0
    quiet = capsys.readouterr()
    assert quiet.err == ""
    assert json.loads(quiet.out)["run"] == str(tmp_path / "run")
    assert main([*arguments, "--resume"]) == 0
    shown = capsys.readouterr()
    assert "is already finished" in shown.err
    assert json.loads(shown.out)["run"] == str(tmp_path / "run")
