"""Images of Parquet files are read from where they lie if they are stored as they are, and nothing else changes."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from nearsight.data.image_set import image_file
from nearsight.data.loading import load, read_set
from nearsight.data.parquet_places import image_places
from nearsight.errors import InputError

Png = Callable[..., bytes]
Cell = Mapping[str, Any] | None
LAYOUT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
PLAIN: dict[str, Any] = {"compression": "none", "use_dictionary": False}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def write(file: Path, cells: Sequence[Cell], kind: Any = LAYOUT, **options: Any) -> Path:
    table = pa.table({"image": pa.array(cells, kind), "label": [k % 2 for k in range(len(cells))]})
    pq.write_table(table, file, **options)
    return file


def cells_of(contents: Sequence[bytes | None]) -> list[Cell]:
    return [
        None if content is None else {"bytes": content, "path": f"{k}.png"}
        for k, content in enumerate(contents)
    ]


@pytest.mark.parametrize(
    "options",
    [
        PLAIN,
        {**PLAIN, "row_group_size": 7},
        {**PLAIN, "data_page_size": 64, "write_batch_size": 3, "data_page_version": "2.0"},
        {**PLAIN, "write_page_index": True, "write_page_checksum": True},
    ],
)
def test_each_image_is_found_where_it_lies(tmp_path: Path, png: Png, options: dict[str, Any]) -> None:
    contents = [*[png(k, 8, 9 + k) for k in range(30)], None, b"", png(4), bytes(200), png(4)]
    files = [
        write(tmp_path / f"{name}.parquet", cells_of(part), **options)
        for name, part in (("a", contents[:11]), ("b", contents[11:]))
    ]
    placed = image_places(files, "image")
    assert placed is not None
    assert [image_file(row["image"]) for row in placed] == [content or b"" for content in contents]
    assert {row["image"]["bytes"] for row in placed if row["image"] is not None} == {None}
    assert placed[2]["image"]["path"] == "2.png"


def test_bytes_alone_are_images_too(tmp_path: Path, png: Png) -> None:
    file = write(tmp_path / "a.parquet", [png(0), None, png(1)], pa.binary(), **PLAIN)
    placed = image_places([file], "image")
    assert placed is not None
    assert [image_file(row["image"]) for row in placed] == [png(0), b"", png(1)]


@pytest.mark.parametrize(
    ("kind", "cells", "options"),
    [
        (LAYOUT, cells_of([b"a" * 99, b"b"]), {"compression": "snappy", "use_dictionary": False}),
        (LAYOUT, cells_of([b"a" * 99, b"b"]), {"compression": "none"}),
        (
            LAYOUT,
            cells_of([b"a", b"b"]),
            {**PLAIN, "column_encoding": {"image.bytes": "DELTA_LENGTH_BYTE_ARRAY"}},
        ),
        (LAYOUT, [{"bytes": b"a", "path": None}, {"bytes": None, "path": "b.png"}], PLAIN),
        (pa.string(), ["a.png", "b.png"], PLAIN),
        (pa.binary(3), [b"abc", b"def"], PLAIN),
    ],
)
def test_what_is_stored_otherwise_has_no_place(
    tmp_path: Path, kind: Any, cells: list[Any], options: dict[str, Any]
) -> None:
    assert image_places([write(tmp_path / "a.parquet", cells, kind, **options)], "image") is None


def test_a_set_is_the_same_read_in_place_or_copied_and_only_one_takes_space(
    tmp_path: Path, png: Png, own_cache: Path
) -> None:
    contents = [png(k, 90 + k % 2, 90) for k in range(24)]
    found = {}
    for name, options in (("copied", {"compression": "snappy"}), ("placed", PLAIN)):
        (tmp_path / name).mkdir()
        table = pa.table(
            {
                "img": pa.array(cells_of(contents), LAYOUT),
                "label": ["cat", "dog"] * 12,
                "place": [*range(24)],
                "box": [[1, 2, 30, 40]] * 24,
            }
        )
        pq.write_table(table, tmp_path / name / "train.parquet", **options)
        before = size_of(own_cache)
        images = load(tmp_path / name, validation=0)["train"]
        found[name] = images, size_of(own_cache) - before
    (copied, most), (placed, least) = found["copied"], found["placed"]
    assert placed.pixels is None
    assert (placed.labels == copied.labels).all()
    assert placed.columns.equals(copied.columns)
    assert placed.paths() == copied.paths()
    assert (placed.identity.digests == copied.identity.digests).all()
    for i in range(len(placed)):
        torch.testing.assert_close(placed.image(i), copied.image(i), rtol=0, atol=0)
        assert placed.tile(i, 3, 4, (5, 6)).equal(copied.tile(i, 3, 4, (5, 6)))
        assert torch.equal(placed.region(i), copied.region(i))
    stored = sum(map(len, contents))
    assert least < stored / 4 < stored < most


@pytest.mark.parametrize(("options", "copied"), [({"compression": "snappy"}, True), (PLAIN, False)])
def test_a_large_copy_is_told(
    tmp_path: Path, png: Png, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], copied: bool
) -> None:
    monkeypatch.setattr("nearsight.data.parquet._LARGE", 100)
    file = write(tmp_path / "train.parquet", cells_of([png(0), png(1)]), **options)
    assert any("are read in place" in note for note in read_set(file).notes) == copied


def size_of(place: Path) -> int:
    return sum(file.stat().st_size for file in place.rglob("*") if file.is_file())


def test_images_of_the_only_column_are_found(tmp_path: Path, png: Png) -> None:
    from nearsight.data.unlabelled import unlabelled

    table = pa.table({"image": pa.array(cells_of([png(0), png(1)]), LAYOUT)})
    pq.write_table(table, tmp_path / "a.parquet", **PLAIN)
    assert len(unlabelled(tmp_path / "a.parquet")) == 2


def test_a_file_that_changes_is_read_again_and_one_cut_short_is_named(tmp_path: Path, png: Png) -> None:
    file = write(tmp_path / "train.parquet", cells_of([png(k, 9 + k % 2) for k in range(4)]), **PLAIN)
    before = read_set(file)["train"].image(2)
    write(file, cells_of([png(9 + k, 9 + k % 2) for k in range(4)]), **PLAIN)
    second = read_set(file)["train"]
    assert not second.image(2).equal(before)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(InputError, match=r"cannot read 2\.png: .*shorter"):
        second.image(2)
