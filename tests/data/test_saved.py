"""Sets as `datasets` writes them to disk."""

from collections.abc import Callable
from pathlib import Path

import datasets
import pytest
import torch

from nearsight.data.loading import load
from nearsight.errors import InputError

Png = Callable[..., bytes]


def rows(png: Png, count: int = 20) -> datasets.Dataset:
    columns = {
        "image": [{"bytes": png(k), "path": None} for k in range(count)],
        "label": [k % 2 for k in range(count)],
    }
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["a", "b"])}
    return datasets.Dataset.from_dict(columns, datasets.Features(features))


def test_save_to_disk(tmp_path: Path, png: Png) -> None:
    rows(png).save_to_disk(str(tmp_path / "one"))
    sets = load(tmp_path / "one", validation=0)
    assert (sets.classes, sum(map(len, sets.values()))) == (("a", "b"), 20)
    assert "a set that save_to_disk wrote" in sets.notes
    datasets.DatasetDict({"training": rows(png), "holdout": rows(png, 6)}).save_to_disk(str(tmp_path / "two"))
    sets = load(tmp_path / "two", validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 20, "test": 6}


def test_nothing_is_written_beside_a_saved_set(tmp_path: Path, png: Png) -> None:
    place = tmp_path / "saved"
    datasets.DatasetDict({"train": rows(png), "test": rows(png, 6)}).save_to_disk(str(place))
    before = sorted(place.rglob("*"))
    pixels = [image.pixels for image in load(place, validation=0).values()]
    assert sorted(place.rglob("*")) == before
    for again, first in zip(load(place, validation=0).values(), pixels, strict=True):
        assert torch.equal(again.pixels, first)


def test_arrow_files(tmp_path: Path, png: Png) -> None:
    rows(png).save_to_disk(str(tmp_path / "one"))
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "arrow").mkdir()
    source = tmp_path / "one" / "data-00000-of-00001.arrow"
    for name in ("toy-train-00000-of-00002", "toy-train-00001-of-00002", "toy-test"):
        (tmp_path / "arrow" / f"{name}.arrow").write_bytes(source.read_bytes())
    sets = load(tmp_path / "arrow", validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 40, "test": 20}


def test_what_cannot_be_read_is_refused(tmp_path: Path, png: Png) -> None:
    rows(png).save_to_disk(str(tmp_path / "one"))
    (tmp_path / "one" / "data-00000-of-00001.arrow").write_bytes(b"x")
    with pytest.raises(InputError, match=r"cannot read .*one: .*; save it again, or as Parquet") as error:
        load(tmp_path / "one")
    assert "\n" not in str(error.value)
