"""The part `columns` on plants: what it measures, says and writes, and what it leaves out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis import Diagnosis, diagnose
from nearsight.diagnosis.columns.part import NO_COLUMNS, Columns
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.report import write_diagnosis

CLASSES = ("red", "green")


def bound(
    model: Callable[[torch.Tensor], torch.Tensor] = lambda tiles: tiles.mean((2, 3))[:, :2],
) -> TiledModel:
    return TiledModel(Classifier.of(model, classes=CLASSES, tile=2, mean=0.0, std=1.0))


def pictures(split: str, columns: dict[str, Any] | None, wrong: NDArray[np.bool_] | None = None) -> ImageSet:
    """Sixty images of each class, painted as their class is called but for the wrong ones."""
    labels = np.repeat([0, 1], 60)
    seen = labels if wrong is None else np.where(wrong, 1 - labels, labels)
    pixels = torch.zeros(120, 3, 4, 4, dtype=torch.uint8)
    pixels[torch.arange(120), torch.from_numpy(seen)] = 255
    table = None if columns is None else pa.table(columns)
    paths = tuple(f"{k}.png" for k in range(120))
    return ImageSet("toy", split, CLASSES, labels, MemoryImages(pixels, paths), columns=table)


def diagnosed(images: ImageSet, **options: Any) -> Diagnosis:
    return diagnose(bound(), images, parts=["columns"], faithfulness=0, **options)


def planted() -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """A camera that goes with the class, a site that goes with errors, a row's number and a column of chance."""
    random = np.random.default_rng(0)
    site = random.integers(0, 2, 120)
    wrong = (site == 1) & (random.random(120) < 0.6)
    columns = {
        "camera": np.where(random.random(120) < np.repeat([0.8, 0.1], 60), "X", "Y").tolist(),
        "site": np.array(["north", "south"])[site].tolist(),
        "row": list(range(120)),
        "dice": [None if k % 10 == 0 else int(face) for k, face in enumerate(random.integers(1, 7, 120))],
    }
    return columns, wrong


def test_a_camera_goes_with_the_class_and_a_site_with_accuracy() -> None:
    columns, wrong = planted()
    training = pictures("train", columns)
    found = diagnosed(pictures("test", columns, wrong), others={"train": training})
    of: Columns = found["columns"]
    rows = {row.column: row for row in of.rows}
    assert list(rows) == ["camera", "site", "dice"]
    assert (rows["camera"].goes_with_class, rows["camera"].goes_with_accuracy) == (True, False)
    assert (rows["site"].goes_with_class, rows["site"].goes_with_accuracy) == (False, True)
    assert not rows["dice"].notable
    assert rows["dice"].missing == sum(value is None for value in columns["dice"])
    assert rows["camera"].in_training == pytest.approx(rows["camera"].strength)
    assert of.naming == ("row",)
    assert of.training_images == 120
    assert [row.column for row in of.shown] == ["camera", "site"]
    told = " ".join(found.sentences())
    assert "camera (V 0.7" in told
    assert "within a class, accuracy differs by site" in told
    worst = rows["site"].accuracies.worst
    assert worst is not None
    assert worst.group == "south"


def test_a_column_that_is_asked_for_is_shown_with_all_its_classes(tmp_path: Path) -> None:
    columns, wrong = planted()
    found = diagnosed(pictures("test", columns, wrong), groups="dice")
    assert [row.column for row in found["columns"].shown] == ["dice", "camera", "site"]
    assert next(iter(found.sentences())).startswith("worst by dice:")
    write_diagnosis(found, tmp_path)
    again = Diagnosis.load(tmp_path)
    assert again["columns"] == found["columns"]
    table = again.table("column_groups")
    assert (table["column"] == "dice").sum() == 7 + 14
    page = (tmp_path / "report.html").read_text()
    assert "Left out, as every image has a value of its own" in page
    assert "<code>dice</code>, which was asked for" in page


def test_the_time_in_exif_can_be_asked_for_by_the_name_that_it_has_in_the_set() -> None:
    times = [f"20{10 + k % 3}:05:01 10:00:00" for k in range(120)]
    found = diagnosed(pictures("test", {"exif_time": times}), groups="exif_time")
    (row,) = found["columns"].rows
    assert (row.column, row.accuracies.cut, len(row.accuracies.groups)) == ("exif_time", "by year", 3)


def test_a_set_of_which_nothing_is_known_has_no_such_part() -> None:
    assert diagnosed(pictures("test", None)).absent["columns"] == NO_COLUMNS


def test_an_unknown_column_is_refused_before_the_images_are_looked_at() -> None:
    columns, _ = planted()

    def fails(tiles: torch.Tensor) -> torch.Tensor:
        raise AssertionError(tiles)

    with pytest.raises(InputError, match="unknown column 'sight'; did you mean 'site'"):
        diagnose(bound(fails), pictures("test", columns), groups="sight")


def test_a_class_without_images_and_a_single_image_are_no_trouble() -> None:
    columns, _ = planted()
    images = pictures("test", columns)
    red = replace(images.select(np.arange(5)), classes=CLASSES)
    assert diagnosed(red)["columns"].rows[0].accuracies.worst is None
    assert diagnosed(images.select(np.array([7]))).absent["columns"] == NO_COLUMNS
