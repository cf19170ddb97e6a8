"""Parquet in the Hugging Face layout: shards, splits, classes, regions, and tables that cannot be used."""

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from nearsight.data.loading import load
from nearsight.data.parquet_schema import parquet_schema, read_header
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]
FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}
HUGGING_FACE = {"huggingface": {"info": {"features": FEATURES}}}


@pytest.fixture
def ten(png: Png) -> list[bytes]:
    return [png(k) for k in range(10)]


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["train.parquet", "test.parquet"], {"train": 8, "val": 2, "test": 10}),
        (
            ["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"],
            {"train": 12, "val": 2, "test": 6},
        ),
        (["data/train-00000-of-00001-ab12cd34ef56ab12.parquet"], {"train": 6, "val": 2, "test": 2}),
        (["data/train-00000-of-00001-abc123.parquet"], {"train": 6, "val": 2, "test": 2}),
        (
            ["train/0000.parquet", "train/0001.parquet", "test/0000.parquet"],
            {"train": 18, "val": 2, "test": 10},
        ),
        (["0000.parquet"], {"train": 6, "val": 2, "test": 2}),
        (["data/0000.parquet"], {"train": 6, "val": 2, "test": 2}),
        (["sample.parquet"], {"sample": 10}),
        (["default/train/0000.parquet", "default/test/0000.parquet"], {"train": 8, "val": 2, "test": 10}),
        (["plain/train-00000-of-00001.parquet", "plain/test.parquet"], {"train": 8, "val": 2, "test": 10}),
        (
            ["train/part-0.parquet", "train/part-1.parquet", "test/part-0.parquet"],
            {"train": 17, "val": 3, "test": 10},
        ),
        (["training_set.parquet", "test_set.parquet"], {"train": 8, "val": 2, "test": 10}),
        (["sample/0.parquet"], {"sample": 10}),
    ],
)
def test_files_name_their_splits(
    write_parquet: Write, ten: list[bytes], tmp_path: Path, files: list[str], splits: dict[str, int]
) -> None:
    for file in files:
        write_parquet(f"set/{file}", ten, label=[0, 1] * 5)
    sets = load(tmp_path / "set")
    assert {split: len(images) for split, images in sets.items()} == splits


@pytest.mark.parametrize(
    ("file", "splits"), [("photos.parquet", ["train", "val", "test"]), ("test.parquet", ["test"])]
)
def test_one_file_is_a_set(write_parquet: Write, ten: list[bytes], file: str, splits: list[str]) -> None:
    assert list(load(write_parquet(file, ten, label=[0, 1] * 5))) == splits


def test_a_directory_may_have_any_name(write_parquet: Write, ten: list[bytes]) -> None:
    path = write_parquet("what? [a*b] {c}/sample.parquet", ten, label=[0, 1] * 5)
    assert len(load(path.parent)["sample"]) == 10


@pytest.mark.parametrize(
    ("labels", "metadata", "classes"),
    [
        ([0, 1] * 5, HUGGING_FACE, ("cat", "dog")),
        ([0, 1] * 5, {"class_names": ["cat", "dog", "owl"]}, ("cat", "dog", "owl")),
        ([0, 1] * 5, {"class_names": ["a"] * 2}, ("a", "a (2)")),
        (["owl", "cat"] * 5, None, ("cat", "owl")),
        ([False, True] * 5, None, ("0", "1")),
    ],
)
def test_classes_are_named(
    write_parquet: Write, ten: list[bytes], labels: list[Any], metadata: Any, classes: tuple[str, ...]
) -> None:
    sample = load(write_parquet("sample.parquet", ten, metadata, label=labels).parent)["sample"]
    assert sample.classes == classes
    if isinstance(labels[0], str):
        assert [classes[label] for label in sample.labels] == labels
    else:
        assert sample.labels.tolist() == labels
    assert sample.labels.dtype == np.int64


def test_names_are_numbered_alike_in_every_split(
    write_parquet: Write, ten: list[bytes], tmp_path: Path
) -> None:
    write_parquet("set/train.parquet", ten, label=["b", "c"] * 5)
    write_parquet("set/test.parquet", ten, label=["a", "c"] * 5)
    sets = load(tmp_path / "set")
    assert sets["test"].classes == sets["train"].classes == ("a", "b", "c")
    assert sets["test"].labels.tolist() == [0, 2] * 5


