"""Tables keep what else they say of each image, through leaving images out, cutting and selecting."""

import datetime
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from datasets import ClassLabel, Dataset, Features, Image, Value

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.loading import load
from nearsight.data.table import as_table, other_columns
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]
TIMES = [datetime.datetime(2024, 5, 1 + k, 8, 30) for k in range(20)]
COLUMNS = {
    "patient": [f"p{k // 4}" for k in range(20)],
    "age": [None if k == 3 else k * 1.5 for k in range(20)],
    "taken": TIMES,
    "indoors": [k % 3 == 0 for k in range(20)],
    "place": [[float(k), -float(k)] for k in range(20)],
}


def test_other_columns_follow_their_images(write_parquet: Write, png: Png) -> None:
    files = [b"no image" if k in (5, 6) else png(k) for k in range(20)]
    left_out = {"vector": [[0.0] * 512] * 20, "raw": [b"x"] * 20, "objects": [{"id": [1, 2]}] * 20}
    path = write_parquet("a.parquet", files, label=[k % 2 for k in range(20)], **COLUMNS, **left_out)
    sets = load(path, skip_bad=True)
    assert {*sets} == {"train", "val", "test"}
    seen = set()
    for images in sets.values():
        assert images.columns is not None
        assert set(images.columns.column_names) == set(COLUMNS)
        for i, row in enumerate(images.columns.to_pylist()):
            k = int(Path(images.path(i)).stem)
            seen.add(k)
            assert row == {name: values[k] for name, values in COLUMNS.items()}
    assert seen == set(range(20)) - {5, 6}


def test_numbers_of_named_classes_become_names() -> None:
    features = Features(coarse=ClassLabel(names=["animal", "plant"]), note=Value("string"))
    rows = Dataset.from_dict({"coarse": [1, 0, -1, None], "note": ["a", "b", None, "d"]}, features)
    kept = other_columns(rows, ["coarse", "note"])
    assert kept.to_pydict() == {"coarse": ["plant", "animal", None, None], "note": ["a", "b", None, "d"]}


def test_a_table_of_image_and_label_has_no_other_columns(write_parquet: Write, png: Png) -> None:
    path = write_parquet("a.parquet", [png(k) for k in range(20)], label=[0, 1] * 10)
    assert load(path)["train"].columns is None


def test_columns_have_a_row_for_each_image() -> None:
    images = MemoryImages(torch.zeros(3, 3, 4, 4, dtype=torch.uint8), ("a", "b", "c"))
    labels, columns = np.array([0, 1, 0]), pa.table({"patient": ["x", "y", "z"]})
    held = ImageSet("toy", "train", ("cat", "dog"), labels, images, columns=columns)
    assert held.select(np.array([2, 0])).columns.to_pydict() == {"patient": ["z", "x"]}
    with pytest.raises(InputError, match="`columns` has 2 rows for 3 images"):
        ImageSet("toy", "train", ("cat", "dog"), labels, images, columns=columns.slice(1))


def test_tar_files_as_the_hub_reads_them_are_images_and_labels(png: Png) -> None:
    features = Features({"__key__": Value("string"), "jpg": Image(), "cls": Value("int64")})
    rows = [{"__key__": str(k), "jpg": {"bytes": png(k), "path": f"{k}.jpg"}, "cls": 3 * k} for k in range(3)]
    table = as_table(Dataset.from_list(rows, features=features), "hf:OWNER/NAME train")
    assert isinstance(table.labels, np.ndarray)
    assert table.labels.tolist() == [0, 3, 6]
    assert table.rows[1]["image"]["path"] == "1.jpg"
