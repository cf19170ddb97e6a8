"""Accuracy by group: against plain means, what is called the worst, and what is saved of it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.value_groups import ValueGroups
from nearsight.errors import InputError
from nearsight.evaluation import Evaluation, evaluate
from nearsight.evaluation import result as result_module
from nearsight.evaluation.group_accuracies import LEAST_IMAGES, group_accuracies, read_groups
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.settings.metric_words import BY_GROUP, WORST_GROUP
from nearsight.statistics import accuracy_estimate

CLASSES = ("red", "green")


def by_colour() -> TiledModel:
    return bound(lambda tiles: tiles.mean((2, 3))[:, :2])


def bound(model: Callable[[torch.Tensor], torch.Tensor]) -> TiledModel:
    return TiledModel(Classifier.of(model, classes=CLASSES, tile=2, mean=0.0, std=1.0))


def pictures() -> ImageSet:
    """Twenty red images and twenty green ones; all greens of camera B are painted red."""
    labels = np.repeat([0, 1], 20)
    camera = np.array(["A", "B"] * 20)
    seen = np.where((labels == 1) & (camera == "B"), 0, labels)
    pixels = torch.zeros(40, 3, 4, 4, dtype=torch.uint8)
    pixels[torch.arange(40), torch.from_numpy(seen)] = 255
    columns = pa.table({"camera": [*camera[:-1].tolist(), None]})
    return ImageSet("toy", "test", CLASSES, labels, MemoryImages(pixels, ("",) * 40), columns=columns)


@pytest.fixture
def evaluated() -> Evaluation:
    return evaluate(by_colour(), pictures(), protocols=["mean-logit", "vote"], groups="camera")


def test_every_protocol_has_the_accuracy_of_each_group_and_of_each_class_in_it(evaluated: Evaluation) -> None:
    for protocol in ("mean-logit", "vote"):
        found = read_groups(evaluated.metrics[protocol], "test")
        assert found is not None
        assert {(row.group, row.accuracy.value, row.accuracy.n) for row in found.groups} == {
            ("A", 1.0, 20),
            ("B", 10 / 19, 19),
            ("(missing)", 0.0, 1),
        }
        assert {(row.class_name, row.group, row.accuracy.n) for row in found.classes} == {
            ("red", "A", 10),
            ("red", "B", 10),
            ("green", "A", 10),
            ("green", "B", 9),
            ("green", "(missing)", 1),
        }
        # The greens of camera B are fewer than ten.
        assert found.small == 2
        assert found.worst is not None
        assert found.worst.accuracy.value == 1.0


def test_accuracies_and_intervals_are_those_of_the_images_alone() -> None:
    random = np.random.default_rng(0)
    right, labels = random.random(400).round(), random.integers(0, 3, 400)
    groups = ValueGroups("place", ("x", "y"), random.integers(0, 2, 400))
    found = group_accuracies(right, labels, ("a", "b", "c"), groups)
    for row in found.classes:
        mine = (labels == "abc".index(row.class_name or "")) & (groups.of_image == "xy".index(row.group))
        assert row.accuracy == accuracy_estimate(right[mine])
    assert found.worst is not None
    assert found.worst.accuracy.value == min(row.accuracy.value or 0.0 for row in found.classes)
    assert [row.accuracy.value for row in found.lowest] == sorted(
        row.accuracy.value or 0 for row in found.classes
    )


def test_the_worst_by_chance_is_what_the_worst_is_where_groups_do_not_matter() -> None:
    """Over 50 sets the worst of ten groups is as low as said by chance, and far below the mean."""
    gaps, depths = [], []
    for seed in range(50):
        random = np.random.default_rng(seed)
        right = (random.random(600) < 0.7).astype(float)
        groups = ValueGroups("place", tuple("abcdefghij"), random.integers(0, 10, 600))
        worst = group_accuracies(right, np.zeros(600, int), ("a",), groups).worst
        assert worst is not None
        assert worst.accuracy.chance is not None
        assert worst.accuracy.value is not None
        gaps.append(worst.accuracy.value - worst.accuracy.chance)
        depths.append(worst.accuracy.value - right.mean())
    assert abs(np.mean(gaps)) < 0.015
    assert np.mean(depths) < -0.07


def test_without_images_enough_nothing_is_called_the_worst() -> None:
    groups = ValueGroups("place", ("x",), np.zeros(5, dtype=np.int64))
    found = group_accuracies(np.zeros(5), np.zeros(5, int), ("a",), groups)
    assert found.worst is None
    assert found.estimate.reason == f"no class has {LEAST_IMAGES} images in one group"
    assert found.sentences()[0].startswith("worst: not known")


def test_groups_are_saved_and_read_again(evaluated: Evaluation, tmp_path: Path) -> None:
    evaluated.save(tmp_path)
    again = Evaluation.load(tmp_path)
    for protocol, measured in evaluated.metrics.items():
        assert read_groups(again.metrics[protocol], "a") == read_groups(measured, "b")
        assert again.metrics[protocol][WORST_GROUP] == measured[WORST_GROUP]
    table = again.table("group")
    assert len(table) == 2 * (3 + 5)
    assert (
        (tmp_path / "groups.csv")
        .read_text()
        .splitlines()[0]
        .startswith("protocol,column,class,group,n,accuracy")
    )
    assert again.settings["groups"] == "camera"
    assert f"{WORST_GROUP}.low" in again.table().columns


def test_a_later_evaluation_without_groups_leaves_no_table_of_them(
    evaluated: Evaluation, tmp_path: Path
) -> None:
    evaluated.save(tmp_path)
    evaluate(by_colour(), pictures(), protocols=["vote"]).save(tmp_path)
    assert not (tmp_path / "groups.csv").exists()
    assert not len(Evaluation.load(tmp_path).table("group"))


def test_very_many_groups_are_made_again_from_the_predictions(
    evaluated: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_module, "CLASS_GROUPS", 2)
    evaluated.save(tmp_path)
    held = json.loads((tmp_path / "result.json").read_text())["evaluation"]["test"]["protocols"]["vote"]
    assert held[BY_GROUP]["classes"] is None
    assert Evaluation.load(tmp_path).metrics["vote"][BY_GROUP] == evaluated.metrics["vote"][BY_GROUP]


def test_a_fact_of_the_files_is_kept_with_the_predictions() -> None:
    found = evaluate(by_colour(), pictures(), protocols=["vote"], groups="file.width")
    assert found.columns is not None
    assert found.columns.column_names == ["camera", "file.width"]


def test_an_unknown_column_is_refused_before_the_model_is_asked() -> None:
    def fails(tiles: torch.Tensor) -> torch.Tensor:
        raise AssertionError(tiles)

    with pytest.raises(InputError, match="unknown column 'camra'; did you mean 'camera'"):
        evaluate(bound(fails), pictures(), groups="camra")
