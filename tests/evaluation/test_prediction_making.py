"""Predictions of images without labels: those of an evaluation, kept whatever happens on the way."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import csv, parquet

from nearsight.data import ImageSet
from nearsight.data.unlabelled import unlabelled
from nearsight.errors import InputError
from nearsight.evaluation import evaluate, predicting
from nearsight.evaluation import prediction_making as making
from nearsight.evaluation.parted_table import PartedTable
from nearsight.evaluation.prediction_making import make_predictions
from nearsight.evaluation.protocols import probabilities
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.models import Classifier

OURS = [
    "path",
    "class",
    "probability",
    "margin",
    "class.2",
    "probability.2",
    "protocol",
    "model",
    "fault",
    "digest",
]


@pytest.fixture
def bound(classifier: Classifier) -> TiledModel:
    return TiledModel(classifier, stride=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight images in folders in folders, the third damaged and the fifth smaller than a tile."""
    random = np.random.default_rng(0)
    for number in range(8):
        place = tmp_path / "photos" / f"day {number % 2}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        size = (4, 9, 3) if number == 4 else (9 + number, 12, 3)
        Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(place)
    (tmp_path / "photos" / "day 0" / "2.png").write_bytes(b"damaged")
    return tmp_path / "photos"


@pytest.mark.parametrize("protocol", ["full-pass", "mean-logit", "mean-probability", "vote"])
@pytest.mark.parametrize("name", ["uniform", "varied"])
def test_they_are_those_of_an_evaluation(
    protocol: str, name: str, bound: TiledModel, request: pytest.FixtureRequest
) -> None:
    images: ImageSet = request.getfixturevalue(name)
    expected = evaluate(bound, images, protocols=[protocol])
    found = make_predictions(bound, unlabelled(images), protocol=protocol, top=3).table
    assert found["class"].to_pylist() == [images.classes[k] for k in expected.predictions[protocol]]
    ranked = -np.sort(-probabilities(protocol, expected.scores[protocol]), axis=1)
    assert (found["probability"].to_numpy() == ranked[:, 0]).all()
    assert (found["probability.3"].to_numpy() == ranked[:, 2]).all()
    np.testing.assert_allclose(found["margin"].to_numpy(), ranked[:, 0] - ranked[:, 1], atol=1e-6)
    assert found["label"].to_pylist() == [images.classes[k] for k in images.labels]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("protocol", ["full-pass", "mean-logit"])
def test_faults_stand_in_their_place(
    workers: int, protocol: str, folder: Path, bound: TiledModel, listener: Any
) -> None:
    found = make_predictions(
        bound, unlabelled(folder), protocol=protocol, top=2, workers=workers, progress=listener
    )
    assert found.table.column_names == OURS
    assert [Path(path).name for path in found.table["path"].to_pylist()] == [
        f"{number}.png" for number in (0, 2, 4, 6, 1, 3, 5, 7)
    ]
    faults = {Path(path).name: fault for path, fault in found.faults.items()}
    assert faults["2.png"].endswith("2.png: not an image in a known format")
    if protocol == "mean-logit":
        assert faults["4.png"].startswith("a tile of 6 pixels does not fit an image of 4×9")
    assert found.settings["faults"] == len(faults)
    assert listener.said == [
        f"warning: {len(faults)} of 8 images {'has' if len(faults) == 1 else 'have'} no prediction; the column "
        "fault says why"
    ]
    assert listener.counted[-1] == ("predicting images", 8, 8)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_both_kinds_of_file_hold_what_is_held_in_memory(
    suffix: str, folder: Path, bound: TiledModel, tmp_path: Path
) -> None:
    out = tmp_path / f"out{suffix}"
    held = make_predictions(bound, unlabelled(folder), top=2).table
    found = make_predictions(bound, unlabelled(folder), top=2, out=out)
    assert found.table.equals(held)
    assert found.first(2) == held.slice(0, 2).to_pylist()
    plainly = csv.read_csv(out) if suffix == ".csv" else parquet.read_table(out)
    assert plainly.column_names == OURS
    assert [path.name for path in tmp_path.iterdir() if path != folder] == [out.name]


class Killed(BaseException):
    """What no one expects."""


class Killing:
    """Who watches and kills the process when so many images are done."""

    def __init__(self, after: int) -> None:
        self.after = after

    def say(self, text: str) -> None:
        """Drop a line."""

    warn = say

    def count(self, *told: Any) -> None:
        """Kill, or drop a count."""
        if told[1] == self.after:
            raise Killed

    def kill(self, *_: Any) -> None:
        """Kill at once."""
        raise Killed


def told(table: pyarrow.Table) -> list[tuple[str, ...]]:
    """What a table says of each image, in the order of their paths."""
    rows = table.select(["path", "class", "digest"]).to_pylist()
    return sorted(tuple(map(str, row.values())) for row in rows)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("protocol", ["full-pass", "vote"])
