"""What an evaluation leaves in a run's directory is enough to make its metrics again."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation, confusion_matrix, evaluate
from nearsight.evaluation.metrics import protocol_metrics
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.write import plain


@pytest.fixture
def evaluation(classifier: Classifier, uniform: ImageSet) -> Evaluation:
    return evaluate(TiledModel(classifier, stride=3), uniform, reestimate=uniform)


def test_every_accuracy_can_be_made_again_from_the_files(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    table = parquet.read_table(tmp_path / "predictions.parquet").to_pydict()
    reported = json.loads((tmp_path / "result.json").read_text())["evaluation"]["test"]["protocols"]
    assert table["index"] == list(range(40))
    assert list(reported) == [
        "full-pass",
        "full-pass+bn",
        "mean-logit",
        "mean-probability",
        "vote",
        "single-tile",
    ]
    for protocol, metrics in reported.items():
        rows = list(
            zip(table["label"], table[f"{protocol}.prediction"], table[f"{protocol}.scores"], strict=True)
        )
        assert all(scores[prediction] == max(scores) for _, prediction, scores in rows)
        if protocol == "single-tile":
            right = [scores[label] for label, _, scores in rows]
        else:
            right = [label == prediction for label, prediction, _ in rows]
        assert metrics["accuracy"] == pytest.approx(sum(right) / 40)
        assert sum(map(sum, metrics["confusion"])) == pytest.approx(40, rel=1e-6)


def test_the_columns_have_the_types_that_were_promised(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    schema = parquet.read_schema(tmp_path / "predictions.parquet")
    assert schema.names[:5] == ["index", "path", "label", "full-pass.prediction", "full-pass.scores"]
    types = [schema.field(name).type for name in schema.names[:5] if name != "path"]
    assert types[:3] == [pyarrow.int64()] * 3
    assert types[3].value_type == pyarrow.float32()
    assert json.loads(schema.metadata[b"nearsight"])["split"] == "test"


def test_metrics_are_added_to_what_a_run_already_says(evaluation: Evaluation, tmp_path: Path) -> None:
    before = {"training": {"seed": 3}, "evaluation": {"shuffled": {"images": 5}, "test": {"images": 1}}}
    (tmp_path / "result.json").write_text(json.dumps(before))
    evaluation.save(tmp_path)
    after = json.loads((tmp_path / "result.json").read_text())
    assert after["training"] == {"seed": 3}
    assert after["evaluation"]["shuffled"] == {"images": 5}
    assert after["evaluation"]["test"]["images"] == 40


@pytest.mark.parametrize("content", ["{ half", "[1]"])
def test_a_damaged_result_is_refused_and_nothing_is_written(
    content: str, evaluation: Evaluation, tmp_path: Path
) -> None:
    (tmp_path / "result.json").write_text(content)
    with pytest.raises(InputError, match=r"cannot add metrics to .*result.json"):
        evaluation.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == content


@pytest.fixture
def many_classes() -> Evaluation:
    """An evaluation of 12 images of 101 classes."""
    random = np.random.default_rng(0)
    labels, scores = random.integers(0, 101, 12), random.random((12, 101), dtype=np.float32)
    metrics = {"vote": protocol_metrics("vote", scores, labels, [f"class {number}" for number in range(101)])}
    return Evaluation(metrics, {"split": "test"}, labels, {"vote": scores.argmax(1)}, {"vote": scores})


def test_large_confusion_matrices_are_left_to_the_table(many_classes: Evaluation, tmp_path: Path) -> None:
    many_classes.save(tmp_path)
    protocols = json.loads((tmp_path / "result.json").read_text())["evaluation"]["test"]["protocols"]
    assert all("confusion" not in metrics for metrics in protocols.values())
    cells = many_classes.metrics["vote"]["confusion"]
    matrix = np.zeros((101, 101))
    matrix[cells["label"], cells["prediction"]] = cells["count"]
    assert (matrix == confusion_matrix("vote", many_classes.scores["vote"], many_classes.labels)).all()
    assert_same(Evaluation.load(tmp_path), many_classes)


def assert_same(one: Evaluation, other: Evaluation) -> None:
    assert one.metrics == other.metrics
    assert plain(one.settings) == plain(other.settings)
    assert np.array_equal(one.labels, other.labels)
    assert one.paths == other.paths
    assert one.columns == other.columns
    for ours, theirs in ((one.predictions, other.predictions), (one.scores, other.scores)):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)


def test_an_evaluation_comes_back_as_it_was(evaluation: Evaluation, tmp_path: Path) -> None:
    shuffled = replace(evaluation, settings={**evaluation.settings, "split": "shuffled"})
    evaluation.save(tmp_path)
    shuffled.save(tmp_path)
    assert_same(Evaluation.load(tmp_path), evaluation)
    assert_same(Evaluation.load(tmp_path, "shuffled"), shuffled)


def test_an_evaluation_that_is_not_there_is_said(evaluation: Evaluation, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no evaluation on the split 'test'; run `nearsight evaluate`"):
        Evaluation.load(tmp_path)
    evaluation.save(tmp_path)
    with pytest.raises(InputError, match="on the split 'val'; it has: test; give `split='test'`, or run"):
        Evaluation.load(tmp_path, "val")


def test_files_of_two_evaluations_are_not_read_as_one(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    first = (tmp_path / "predictions.parquet").read_bytes()
    replace(evaluation, settings={**evaluation.settings, "stride": 1}).save(tmp_path)
    (tmp_path / "predictions.parquet").write_bytes(first)
    with pytest.raises(InputError, match=r"predictions\.parquet and .* are of two evaluations"):
        Evaluation.load(tmp_path)


def test_tables_have_the_words_and_the_numbers_of_the_result(evaluation: Evaluation, tmp_path: Path) -> None:
    evaluation.save(tmp_path)
    rows = list(csv.DictReader((tmp_path / "evaluation.csv").read_text().splitlines()))
    assert [row["protocol"] for row in rows] == list(evaluation.metrics)
    for row, measured in zip(rows, evaluation.metrics.values(), strict=True):
        for name in ("balanced_accuracy", "f1", "auroc", "average_precision"):
            value, low = measured[name]["value"], measured[name]["low"]
            assert row[name] == ("" if value is None else str(value))
            assert row[f"{name}.low"] == ("" if low is None else str(low))
        assert set(row) <= {"protocol", *measured} | {
            f"{name}.{end}" for name in measured for end in ("low", "high")
        }
    classes = list(csv.DictReader((tmp_path / "classes.csv").read_text().splitlines()))
    assert len(classes) == 7 * len(evaluation.metrics)
    assert classes[3]["f1"] == str(evaluation.metrics["full-pass"]["per_class"][3]["f1"]["value"])


def test_paths_and_the_columns_of_the_set_reach_the_predictions(
    classifier: Classifier, uniform: ImageSet, tmp_path: Path
) -> None:
    columns = pyarrow.table(
        {"patient": [f"{k % 4:03}" for k in range(40)], "label": ["x"] * 40, "a.scores": range(40)}
    )
    images = replace(uniform, columns=columns)
    made = evaluate(TiledModel(classifier, stride=3), images, protocols=["vote"])
    made.save(tmp_path)
    table = parquet.read_table(tmp_path / "predictions.parquet")
    assert table["path"].to_pylist() == [uniform.path(k) for k in range(40)]
    assert table["patient"].to_pylist()[3] == "003"
    assert table["data.label"].to_pylist() == ["x"] * 40
    assert_same(Evaluation.load(tmp_path), made)


def test_where_no_evaluation_can_be_saved_is_known_before(tmp_path: Path) -> None:
    Evaluation.check_place(tmp_path / "new" / "place")
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file is a file"):
        Evaluation.check_place(tmp_path / "file" / "within")
    (tmp_path / "result.json").write_text('{"schema": 999}')
    with pytest.raises(InputError, match=r"result\.json"):
        Evaluation.check_place(tmp_path)


def test_the_split_that_is_there_is_named(tmp_path: Path) -> None:
    labels, scores = np.array([0]), np.array([[0.75, 0.25]], dtype=np.float32)
    Evaluation({}, {"split": "train"}, labels, {"vote": labels}, {"vote": scores}).save(tmp_path)
    with pytest.raises(InputError, match=r"it has: train; give `split='train'`"):
        Evaluation.load(tmp_path)