@pytest.mark.parametrize(
    "unlabelled", [{}, {"label": [-1] * 10}, {"label": pa.array([None] * 10, pa.int64())}]
)
def test_a_split_without_labels_is_left_out(
    write_parquet: Write,
    png: Callable[..., bytes],
    ten: list[bytes],
    tmp_path: Path,
    unlabelled: dict[str, Any],
) -> None:
    write_parquet("set/train.parquet", ten, label=[0, 1] * 5)
    write_parquet("set/validation.parquet", [png(100 + k) for k in range(7)], label=[0, 1] * 3 + [0])
    write_parquet("set/test.parquet", ten, **unlabelled)
    sets = load(tmp_path / "set")
    assert {split: len(images) for split, images in sets.items()} == {"train": 8, "val": 2, "test": 7}
    assert sets.notes == (
        "test: left out, as none of its 10 images has a label",
        "test: the set's own validation split, for want of a labelled test split",
        "val: 2 of the 10 images of train, held out by a hash of their path, seed 0; one image of 1 small class "
        "was moved, so that train and val both have the class",
    )


@pytest.mark.parametrize(
    ("columns", "metadata", "message"),
    [
        (
            {"label": [0, 1, 5, 7] + [0] * 6},
            {"class_names": ["a", "b"]},
            r"label '5' of sample/2\.png .*\(2 such of 10\)",
        ),
        (
            {"label": [0, -2] + [1] * 8},
            None,
            r"the label '-2' of sample/1\.png .* is not among the 2 classes",
        ),
        ({"label": [0, 1, -1] + [0] * 7}, None, r"the label of sample/2\.png .* is missing \(1 such of 10\)"),
        ({"label": [0, 1, None] + [0] * 7}, None, r"the label of sample/2\.png .* is missing"),
        ({"label": ["a", "b", None] + ["a"] * 7}, None, r"the label of sample/2\.png .* is missing"),
        (
            {"label": ["a", "b", "x"] + ["a"] * 7},
            {"class_names": ["a", "b"]},
            "label 'x' of .* not among the 2",
        ),
        ({"label": [0.0, 1.5] * 5}, None, "a label is a whole number or a class name"),
        ({"label": [0, 1, 9] + [0] * 7}, HUGGING_FACE, "9"),
        ({}, None, "has no labels; expected a column 'label'"),
        ({"label": [0] * 10}, None, "one class, '0'"),
        ({"label": [0, 1] * 5, "box": [[0, 0, 1]] * 10}, None, r"sample/0\.png: a box must be four numbers"),
        (
            {"label": [0, 1] * 5, "mask": [[[1]]] * 10},
            None,
            r"sample/0\.png: a mask must be of its image's size 8×8",
        ),
        (
            {"label": [0, 1] * 5, "object_cells": [[1, 0]] * 10},
            None,
            r"sample/0\.png: object_cells must be a square",
        ),
    ],
)
def test_tables_that_cannot_be_used_are_refused(
    write_parquet: Write, ten: list[bytes], columns: dict[str, Any], metadata: Any, message: str
) -> None:
    path = write_parquet("sample.parquet", ten, metadata, **columns).parent
    with pytest.raises(InputError, match=message) as error:
        load(path)
    assert "\n" not in str(error.value)


def test_splits_that_name_other_classes_are_refused(
    write_parquet: Write, ten: list[bytes], tmp_path: Path
) -> None:
    write_parquet("set/train.parquet", ten, {"class_names": ["a", "b"]}, label=[0, 1] * 5)
    write_parquet("set/test.parquet", ten, {"class_names": ["c", "d"]}, label=[0, 1] * 5)
    with pytest.raises(InputError, match=r"'train' and 'test' .* have no name in common \(a, b and c, d\)"):
        load(tmp_path / "set")