def test_what_was_there_is_kept_and_the_rest_comes_when_it_is_resumed(
    suffix: str,
    protocol: str,
    folder: Path,
    bound: TiledModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(making, "PART_ROWS", 2)
    monkeypatch.setattr(predicting, "BLOCK", 2)
    out, how = tmp_path / f"out{suffix}", {"protocol": protocol, "top": 2}
    whole = make_predictions(bound, unlabelled(folder), **how).table
    with pytest.raises(Killed):
        make_predictions(bound, unlabelled(folder), out=out, progress=Killing(after=5), **how)
    assert not out.exists()
    with pytest.raises(InputError, match=r"out.*\.parts already exists; continue it with `resume=True`"):
        make_predictions(bound, unlabelled(folder), out=out, **how)
    # Meanwhile one was mended, and one is new.
    Image.new("RGB", (9, 9)).save(folder / "day 0" / "2.png")
    Image.new("RGB", (9, 9)).save(folder / "new.png")
    found = make_predictions(bound, unlabelled(folder), out=out, resume=True, **how).table
    assert len(found) == 9
    rows = {row["path"]: row for row in found.to_pylist()}
    for row in whole.to_pylist():
        if row["fault"] is None:
            assert rows[row["path"]]["class"] == row["class"]
    assert rows[str(folder / "day 0" / "2.png")]["fault"] is None
    assert rows[str(folder / "new.png")]["class"] is not None
    again = make_predictions(bound, unlabelled(folder), out=out, resume=True, **how).table
    assert sorted(map(str, again.to_pylist())) == sorted(map(str, found.to_pylist()))


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("protocol", ["full-pass", "vote"])
def test_images_that_are_given_twice_are_continued(
    suffix: str, protocol: str, folder: Path, bound: TiledModel, tmp_path: Path
) -> None:
    files = sorted(map(str, folder.rglob("*.png")))[:2]
    cells = [{"bytes": Path(file).read_bytes(), "path": Path(file).name} for file in files]
    table = pyarrow.table({"image": cells})
    parquet.write_table(table, tmp_path / "some.parquet")
    out, twice = tmp_path / f"out{suffix}", [tmp_path / "some.parquet"] * 2
    first = make_predictions(bound, unlabelled(twice), out=out, protocol=protocol).table
    assert len(first) == 2 * len(files)
    again = make_predictions(bound, unlabelled(twice), out=out, resume=True, protocol=protocol).table
    assert told(again) == told(first)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_images_that_were_replaced_are_predicted_again(
    suffix: str,
    folder: Path,
    bound: TiledModel,
    tmp_path: Path,
    listener: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out, replaced = tmp_path / f"out{suffix}", folder / "day 0" / "0.png"
    make_predictions(bound, unlabelled(folder), out=out)
    for number, colour in enumerate(["red", "lime", "blue"]):
        # The same path, size and time: only the content differs.
        times = replaced.stat()
        Image.new("RGB", (9, 9), colour).save(replaced)
        os.utime(replaced, ns=(times.st_atime_ns, times.st_mtime_ns))
        if number == 1:
            # A killed process leaves the new row in its part.
            with monkeypatch.context() as patch:
                patch.setattr(PartedTable, "finish", Killing(after=0).kill)
                with pytest.raises(Killed):
                    make_predictions(bound, unlabelled(folder), out=out, resume=True)
        found = make_predictions(bound, unlabelled(folder), out=out, resume=True, progress=listener).table
        fresh = make_predictions(bound, unlabelled(folder)).table
        assert told(found) == told(fresh)
    assert sum("1 earlier row is of an image that was replaced" in line for line in listener.said) == 3


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_of_older_versions_are_continued_and_the_doubt_is_told(
    suffix: str, folder: Path, bound: TiledModel, tmp_path: Path, listener: Any
) -> None:
    out = tmp_path / f"out{suffix}"
    older = make_predictions(bound, unlabelled(folder), out=out).table.drop_columns(["digest"])
    if suffix == ".csv":
        csv.write_csv(older, out)
    else:
        parquet.write_table(older.replace_schema_metadata(parquet.read_schema(out).metadata), out)
    Image.new("RGB", (9, 9)).save(folder / "new.png")
    for count in (6, 6):
        found = make_predictions(bound, unlabelled(folder), out=out, resume=True, progress=listener).table
        assert found.column_names == [*older.column_names, "digest"]
        assert len(found) == len(older) + 1
        assert f"warning: {count} rows of an older version do not say" in str(listener.said)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_other_predictions_are_neither_mixed_nor_lost(
    suffix: str, folder: Path, bound: TiledModel, tmp_path: Path
) -> None:
    out = tmp_path / f"out{suffix}"
    make_predictions(bound, unlabelled(folder), out=out)
    before = out.read_bytes()
    with pytest.raises(InputError, match="already exists"):
        make_predictions(bound, unlabelled(folder), out=out)
    for other in ({"protocol": "vote"}, {"top": 1}, {"model": "another"}):
        with pytest.raises(InputError, match="another"):
            make_predictions(bound, unlabelled(folder), out=out, resume=True, **other)
    assert out.read_bytes() == before


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_row_that_lost_its_prediction_is_refused(
    suffix: str, folder: Path, bound: TiledModel, tmp_path: Path
) -> None:
    out = tmp_path / f"out{suffix}"
    table = make_predictions(bound, unlabelled(folder), out=out).table
    lost = table.set_column(table.column_names.index("class"), "class", pyarrow.nulls(len(table), "string"))
    if suffix == ".csv":
        csv.write_csv(lost, out)
    else:
        parquet.write_table(lost.replace_schema_metadata(parquet.read_schema(out).metadata), out)
    before = out.read_bytes()
    with pytest.raises(InputError, match="a row of it has neither a fault nor a class; give another `out`"):
        make_predictions(bound, unlabelled(folder), out=out, resume=True)
    assert out.read_bytes() == before


def test_a_process_that_was_killed_as_it_cleaned_up_leaves_no_row_twice(
    folder: Path, bound: TiledModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    monkeypatch.setattr("nearsight.evaluation.parted_table.remove_parts", lambda _: None)
    make_predictions(bound, unlabelled(folder), out=out)
    monkeypatch.undo()
    assert out.with_name("out.csv.parts").is_dir()
    assert len(make_predictions(bound, unlabelled(folder), out=out, resume=True).table) == 8
    assert not out.with_name("out.csv.parts").exists()


def test_other_columns_are_carried_over_and_keep_their_names_apart(
    uniform: ImageSet, bound: TiledModel, tmp_path: Path
) -> None:
    columns = pyarrow.table(
        {"patient": [f"{k:03}" for k in range(40)], "class": ["x"] * 40, "at": [[0.5, 1.0]] * 40}
    )
    images = ImageSet(uniform.name, "test", uniform.classes, uniform.labels, uniform.images, columns=columns)
    for suffix in (".csv", ".parquet"):
        out = tmp_path / f"out{suffix}"
        make_predictions(bound, unlabelled(images), out=out)
        table = make_predictions(bound, unlabelled(images), out=out, resume=True).table
        assert table["patient"].to_pylist()[:2] == ["000", "001"]
        assert table["data.class"].to_pylist() == ["x"] * 40
        assert table["at"].to_pylist()[0] == ("[0.5, 1.0]" if suffix == ".csv" else [0.5, 1.0])


@pytest.mark.parametrize("protocol", ["full-pass", "mean-logit"])
def test_maps_lie_where_their_images_do(
    protocol: str, folder: Path, bound: TiledModel, tmp_path: Path
) -> None:
    found = make_predictions(bound, unlabelled(folder), protocol=protocol, maps=tmp_path / "maps")
    rows = {Path(row["path"]).name: row for row in found.table.to_pylist()}
    assert rows["3.png"]["map"] == str(tmp_path / "maps" / "day 1" / "3.png.safetensors")
    assert rows["2.png"]["map"] is None
    assert rows["4.png"]["map"] is None
    held = EvidenceMap.load(rows["3.png"]["map"])
    if protocol == "mean-logit":
        assert held.classes[held.predicted()] == rows["3.png"]["class"]
    alone = make_predictions(bound, unlabelled(folder), protocol=protocol).table.to_pylist()
    assert [row["class"] for row in alone] == [row["class"] for row in found.table.to_pylist()] or (
        protocol == "full-pass"
    )


def test_what_cannot_be_asked_for_is_refused(bound: TiledModel, folder: Path, tmp_path: Path) -> None:
    images = unlabelled(folder)
    with pytest.raises(InputError, match=r"ends in \.csv or \.parquet, got .*out\.json"):
        make_predictions(bound, images, out=tmp_path / "out.json")
    with pytest.raises(InputError, match="protocol 'single-tile'"):
        make_predictions(bound, images, protocol="single-tile")
    with pytest.raises(InputError, match="`resume` continues a file"):
        make_predictions(bound, images, resume=True)
    with pytest.raises(InputError, match="top is a number of classes from 1 on"):
        make_predictions(bound, images, top=0)
    whole = TiledModel(lambda x: x.mean((2, 3)), classes=("red", "green", "blue"))
    with pytest.raises(InputError, match="`maps` needs a tile"):
        make_predictions(whole, images, maps=tmp_path)


def test_a_model_of_one_size_has_faults_for_the_others(folder: Path) -> None:
    def one_size(images: Any) -> Any:
        if images.shape[2:] != (9, 12):
            raise RuntimeError("only 9×12")
        return images.mean((2, 3))

    found = make_predictions(
        TiledModel(Classifier.of(one_size, classes="red,green,blue")), unlabelled(folder)
    )
    assert found.settings["faults"] == 7
    assert "does not take images of 10×12 pixels: only 9×12" in str(found.faults)
