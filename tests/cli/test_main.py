"""The commands as a user runs them: results on stdout, one line for bad input, exit codes."""

import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pyarrow import parquet

from nearsight.cli.main import COMMANDS, main
from nearsight.digest import unsealed_json

Printed = Callable[..., dict[str, Any]]
Refused = Callable[..., str]
Snapshot = Callable[[Path], dict[str, bytes]]


def start(*arguments: str | Path, **settings: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nearsight", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An image folder of two classes, in memory when opened: 40 images of 16×16."""
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(20):
            pixels = random.integers(0, 256, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"{number:02}.png")
    return tmp_path / "set"


def test_json_is_read_on_a_terminal_and_never_steers_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "猫\u202e\x9b2J"
    (folder / "cat").rename(folder / name)
    assert main(["data", str(folder), "--json", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert told.endswith("\n")
    assert told[:-1].isprintable()
    assert "猫" in told
    assert name in json.loads(told)["classes"]


def test_without_a_command_the_help_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    told = capsys.readouterr().out
    assert all(f"\n  {name} " in told for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert told.startswith(f"usage: nearsight {name} ")
    assert "--json" in told


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["trian"], "unknown command 'trian'; did you mean 'train'?"),
        (["train"], "the following arguments are required: DATA"),
        (["evaluate"], "the following arguments are required: RUN, or another model by --model; see"),
        (["train", "--modle", "airbench"], "unknown option '--modle'; did you mean '--model'?"),
        (["train", "digits", "--modle=airbench"], "unknown option '--modle'; did you mean '--model'?"),
        (["compare", "digits", "--tile", "4"], "unknown option '--tile'; did you mean '--tiles'?"),
        (["evaluate", "--qqq"], "unknown option '--qqq'; see 'nearsight evaluate --help'"),
        (["train", "digits", "--tile", "big"], "tile takes a whole number or 'full', got 'big'"),
        (["train", "digits", "--recipe", "fsat"], "unknown recipe 'fsat'; did you mean 'fast'?"),
        (["train", "digits", "--recipe", "no.toml"], "no recipe file at no.toml"),
        (["train", "digits", "--device", "gpu"], "unknown device 'gpu'; did you mean 'cpu'?"),
        (["train", "digits", "--flip", "randm"], "unknown flip 'randm'; did you mean 'random'?"),
        (["train", "digits", "--clip", "-1"], "clip must lie between"),
        (["train", "digits", "--stride", "0"], "--stride takes a whole number of at least 1, got '0'"),
        (["train", "digist"], "unknown image set 'digist'; did you mean 'digits'?"),
        (["compare", "digits", "--budget", "step"], "unknown budget 'step'; did you mean 'steps'?"),
        (["compare", "digits", "--seeds", "x"], "--seeds takes a whole number of at least 1, got 'x'"),
        (["compare", "digits", "--tiles", "4,x"], "tile takes a whole number or 'full', got 'x'"),
        (["compare", "digits", "--protocols", "vot"], "unknown protocol 'vot'; did you mean 'vote'?"),
        (["evaluate", "nowhere"], "nowhere does not exist"),
        (["data", "digits", "more"], "unrecognized arguments: more; see"),
        (
            ["predict", "RUN", "--stride", "8", "new"],
            "unrecognized arguments: new; write RUN and IMAGES in a row",
        ),
        (
            ["diagnose", "RUN", "--stride", "8", "new"],
            "unrecognized arguments: new; write RUN and DATA in a row",
        ),
        (["diagnose", "RUN", "new", "--stride", "8", "more"], "unrecognized arguments: more; see"),
        (["data", "/no/such/place"], "there is no file or folder /no/such/place"),
        (["data", "scenes:shortcut=2"], "shortcut must be from 0"),
        (["data", "scenes:shortcutt=1"], "unknown option of scenes 'shortcutt'; did you mean 'shortcut'?"),
    ],
)
def test_bad_usage_is_one_line(
    arguments: list[str], line: str, refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert refused(*arguments).startswith(line)
    assert not list(tmp_path.iterdir())


def test_data_prints_what_a_set_holds(printed: Printed, capsys: pytest.CaptureFixture[str]) -> None:
    summary = printed("data", "digits")
    assert (summary["largest_tile"], list(summary["splits"])) == (8, ["train", "val", "test"])
    assert "digits" in printed("data")["names"]
    assert main(["data", "digits"]) == 0
    told = capsys.readouterr().out
    assert "largest tile that fits every image: 8" in told
    assert told.count("note: ") == len(summary["notes"]) == 2


def test_bad_images_are_named_and_left_out_only_when_asked(
    folder: Path, printed: Printed, refused: Refused, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "cat" / "note.jpg").write_text("not an image")
    whole = (folder / "dog" / "00.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(whole[: len(whole) // 2])
    line = refused("data", folder)
    assert line.startswith("2 of 42 images")
    assert {"cat/note.jpg", "dog/cut.png"} <= {
        word.split("set/")[1] for word in line.replace("(", " ").split() if "set/" in word and "." in word
    }
    summary = printed("data", folder, "--skip-bad")
    assert sum(split["images"] for split in summary["splits"].values()) == 40
    assert summary["notes"][0].startswith("skipped: 2 of 42 images")
    assert main(["data", str(folder), "--skip-bad"]) == 0
    # Without it, the next command would refuse the set.
    assert f"next: nearsight train {folder} --skip-bad (" in capsys.readouterr().out


def test_a_tile_larger_than_one_image_names_that_file(
    folder: Path, refused: Refused, quick: list[str], tmp_path: Path
) -> None:
    Image.new("RGB", (16, 9)).save(folder / "dog" / "tiny.png")
    line = refused("train", folder, "--tile", "12", "--out", tmp_path / "run", *quick)
    assert "dog/tiny.png (9×16)" in line
    assert "choose --tile 9 or less" in line
    assert not (tmp_path / "run").exists()


def test_train_prints_its_result(printed: Printed, trained: Path, quick: list[str], tmp_path: Path) -> None:
    arguments = ["train", "digits", "--tile", "6", "--steps", "4", "--out", tmp_path / "run", *quick]
    result = printed(*arguments)
    assert result["run"] == str(tmp_path / "run")
    kept = json.loads((tmp_path / "run" / "result.json").read_text())
    assert kept.pop("digest").startswith("xxh128:")
    assert kept.pop("schema") == 1
    assert result == {"run": str(tmp_path / "run"), **kept}
    assert list(result["evaluation"]) == ["test"]
    first, again = (directory / "model.safetensors" for directory in (trained, tmp_path / "run"))
    assert first.read_bytes() == again.read_bytes()
    assert printed(*arguments, "--resume") == result


def test_a_run_is_not_overwritten(
    trained: Path, refused: Refused, quick: list[str], snapshot: Snapshot
) -> None:
    before = snapshot(trained)
    same = ["train", "digits", "--tile", "6", "--steps", "4", "--out", trained, *quick]
    assert "give --resume, or choose another --out" in refused(*same)
    assert "(tile 6 there, 7 asked for)" in refused(*same, "--tile", "7", "--resume")
    assert snapshot(trained) == before


def test_a_folder_that_holds_other_things_is_left_alone(
    tmp_path: Path, refused: Refused, quick: list[str], snapshot: Snapshot
) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("kept")
    for command in (["train", "digits"], ["compare", "digits", "--tiles", "4,6"]):
        line = refused(*command, "--steps", "2", "--out", tmp_path / "letters", *quick)
        assert line.startswith(f"{tmp_path / 'letters'} is not empty")
    assert snapshot(tmp_path) == {"letters/dear.txt": b"kept"}


def test_evaluate_on_other_splits_keeps_the_figures_of_test(
    trained: Path, printed: Printed, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = json.loads((run / "result.json").read_text())["evaluation"]["test"]
    predictions = (run / "predictions.parquet").read_bytes()
    found = printed("evaluate", run, "--split", "val", "--protocols", "vote,mean-logit", "--memory", "64M")
    assert list(found["protocols"]) == ["mean-logit", "vote"]
    after = json.loads((run / "result.json").read_text())["evaluation"]
    assert after["test"] == before
    assert after["val"]["images"] == found["images"]
    assert (run / "predictions.parquet").read_bytes() == predictions
    assert parquet.read_table(run / "predictions-val.parquet").num_rows == found["images"]


def test_evaluate_reestimates_beside(trained: Path, printed: Printed, tmp_path: Path) -> None:
    found = printed(
        "evaluate", trained, "--reestimate", "--protocols", "full-pass", "--out", tmp_path / "kept"
    )
    assert list(found["protocols"]) == ["full-pass", "full-pass+bn"]
    kept = json.loads((tmp_path / "kept" / "result.json").read_text())
    assert kept["evaluation"]["test"]["protocols"].keys() == found["protocols"].keys()


def test_evaluate_on_other_data_leaves_the_run_as_it_was(
    trained: Path, printed: Printed, tmp_path: Path, snapshot: Snapshot
) -> None:
    for label in range(10):
        (tmp_path / "other" / "test" / str(label)).mkdir(parents=True)
        for shade in (0, 200):
            Image.new("L", (9, 8), shade).save(tmp_path / "other" / "test" / str(label) / f"{shade}.png")
    before = snapshot(trained)
    found = printed("evaluate", trained, tmp_path / "other", "--workers", "0")
    assert found["images"] == 20
    assert found["protocols"]["vote"]["accuracy"] == 0.1
    assert snapshot(trained) == before
    printed("evaluate", trained, tmp_path / "other", "--workers", "0", "--out", tmp_path / "kept")
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        "classes.csv",
        "evaluation.csv",
        "predictions.parquet",
        "result.json",
    ]
    assert snapshot(trained) == before


def test_evaluate_refuses_other_classes(trained: Path, folder: Path, refused: Refused) -> None:
    line = refused("evaluate", trained, folder, "--workers", "0")
    assert (
        "those of the classifier are 10 (0, 1, 2, 3, 4 and 5 more), and numbers are matched only with" in line
    )
    assert line.endswith("name the model's own with --classes, or say which is which with --class-map")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--protocols", "vot"], "unknown protocol 'vot'; did you mean 'vote'?"),
        (["--split", "vall"], "'digits' has no split 'vall'; it has: train, val, test"),
        (["--tile", "9"], "a tile of 9 pixels does not fit"),
        (["--groups", "file.with"], "unknown column 'file.with'; did you mean 'file.width'?"),
        (["--memory", "lots"], "--memory takes a size such as 512M or 2G, got 'lots'"),
    ],
)
def test_evaluate_refuses(
    options: list[str], line: str, trained: Path, refused: Refused, snapshot: Snapshot
) -> None:
    before = snapshot(trained)
    assert refused("evaluate", trained, *options).startswith(line)
    assert snapshot(trained) == before


def test_evaluate_prints_accuracy_by_group(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--groups", "file.width", "--protocols", "vote", "--out", str(tmp_path / "out"), "--quiet"]
    main(["evaluate", str(trained), *options])
    printed = capsys.readouterr().out
    assert "worst group %" in printed
    assert "file.width, vote" in printed
    assert "worst: " in printed
    assert (tmp_path / "out" / "groups.csv").is_file()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (name, damage)
        for name in ("recipe.toml", "model.json", "model.safetensors", "result.json")
        for damage in ("missing", "cut short", "empty", "noise")
        # Figures that are missing are simply made.
        if (name, damage) != ("result.json", "missing")
    ],
)
def test_a_damaged_run_is_named_and_left_as_it_is(
    name: str, damage: str, trained: Path, refused: Refused, tmp_path: Path, snapshot: Snapshot
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    whole = (run / name).read_bytes()
    if damage == "missing":
        (run / name).unlink()
    else:
        content = {"cut short": whole[: len(whole) // 2], "empty": b"", "noise": bytes(range(256))}
        (run / name).write_bytes(content[damage])
    before = snapshot(run)
    line = refused("evaluate", run, "--protocols", "full-pass")
    assert str(run) in line
    assert name in line
    assert snapshot(run) == before


@pytest.mark.usefixtures("undrawn")
def test_compare_prints_and_resumes(printed: Printed, quick: list[str], tmp_path: Path) -> None:
    arguments = ["compare", "digits", "--tiles", "6,full", "--seeds", "1", "--steps", "2", *quick]
    arguments += ["--on-tiles", "3"]
    found = printed(*arguments, "--out", tmp_path / "study")
    assert [arm["name"] for arm in found["arms"]] == ["full+flip", "full+standard", "tile-6+flip"]
    assert [(arm["arm"], arm["images"]) for arm in found["on_tiles"]] == [
        ("full+flip", 3),
        ("full+standard", 3),
    ]
    assert found == json.loads(unsealed_json((tmp_path / "study" / "comparison.json").read_bytes(), "file"))
    weights = tmp_path / "study" / "runs" / "tile-6+flip" / "seed-0" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    shutil.rmtree(tmp_path / "study" / "runs" / "full+flip")
    (tmp_path / "study" / "comparison.json").unlink()
    again = printed(*arguments, "--out", tmp_path / "study", "--resume", "--on-tiles", "0")
    assert again["on_tiles"] == []
    assert again["verdicts"] == found["verdicts"]
    assert weights.stat().st_mtime_ns == written


def test_the_demo_can_be_run_again(
    printed: Printed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The verb of the same name hides the module in its package.
    module = import_module("nearsight.verbs._demo")
    few = {"train": 136, "val": 8, "test": 24, "swapped": 24}
    monkeypatch.setattr(module, "IMAGES", few)
    monkeypatch.setattr(module, "DIAGNOSED_IMAGES", 128)
    monkeypatch.setattr(module, "EPOCHS", 24)
    monkeypatch.setattr(module, "MAP_STRIDE", 16)
    monkeypatch.setattr(module, "DRAWN", 1)
    monkeypatch.chdir(tmp_path)
    found = printed("demo")
    trained = (tmp_path / "nearsight-demo" / "run" / "model.safetensors").read_bytes()
    (tmp_path / "nearsight-demo" / "report.html").unlink()
    assert main(["demo"]) == 0
    told = capsys.readouterr().out
    assert "the page: nearsight-demo/report.html" in told
    assert "nearsight repair runs/mine" in told
    assert (tmp_path / "nearsight-demo" / "run" / "model.safetensors").read_bytes() == trained
    page = (tmp_path / "nearsight-demo" / "report.html").read_text()
    for place in ("diagnosis/report.html", "repair/report.html"):
        assert f'href="{place}"' in page
        assert (tmp_path / "nearsight-demo" / place).is_file()
    # What was planted is what was used, found, and removed.
    usual, swapped = found["accuracy"]["test"], found["accuracy"]["swapped"]
    assert swapped["before"]["high"] < usual["before"]["low"]
    assert swapped["before"]["high"] < swapped["after"]["low"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device /dev/full")
def test_output_that_a_full_disk_refuses_is_one_line() -> None:
    command = [sys.executable, "-m", "nearsight", "data", "--json"]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 2
    assert (
        ended.stderr == "nearsight: the disk is full: where its output goes; free some space and try again\n"
    )


def test_an_interrupted_run_resumes_to_the_same_weights(
    printed: Printed, quick: list[str], tmp_path: Path
) -> None:
    arguments = ["train", "digits", "--tile", "6", "--steps", "48", "--batch-size", "64", *quick]
    run = tmp_path / "run"
    process = start(
        *arguments, "--out", run, "--checkpoint-seconds", "0.01", env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    for _ in range(6000):
        if list(run.glob("checkpoint/*")) or process.poll() is not None:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, told = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, ""), told
    assert "--resume continues from the checkpoint" in told.splitlines()[-1]
    assert not (run / "result.json").exists()
    printed(*arguments, "--out", run, "--resume")
    printed(*arguments, "--out", tmp_path / "whole")
    resumed, whole = (place / "model.safetensors" for place in (run, tmp_path / "whole"))
    assert resumed.read_bytes() == whole.read_bytes()


def test_a_full_disk_is_one_line_and_keeps_what_was_there(
    trained: Path, tmp_path: Path, snapshot: Snapshot
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    before = snapshot(run)

    def allow_little() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    process = start("evaluate", run, "--protocols", "full-pass", preexec_fn=allow_little)
    out, told = process.communicate(timeout=120)
    assert (process.returncode, out) == (2, ""), told
    assert told.splitlines()[-1].startswith("nearsight: ")
    assert "Traceback" not in told
    assert snapshot(run) == before