def test_a_table_without_images_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1], "label": [0]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet has no column of images \(columns: x, label\)"):
        load(tmp_path / "a.parquet")
    pq.write_table(pa.table({"image": [1.5], "label": [0]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"the column 'image' of .*b\.parquet does not hold images"):
        load(tmp_path / "b.parquet")
    pq.write_table(pa.table({"image": [[[1, 2]], [[]]], "label": [0, 1]}), tmp_path / "c.parquet")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with pytest.raises(InputError, match="does not hold images"):
            load(tmp_path / "c.parquet")
    assert not told


def test_a_table_without_rows_is_refused(write_parquet: Write) -> None:
    path = write_parquet("sample.parquet", [], label=pa.array([], pa.int64()))
    with pytest.raises(InputError, match=r"sample\.parquet has no rows; write or download it again"):
        load(path)


def test_a_missing_image_counts_as_unreadable(write_parquet: Write, ten: list[bytes]) -> None:
    path = write_parquet("sample.parquet", ten, label=[0, 1] * 5)
    cells = [None, *pq.read_table(path)["image"].to_pylist()[1:]]
    pq.write_table(pa.table({"image": cells, "label": [0, 1] * 5}), path)
    with pytest.raises(InputError, match=r"1 of 10 images .* row 0 of train \(the file is empty\)"):
        load(path)
    assert sum(map(len, load(path, skip_bad=True).values())) == 9


def test_a_broken_file_is_refused(write_parquet: Write, ten: list[bytes]) -> None:
    path = write_parquet("sample.parquet", ten, label=[0, 1] * 5)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(
        InputError, match=r"sample\.parquet is not a whole Parquet file: .*; write or download it"
    ):
        load(path)


def test_shards_that_differ_are_refused(write_parquet: Write, ten: list[bytes], tmp_path: Path) -> None:
    write_parquet("set/train-0.parquet", ten, label=[0, 1] * 5)
    write_parquet("set/train-1.parquet", ten, kind=["a", "b"] * 5)
    with pytest.raises(InputError, match=r"cannot read .*set \(2 files\) as one table"):
        load(tmp_path / "set")


@pytest.mark.parametrize(
    ("column", "values", "known"),
    [
        ("box", [[0, 0, 3, 3], [2, 2, 2, 5], None, [-9, -9, 99, 99]], [True, False, False, True]),
        ("boxes", [[[0, 0, 3, 3], [5, 5, 6, 6]], [], None, [[7, 7, 7, 7]]], [True, False, False, False]),
        ("object_cells", [[1, 0, 0, 0], [0] * 4, None, [0, 0, 0, 1]], [True, False, False, True]),
        ("mask", [[[1] * 8] * 8, [[0] * 8] * 8, None, [[0] * 7 + [1]] * 8], [True, False, False, True]),
    ],
)
def test_regions_are_read(
    write_parquet: Write, png: Png, column: str, values: list[Any], known: list[bool]
) -> None:
    path = write_parquet("sample.parquet", [png(k) for k in range(4)], label=[0, 1, 0, 1], **{column: values})
    sets = load(path.parent)
    sample = sets["sample"]
    assert [sample.region(i) is not None for i in range(4)] == known
    assert sample.regions is not None
    assert sample.regions.known.tolist() == known
    assert all(mask is None or mask.shape == (8, 8) for mask in map(sample.region, range(4)))
    empty = 4 - sum(known) - values.count(None)
    assert sets.notes[-1] == (
        f"sample: regions that cover no pixel, and so count as unknown: {empty} ({column})"
    )


def test_masks_may_be_images(write_parquet: Write, png: Png) -> None:
    masks = [np.pad(np.full((4, 4), 255, np.uint8), ((k, 4 - k), (0, 4))) for k in range(3)]
    cells = [{"bytes": _as_png(mask), "path": None} for mask in masks]
    features = {**FEATURES, "mask": {"_type": "Image"}}
    path = write_parquet(
        "sample.parquet",
        [png(k) for k in range(3)],
        {"huggingface": {"info": {"features": features}}},
        label=[0, 1, 0],
        mask=pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
    )
    sample = load(path.parent)["sample"]
    for i, mask in enumerate(masks):
        np.testing.assert_array_equal(sample.region(i).numpy(), mask > 0)


def _as_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 26, reason="pyarrow 25 writes no missing lists of a fixed length"
)
@pytest.mark.parametrize("too_old", [False, True])
def test_lists_of_one_length_of_which_some_are_missing_are_read_or_left_out(
    too_old: bool, write_parquet: Write, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = pa.array([[1, 0, 0, 0], None, [0, 0, 0, 1]], pa.list_(pa.uint8(), 4))
    path = write_parquet(
        "sample.parquet", [png(k) for k in range(3)], {}, label=[0, 1, 0], object_cells=cells
    )
    if too_old:
        monkeypatch.setattr("nearsight.data.parquet_schema._LACKING", 1000)
    sets = load(path.parent)
    assert [sets["sample"].region(k) is not None for k in range(3)] == [not too_old, False, not too_old]
    assert ("the column 'object_cells' is left out, as pyarrow" in str(sets.notes)) == too_old


@pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 26, reason="pyarrow 25 writes no missing lists of a fixed length"
)
@pytest.mark.parametrize("lacking", [0, 1, None])
@pytest.mark.parametrize("alike", [True, False], ids=["the same classes", "classes in another order"])
def test_a_column_that_one_shard_lacks_in_part_is_left_out_of_all(
    alike: bool, lacking: int | None, write_parquet: Write, png: Png, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nearsight.data.parquet_schema._LACKING", 1000)
    for shard, names in enumerate((["cat", "dog"], ["cat", "dog"] if alike else ["dog", "cat"])):
        cells = [[1, 0, 0, 0], None if shard == lacking else [0, 1, 0, 0], [0, 0, None, 1]]
        features = FEATURES | {"label": {"names": names, "_type": "ClassLabel"}}
        path = write_parquet(
            f"set/sample-{shard}.parquet",
            [png(3 * shard + k) for k in range(3)],
            {"huggingface": {"info": {"features": features}}},
            label=[0, 1, 0],
            object_cells=pa.array(cells, pa.list_(pa.uint8(), 4)),
        )
    sets = load(path.parent)
    assert len(sets["sample"]) == 6
    assert [sets["sample"].region(k) is not None for k in (0, 3)] == [lacking is None] * 2
    assert str(sets.notes).count("the column 'object_cells' is left out, as pyarrow") == (lacking is not None)


@pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 26, reason="pyarrow 25 writes no missing lists of a fixed length"
)
@pytest.mark.parametrize(
    ("cells", "kind", "read", "lacks"),
    [
        ([[1, 2], [3, None], [5, 6]], pa.list_(pa.int32(), 2), False, False),
        ([[1, 2], None, [5, 6]], pa.list_(pa.int32(), 2), False, True),
        ([[1], [2], [3]], pa.list_(pa.int32(), 1), True, False),
        ([[1], None, [3]], pa.list_(pa.int32(), 1), True, True),
    ],
)
def test_missing_lists_are_counted_where_the_file_says_it(
    cells: list[list[int] | None],
    kind: pa.DataType,
    read: bool,
    lacks: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nearsight.data.parquet_schema._LACKING", 1000)
    whole = pa.array([[1, 2]] * 3, pa.list_(pa.int32(), 2))
    table = pa.table({"a.b": pa.array(cells, kind), "a": whole, "a.b.c.d": [1, 2, 3]})
    pq.write_table(table, tmp_path / "cells.parquet", row_group_size=2)
    reads = []

    def reading(*_: object, **__: object) -> list[NoReturn]:
        reads.append(1)
        if lacks:
            raise pa.ArrowInvalid("Expected all lists to be of size=1 but index 1 had size=0")
        return []

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", reading)
    header = read_header(tmp_path / "cells.parquet")
    assert parquet_schema(header, tmp_path / "cells.parquet").left_out == (("a.b",) if lacks else ())
    assert bool(reads) == read


@pytest.mark.skipif(
    int(pa.__version__.partition(".")[0]) < 26, reason="pyarrow 25 reads no missing lists of a fixed length"
)
def test_cells_of_a_real_set_cover_whole_cells(real_data: Callable[[str], Path]) -> None:
    stl10 = load(real_data("stl10") / "test.parquet")["test"]
    assert (stl10.pixels is not None, stl10.smallest, len(stl10)) == (True, 96, 2500)
    named = {"airplane", "bird", "deer", "ship"}
    cells = pq.read_table(real_data("stl10") / "test.parquet", columns=["object_cells"])[
        "object_cells"
    ].to_pylist()
    for i in range(0, 2500, 50):
        region = stl10.region(i)
        assert (region is not None) == (stl10.classes[stl10.labels[i]] in named)
        if region is not None:
            assert region.sum().item() == 36 * sum(cells[i])


def test_boxes_of_a_real_set_are_inclusive(real_data: Callable[[str], Path]) -> None:
    path = real_data("tiny-imagenet-40") / "val.parquet"
    tiny = load(path)["val"]
    boxes = pq.read_table(path, columns=["box"])["box"].to_pylist()
    for i, (x0, y0, x1, y1) in enumerate(boxes):
        region = tiny.region(i)
        area = (x1 - x0 + 1) * (y1 - y0 + 1) if x1 > x0 and y1 > y0 else 0
        assert (0 if region is None else int(region.sum())) == area


def test_real_photographs_stream(real_data: Callable[[str], Path]) -> None:
    sample = load(real_data("imagenet-sample"))["sample"]
    assert (sample.pixels, len(sample), len(sample.classes)) == (None, 60, 1000)
    for i in range(0, 60, 10):
        assert tuple(sample.image(i).shape[1:]) == tuple(sample.sizes[i])


def test_several_configurations_are_listed(write_parquet: Write, ten: list[bytes], tmp_path: Path) -> None:
    for name in ("coarse", "fine"):
        for split in ("train", "test"):
            write_parquet(f"set/{name}/{split}/0000.parquet", ten, label=[0, 1] * 5)
    with pytest.raises(
        InputError, match=r"holds 2 configurations \(coarse, fine\); give the directory of one, such as"
    ):
        load(tmp_path / "set")
    assert len(load(tmp_path / "set" / "fine")["test"]) == 10


def test_equal_class_names_get_a_number(write_parquet: Write, ten: list[bytes]) -> None:
    features = {**FEATURES, "label": {"names": ["crane", "owl", "crane"], "_type": "ClassLabel"}}
    path = write_parquet(
        "sample.parquet", ten, {"huggingface": {"info": {"features": features}}}, label=[0, 1, 2, 2, 1] * 2
    )
    sets = load(path)
    assert sets.classes == ("crane", "owl", "crane (2)")
    assert any("names several classes alike, which get a number: crane" in note for note in sets.notes)


@pytest.mark.parametrize(
    ("columns", "metadata", "said"),
    [
        ({"label": [2**31, 0] * 5}, None, None),
        ({"label": pa.array([2**63, 0] * 5, pa.uint64())}, None, "holds no class numbers"),
        ({"label": pa.array([0, 1] * 5, pa.timestamp("s"))}, None, "is timestamp.*; a label is a whole"),
        ({"label": [[0], [1]] * 5}, None, "a label is a whole number or a class name"),
        ({"label": pa.array(["a", "b"] * 5).dictionary_encode()}, None, None),
        ({"label": [0, -7] * 5}, None, "the label '-7' of"),
        ({"label": [0.5, 1] * 5}, None, "holds 0.5; a label is a whole number"),
        (
            {"label": [0, 1] * 5},
            {"huggingface": {"info": {"features": {"label": {"_type": "ClassLabel", "num_classes": 2**31}}}}},
            "said to have 2,147,483,648 classes; up to 1,000,000 are read",
        ),
        ({"label": [0, 1] * 5}, {"huggingface": [1]}, None),
        ({"label": [0, 1] * 5}, {"huggingface": {"info": {"features": {"label": 7}}}}, None),
        (
            {"label": [0, 1] * 5},
            {"huggingface": {"info": {"features": {"label": {"_type": "ClassLabel", "names": "ab"}}}}},
            "names its classes by 'ab'; expected a list of names",
        ),
        ({"label": [0, 1] * 5}, {"class_names": {"a": 1}}, r"`class_names` of .* names its classes by"),
        ({"label": [0, 1] * 5}, {"class_names": ["a" * 2000, "b"]}, "has a class name of 2,000 letters"),
        ({"label": [0, 1] * 5, **{f"c{k}": [0] * 10 for k in range(2001)}}, None, "up to 2,000 are read"),
    ],
)
def test_odd_labels_and_names_are_read_or_refused(
    write_parquet: Write, ten: list[bytes], columns: dict[str, Any], metadata: Any, said: str | None
) -> None:
    path = write_parquet("x.parquet", ten, metadata, **columns)
    if said is None:
        assert len(load(path, validation=0)["train"].classes) == 2
        return
    with pytest.raises(InputError, match=said):
        load(path)


def test_views_of_text_and_bytes_are_read_as_text_and_bytes(tmp_path: Path, ten: list[bytes]) -> None:
    text, content = pa.string_view(), pa.binary_view()
    cells = pa.StructArray.from_arrays(
        [pa.array(ten, content), pa.array([f"{k}.png" for k in range(10)], text)], names=["bytes", "path"]
    )
    columns = {"label": pa.array(["cat", "dog"] * 5, text), "place": pa.array(["a"] * 10, text)}
    lists = pa.array([["a"]] * 10, pa.list_(text))
    for name, images in {"struct": cells, "bytes": pa.array(ten, content)}.items():
        path = tmp_path / f"{name}.parquet"
        pq.write_table(pa.table({"image": images, **columns, "lists": lists}), path)
        sets = load(path, validation=0)
        assert sets.classes == ("cat", "dog")
        assert sum(map(len, sets.values())) == 10


def test_a_column_that_is_there_twice_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    columns = [pa.array(["a"] * 3), pa.array([0, 1, 0]), pa.array([0, 1, 0])]
    pq.write_table(pa.Table.from_arrays(columns, names=["image", "label", "label"]), path)
    with pytest.raises(InputError, match=r"several columns of one name \(label\); name them apart"):
        load(path)


def test_rows_that_cannot_be_there_are_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    cells = pa.nulls(200_000, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"image": cells, "label": pa.array([0] * 200_000)}), path)
    with pytest.raises(
        InputError, match=r"claims 200,000 rows and has \S+ bytes, so that they hold no images"
    ):
        load(path)
