"""Cross-validation, end to end: a run for each fold, numbers redone from the files, resumed, refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pyarrow import parquet
from scipy import stats

import nearsight
from nearsight.errors import InputError
from nearsight.runs import Run
from nearsight.study import CrossValidation

FIELDS: dict[str, Any] = {
    "recipe": "fast",
    "tile": 6,
    "width": 0.1,
    "steps": 6,
    "batch_size": 20,
    "precision": "float32",
    "progress": False,
}


def images(count: int = 60) -> tuple[torch.Tensor, list[str]]:
    random = torch.Generator().manual_seed(2)
    pixels = torch.rand(count, 3, 8, 8, generator=random)
    pixels[::2] *= 0.6
    return pixels, ["dark", "light"] * (count // 2)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> CrossValidation:
    out = tmp_path_factory.mktemp("folds") / "out"
    return nearsight.train(images(), folds=4, out=out, **FIELDS)


def test_every_image_is_tested_once(finished: CrossValidation) -> None:
    table = parquet.read_table(finished.directory / "predictions.parquet").to_pydict()
    assert table["index"] == list(range(60))
    assert np.bincount(table["fold"])[1:].tolist() == list(finished.sizes)
    for number, name in enumerate(finished.runs, start=1):
        own = Run.open(finished.directory / name).predictions().to_pydict()
        here = [i for i, fold in enumerate(table["fold"]) if fold == number]
        assert [table["vote.prediction"][i] for i in here] == own["vote.prediction"]
        listed = parquet.read_table(finished.directory / name / "split.parquet").to_pydict()
        assert listed["split"].count("test") == len(here)


def test_accuracies_and_intervals_are_those_of_the_predictions(finished: CrossValidation) -> None:
    table = parquet.read_table(finished.directory / "predictions.parquet").to_pydict()
    fold = np.array(table["fold"])
    right = np.array(table["label"]) == np.array(table["mean-logit.prediction"])
    found = finished.accuracy("mean-logit")
    assert found is not None
    assert found.accuracy.value == right.mean()
    means = [right[fold == k].mean() for k in (1, 2, 3, 4)]
    assert found.folds == pytest.approx(means)
    trained = [Run.open(finished.directory / name) for name in finished.runs]
    listed = [parquet.read_table(run.directory / "split.parquet")["split"].to_pylist() for run in trained]
    ratio = 15 / np.mean([one.count("train") for one in listed])
    half = stats.t(3).ppf(0.975) * np.std(means, ddof=1) * (1 / 4 + ratio) ** 0.5
    wilson = stats.binomtest(int(right.sum()), 60).proportion_ci(method="wilson")
    assert found.accuracy.low == pytest.approx(max(0, min(right.mean() - half, wilson.low)))
    assert found.accuracy.high == pytest.approx(min(1, max(right.mean() + half, wilson.high)))


def test_what_is_saved_is_loaded_and_shown_short(finished: CrossValidation) -> None:
    assert CrossValidation.load(finished.directory) == finished
    assert "4 folds" in repr(finished)
    assert "training sets" in repr(finished)
    assert len(finished._repr_html_()) < 3000


def test_a_missing_fold_is_made_again_and_the_others_are_kept(
    finished: CrossValidation, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished.directory, tmp_path / "copy"))
    shutil.rmtree(out / "fold-3")
    (out / "folds.json").unlink()
    kept = (out / "fold-2" / "model.safetensors").stat().st_mtime_ns
    again = nearsight.train(images(), folds=4, out=out, resume=True, **FIELDS)
    assert again.accuracies == finished.accuracies
    assert (out / "fold-2" / "model.safetensors").stat().st_mtime_ns == kept


@pytest.mark.parametrize("rows", [0, 3])
def test_predictions_of_other_images_than_the_fold_are_refused(
    rows: int, finished: CrossValidation, tmp_path: Path
) -> None:
    out = Path(shutil.copytree(finished.directory, tmp_path / "copy"))
    place = out / "fold-2" / "predictions.parquet"
    parquet.write_table(parquet.read_table(place).slice(0, rows), place)
    with pytest.raises(
        InputError, match=r"fold-2/predictions\.parquet does not hold the predictions of .* 15"
    ):
        nearsight.train(images(), folds=4, out=out, resume=True, **FIELDS)


def test_images_stay_in_their_folds_when_the_folder_changes(tmp_path: Path) -> None:
    place, pixels = tmp_path / "photos", images(24)[0]
    for i, picture in enumerate(pixels):
        (place / ("dark", "light")[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.fromarray((picture * 255).byte().permute(1, 2, 0).numpy()).save(
            place / ("dark", "light")[i % 2] / f"{i}.png"
        )
    options = FIELDS | {"batch_size": 8, "out": tmp_path / "out"}
    nearsight.train(place, folds=2, **options)
    shutil.rmtree(tmp_path / "out" / "fold-2")
    before = parquet.read_table(tmp_path / "out" / "split.parquet").to_pydict()
    gone = before["path"][before["split"].index("fold-2")]
    pictures = [(place / "dark" / "0.png").read_bytes() + b"another"]
    (place / gone).unlink()
    (place / "dark" / "1.png").write_bytes(pictures[0])
    again = nearsight.train(place, folds=2, resume=True, **options)
    assert again.images == 23
    tested = parquet.read_table(tmp_path / "out" / "fold-2" / "split.parquet").to_pydict()
    mine = {path for path, fold in zip(before["path"], before["split"], strict=True) if fold == "fold-2"}
    assert {
        path for path, split in zip(tested["path"], tested["split"], strict=True) if split == "test"
    } == mine - {gone}


def test_a_missing_fold_is_not_trained_on_other_labels(finished: CrossValidation, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished.directory, tmp_path / "copy"))
    shutil.rmtree(out / "fold-3")
    pixels, labels = images()
    labels[:10] = reversed(labels[:10])
    with pytest.raises(InputError, match="would be trained on other images or labels than those that it has"):
        nearsight.train((pixels, labels), folds=4, out=out, resume=True, **FIELDS)
    assert not (out / "fold-3").exists()


def test_all_folds_are_evaluated_in_the_same_way(finished: CrossValidation, tmp_path: Path) -> None:
    out = Path(shutil.copytree(finished.directory, tmp_path / "copy"))
    nearsight.evaluate(out / "fold-2", images(), classes=["dark", "light"], skip_blank=200, progress=False)
    again = nearsight.train(images(), folds=4, out=out, resume=True, **FIELDS)
    assert again.accuracies == finished.accuracies
    nearsight.train(images(), folds=4, out=out, resume=True, stride=3, **FIELDS)
    told = [Run.open(out / name).result["evaluation"]["test"] for name in finished.runs]
    assert [(one["stride"], "skip_blank" in one) for one in told] == [(3, False)] * 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"folds": 4}, "already holds a cross-validation; give `resume=True`"),
        ({"folds": 5, "resume": True}, "already holds a cross-validation of 4 folds, got 5"),
        ({"folds": 4, "resume": True, "seed": 9}, "fold-1 already holds a run of another recipe"),
        ({"resume": True}, "holds 4 folds of a set; give `folds=4`"),
    ],
)
def test_a_directory_of_something_else_is_refused_and_left(
    finished: CrossValidation, options: dict[str, Any], said: str
) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.directory.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=said):
        nearsight.train(images(), out=finished.directory, **FIELDS | options)
    assert {
        path: path.stat().st_mtime_ns for path in finished.directory.rglob("*") if path.is_file()
    } == before


def test_pages_are_those_of_its_runs(finished: CrossValidation, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give one of its runs, such as .*fold-1"):
        nearsight.report(finished.directory, out=tmp_path)
    nearsight.report(finished.directory / "fold-1", out=tmp_path)
    assert (tmp_path / "report.html").is_file()


def test_the_command_prints_one_object(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from nearsight.cli.main import main

    arguments = ["train", "digits", "--folds", "2", "--recipe", "fast", "--tile", "8", "--width", "0.1"]
    assert main([*arguments, "--steps", "2", "--out", str(tmp_path / "out"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["images"] == 1797
    assert said["runs"] == ["fold-1", "fold-2"]
