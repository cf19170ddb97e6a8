"""Image folders: what is a split, what is a class, what is skipped, and what is refused."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from nearsight.data.loading import load
from nearsight.errors import InputError

Write = Callable[..., Path]
Png = Callable[..., bytes]


@pytest.fixture
def six(png: Png) -> list[bytes]:
    return [png(k) for k in range(6)]


def test_a_directory_per_class_is_one_split_to_cut(write_folder: Write, six: list[bytes]) -> None:
    sets = load(write_folder({"cats": six, "dogs": six}))
    assert {split: len(images) for split, images in sets.items()} == {"train": 8, "val": 2, "test": 2}
    assert sets.classes == ("cats", "dogs")
    assert sets.name == str(Path.cwd() / "photos")
    for images in sets.values():
        for i, label in enumerate(images.labels):
            assert Path(images.path(i)).parent.name == sets.classes[label]


def test_split_directories_hold_the_classes(write_folder: Write, six: list[bytes]) -> None:
    places = ["Train/a", "Train/b", "valid/a", "valid/b", "shuffled/b", "shuffled/a"]
    sets = load(write_folder(dict.fromkeys(places, six)))
    counts = {split: len(images) for split, images in sets.items()}
    assert counts == {"train": 10, "val": 2, "test": 12, "shuffled": 12}
    assert sets["test"].path(0).endswith("valid/a/0.png")


def test_a_class_may_be_called_test(write_folder: Write, six: list[bytes]) -> None:
    assert load(write_folder({"test": six, "control": six})).classes == ("control", "test")


def test_images_are_found_below_their_class(write_folder: Write, six: list[bytes]) -> None:
    sets = load(write_folder({"train/a/images/deep": six, "train/b/images": six}), validation=0)
    assert [sets.classes, len(sets["train"]) + len(sets["test"])] == [("a", "b"), 12]


def test_hidden_and_desktop_files_are_no_images(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"a": six, "b": six, ".git": [b"x"]})
    for name in ("a/.DS_Store", "b/Thumbs.db", "b/desktop.ini"):
        (root / name).write_bytes(b"x")
    assert sum(map(len, load(root).values())) == 12


def test_files_beside_the_classes_are_noted(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"a": six, "b": six})
    (root / "README.md").write_text("about")
    (root / "stray.png").write_bytes(six[0])
    notes = load(root).notes
    assert "train: not read, as beside the class directories: stray.png" in notes
    assert "not images, and skipped: 1 .md" in notes


def test_a_split_without_classes_is_left_out_with_a_note(write_folder: Write, six: list[bytes]) -> None:
    sets = load(write_folder({"train/a": six, "train/b": six, "test": six}))
    assert "test: left out, as none of its 6 images has a label" in sets.notes
    assert len(sets["test"]) == 2


def test_bad_files_are_named_and_counted(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"train/a": [*six, b"", b"text"], "train/b": [*six, six[0][:60]]})
    with pytest.raises(
        InputError,
        match=r"^3 of 15 images of .* train cannot be read: \S*a/6\.png \(the file is empty\), \S*a/7\.png "
        r"\(not an image in a known format\), \S*b/6\.png \(.*\); repair .* `skip_bad=True`",
    ):
        load(root)
    sets = load(root, skip_bad=True)
    assert sum(map(len, sets.values())) == 12
    skipped = [note for note in sets.notes if note.startswith("skipped: 3 of 15 images")]
    assert len(skipped) == 1
    assert all(f"{name}.png (" in skipped[0] for name in ("a/6", "a/7", "b/6"))


def test_a_truncated_image_of_a_uniform_set_is_found_at_once(write_folder: Write, png: Png) -> None:
    whole = png(0, 40, 40)
    root = write_folder({"train/a": [whole] * 5, "train/b": [whole] * 4 + [whole[:1000]]})
    with pytest.raises(InputError, match=r"1 of 10 images .*b/4\.png \(.*truncated.*\); .*`skip_bad=True`"):
        load(root)


def test_a_truncated_image_of_a_varied_set_is_found_when_it_is_read(write_folder: Write, png: Png) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(png(0, 40, 40))).save(buffer, "JPEG")
    whole = buffer.getvalue()
    root = write_folder(
        {"sample/a": [png(1, 30, 30), whole], "sample/b": [whole, whole[:1000]], "test/a": [whole]}
    )
    sample = load(root)["sample"]
    assert sample.image(2).shape == (3, 40, 40)
    with pytest.raises(InputError, match=r"cannot read \S*b/1\.png: .*truncated.*`skip_bad=True`"):
        sample.image(3)
    assert len(load(root, skip_bad=True)["sample"]) == 3


def test_a_class_lost_to_skipping_is_refused(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"a": six, "b": [b"x"]})
    with pytest.raises(InputError, match=r"all 6 images of .* are of one class, 'a'"):
        load(root, skip_bad=True)


def test_nothing_left_after_skipping_is_refused(write_folder: Write) -> None:
    root = write_folder({"a": [b"x"], "b": [b"y"]})
    with pytest.raises(InputError, match=r"2 of 2 images .* cannot be read: .*; nothing is left"):
        load(root, skip_bad=True)


@pytest.mark.parametrize(
    ("directories", "message"),
    [
        ({"": []}, "is empty; expected one directory per class"),
        ({"": [b"x"]}, "holds files but no directories for classes; expected one directory per class"),
        (
            {"train": [b"x"], "test": [b"x"]},
            r"no split of .* has class directories \(test, train\); expected",
        ),
        ({"a": [], "b": [b"x"]}, r"photos/a holds no images; fill it or remove it"),
        (
            {"a": [b"x", b"y"]},
            "all 2 images of .* train are of one class, 'a'; a classifier needs at least two",
        ),
        ({"train/a": [b"x"], "train/b": [b"x"], "test": []}, "photos/test is empty"),
    ],
)
def test_folders_that_cannot_be_used_are_refused(
    write_folder: Write, directories: dict[str, list[bytes]], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        load(write_folder(directories))
    assert "\n" not in str(error.value)


def test_annotations_beside_images_need_no_skipping(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"a": six, "b": six})
    for k in range(6):
        (root / "a" / f"{k}.xml").write_text("<annotation/>")
    sets = load(root)
    assert sum(map(len, sets.values())) == 12
    assert "not images, and skipped: 6 .xml" in sets.notes


def test_a_class_of_test_alone_is_told(write_folder: Write, six: list[bytes]) -> None:
    sets = load(write_folder({"train/a": six, "train/b": six, "test/a": six, "test/b": six, "test/c": six}))
    assert sets.classes == ("a", "b", "c")
    assert any(
        "6 of its 18 images are of classes that train has no image of: c" in note for note in sets.notes
    )


def test_the_class_in_the_names_of_files(write_folder: Write, six: list[bytes]) -> None:
    root = write_folder({"": []})
    for name in ("cat", "dog"):
        for k, content in enumerate(six):
            (root / f"{name}.{k}.png").write_bytes(content)
    with pytest.raises(
        InputError, match=r"cat\.0\.png\), give `class_pattern='.*'`, which finds 2 classes: cat, dog"
    ):
        load(root)
    sets = load(root, class_pattern=r"^(\w+)\.")
    assert sets.classes == ("cat", "dog")
    for images in sets.values():
        for i, label in enumerate(images.labels):
            assert Path(images.path(i)).name.startswith(sets.classes[label])
    with pytest.raises(InputError, match=r"matches 6 of the 12 images of train, and not dog\.0\.png, "):
        load(root, class_pattern="^(cat)")
    with pytest.raises(InputError, match="matches no file"):
        load(root, class_pattern="^(owl)")
    with pytest.raises(InputError, match="needs a group"):
        load(root, class_pattern="^cat")
    with pytest.raises(InputError, match="no regular expression"):
        load(root, class_pattern="(")


def test_a_pattern_keeps_splits(write_folder: Write, six: list[bytes]) -> None:
    """As in the well-known archive of cats and dogs: train/cat.0.jpg, and test1/1.jpg without labels."""
    root = write_folder({"train": [], "test1": six})
    for name in ("cat", "dog"):
        for k, content in enumerate(six):
            (root / "train" / f"{name}.{k}.png").write_bytes(content)
    sets = load(root, class_pattern="^([a-z]+)", validation=0)
    assert {split: len(images) for split, images in sets.items()} == {"train": 8, "test": 4}
    assert "test: left out, as none of its 6 images has a label" in sets.notes


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("set.zip", "holds no images, but an archive, set.zip; unpack it"),
        ("a.txt", "holds no images, but a.txt;"),
    ],
)
def test_a_folder_of_other_files_is_refused(write_folder: Write, file: str, message: str) -> None:
    root = write_folder({"": []})
    (root / file).write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        load(root)


def test_the_way_out_is_found_where_only_train_has_classes_in_names(
    tmp_path: Path, png: Callable[..., bytes]
) -> None:
    names = [f"train/{name}.{k}.png" for name in ("cat", "dog") for k in range(4)]
    for seed, name in enumerate([*names, *(f"test1/{k}.png" for k in range(4))]):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(png(seed))
    with pytest.raises(InputError, match=r"give `class_pattern=.*finds 2 classes: cat, dog"):
        load(tmp_path)


def test_annotations_of_objects_are_no_classes(tmp_path: Path, png: Callable[..., bytes]) -> None:
    for seed, split in enumerate(("train", "test")):
        (tmp_path / split).mkdir()
        (tmp_path / split / "a.png").write_bytes(png(seed))
        (tmp_path / split / "_annotations.coco.json").write_text("{}")
    with pytest.raises(InputError, match="not what class an image is of: list files and labels in a table"):
        load(tmp_path)


def test_annotations_are_given_with_the_pattern_that_finds_classes(
    tmp_path: Path, png: Callable[..., bytes]
) -> None:
    """A table, as well as a pattern, would be two ways to say one thing."""
    for part in ("IMAGES", "ANNOTATIONS"):
        (tmp_path / part).mkdir()
    for seed, name in enumerate(f"{kind}_{k}" for kind in ("crazing", "patches") for k in range(4)):
        (tmp_path / "IMAGES" / f"{name}.png").write_bytes(png(seed))
        (tmp_path / "ANNOTATIONS" / f"{name}.xml").write_text("<annotation/>")
    with pytest.raises(
        InputError, match=r"class_pattern=.*an image is of: give `regions='.*ANNOTATIONS'` with it"
    ):
        load(tmp_path)
