"""Image folders with Hugging Face's metadata files."""

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nearsight.data.loading import load
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]
RECORDS = [{"file_name": f"{k}.png", "label": "ab"[k % 2], "place": f"place {k}"} for k in range(6)]


@pytest.fixture
def six(png: Png) -> list[bytes]:
    return [png(k) for k in range(6)]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_labels_and_columns_of_a_flat_folder(write_folder: Write, six: list[bytes], kind: str) -> None:
    root = write_folder({"train": six, "test": six})
    for split in ("train", "test"):
        file = root / split / f"metadata.{kind}"
        if kind == "csv":
            file.write_text("\n".join([",".join(RECORDS[0]), *[",".join(each.values()) for each in RECORDS]]))
        elif kind == "jsonl":
            file.write_text("\n".join(map(json.dumps, RECORDS)))
        else:
            pq.write_table(pa.Table.from_pylist(RECORDS), file)
    sets = load(root, validation=0)
    assert sets.classes == ("a", "b")
    assert f"train: labels from the column 'label' of metadata.{kind}" in sets.notes
    for images in sets.values():
        for i, label in enumerate(images.labels):
            number = int(Path(images.path(i)).stem)
            assert label == number % 2
            assert images.columns["place"][i].as_py() == f"place {number}"


def test_columns_beside_class_directories(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"cat": six, "dog": six})
    lines = [f"{name}/{k}.png,{name} {k}" for name in ("cat", "dog") for k in range(6)]
    (root / "metadata.csv").write_text("\n".join(["file_name,text", *lines[:-1], "dog/99.png,gone"]))
    sets = load(root, validation=0)
    assert sets.classes == ("cat", "dog")
    assert "train: 1 of 12 images are not in metadata.csv" in sets.notes
    assert any(
        note.startswith("1 image that metadata speaks of is not there, such as") for note in sets.notes
    )
    said = {
        images.columns["text"][i].as_py(): f"{Path(images.path(i)).parent.name} {Path(images.path(i)).stem}"
        for images in sets.values()
        for i in range(len(images))
    }
    assert said.pop(None) == "dog 5"
    assert all(text == own for text, own in said.items())
    assert len(said) == 11


def test_boxes_of_objects_become_regions(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"": six})
    records = [{**each, "objects": {"bbox": [[1, 2, 3, 4]], "categories": [0]}} for each in RECORDS]
    (root / "metadata.jsonl").write_text("\n".join(map(json.dumps, records)))
    train = load(root, validation=0)["train"]
    assert all(int(train.region(i).sum()) == 12 for i in range(len(train)))


def test_metadata_without_file_names_is_refused(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"cat": six, "dog": six})
    (root / "metadata.csv").write_text("a,b\n1,2")
    with pytest.raises(InputError, match=r"metadata\.csv has no column file_name \(columns: a, b\)"):
        load(root)
