"""Tables of files and labels: which column is which, where the files lie, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from nearsight.data.loading import load
from nearsight.errors import InputError

Png = Callable[..., bytes]


@pytest.fixture
def photos(tmp_path: Path, png: Png) -> Path:
    """Write twelve photographs, six a class in turn."""
    (tmp_path / "photos").mkdir()
    for k in range(12):
        (tmp_path / "photos" / f"{k}.png").write_bytes(png(k))
    return tmp_path


def rows(separator: str = ",", form: str = "photos/{}.png") -> list[str]:
    return [separator.join([form.format(k), "dog" if k % 2 else "cat", str(k)]) for k in range(12)]


@pytest.mark.parametrize(
    ("name", "header", "separator"),
    [
        ("list.csv", "file_name,label,age", ","),
        ("list.csv", "Age;Image Path;Class", ";"),
        ("list.tsv", "filename\tspecies\tage", "\t"),
        ("list.txt", None, " "),
        ("list.csv", None, ","),
        ("list.csv", "anything,category,age", ","),
    ],
)
def test_text_of_files_and_labels(photos: Path, name: str, header: str | None, separator: str) -> None:
    lines = rows(separator)
    if header is None:
        lines = [separator.join(line.split(separator)[:2]) for line in lines]
    elif header.startswith("Age"):
        lines = [separator.join([line.split(separator)[2], *line.split(separator)[:2]]) for line in lines]
    (photos / name).write_text("\n".join(([] if header is None else [header]) + lines), encoding="utf-8-sig")
    sets = load(photos / name, validation=0)
    assert sets.classes == ("cat", "dog")
    assert sets.notes[0].startswith("a table of files and labels: files in ")
    for images in sets.values():
        for i, label in enumerate(images.labels):
            assert int(Path(images.path(i)).stem) % 2 == label
            if images.columns is not None and len(images.columns.column_names) == 1:
                assert images.columns[0][i].as_py() % 2 == label


def test_splits_are_a_column(photos: Path) -> None:
    lines = [f"photos/{k}.png,{'ab'[k % 2]},{'Testing' if k > 7 else 'train_set'}" for k in range(12)]
    (photos / "list.csv").write_text("\n".join(["path,label,split", *lines]))
    sets = load(photos / "list.csv", validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 8, "test": 4}
    assert sets.notes[0] == "taken for splits by a guess at their names: train_set for train"


@pytest.mark.parametrize("lines", [True, False])
def test_records_of_json(photos: Path, lines: bool) -> None:
    records = [{"image": f"photos\\{k}.png", "label": "ab"[k % 2], "place": "sea"} for k in range(12)]
    file = photos / ("list.jsonl" if lines else "list.json")
    file.write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    sets = load(file, validation=0)
    assert sum(map(len, sets.values())) == 12
    assert set(sets["train"].columns["place"].to_pylist()) == {"sea"}


def test_files_are_listed_without_ending_or_directory(photos: Path) -> None:
    """As in many a competition: train.csv with `id,label`, and a directory of images beside it."""
    (photos / "photos").rename(photos / "train")
    (photos / "train.csv").write_text("\n".join(["id,label", *[f"{k},{'ab'[k % 2]}" for k in range(12)]]))
    sets = load(photos / "train.csv", validation=0)
    assert sum(map(len, sets.values())) == 12
    assert {"files lie in train/", "files are listed without .png"} <= set(sets.notes)


def test_a_column_for_each_class(photos: Path) -> None:
    lines = [f"photos/{k}.png,{k % 2}.0,{1 - k % 2}.0" for k in range(12)]
    (photos / "list.csv").write_text("\n".join(["image,melanoma,nevus", *lines]))
    sets = load(photos / "list.csv", validation=0)
    assert sets.classes == ("melanoma", "nevus")
    assert all(
        (int(Path(images.path(i)).stem) % 2 == 0) == bool(label)
        for images in sets.values()
        for i, label in enumerate(images.labels)
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,y\n1,2\n3,4", r"has no column of files \(columns: x, y\); name the columns 'path', 'label'"),
        ("path,a,b\nphotos/0.png,u,v\nphotos/1.png,w,x", r"has no column of labels \(columns: path, a, b\)"),
        (
            "path,label\nnowhere/0.png,a\nnowhere/1.png,b",
            r"none of the 2 files .* is there, such as nowhere/0\.png",
        ),
        ("path,label\nphotos/0.png,a\nphotos/0.png,b", r"lists photos/0\.png with two labels, 'a' and 'b'"),
        (
            "path,label\nphotos/0.png,a\nphotos/77.png,b\nphotos/1.png,b",
            r"1 of 3 images .* cannot be read: .*77\.png",
        ),
        ("", r"cannot read .*list\.csv as a table: it is empty"),
        ("path,label\n", r"cannot read .*list\.csv as a table: it has no row"),
        ("path,path,label\nphotos/0.png,a,b", r"as a table: it has the column 'path' twice"),
    ],
)
def test_tables_that_are_not_clear_are_refused(photos: Path, text: str, message: str) -> None:
    (photos / "list.csv").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        load(photos / "list.csv")
    assert "\n" not in str(error.value)


def test_an_archive_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"set\.zip is an archive; unpack it"):
        load(tmp_path / "set.zip")


def test_a_folder_without_classes_names_the_table_in_it(photos: Path) -> None:
    (photos / "labels.csv").write_text("path,label\nphotos/0.png,a")
    with pytest.raises(
        InputError, match=r"or, if .*labels\.csv lists the images and their labels, give that file"
    ):
        load(photos)
