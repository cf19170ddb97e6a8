"""Images to be predicted, as people have them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearsight.data import load
from nearsight.data.unlabelled import unlabelled
from nearsight.errors import InputError
from nearsight.settings import Reading


def photo(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 8), (shade, 0, 0)).save(path)
    return path


def names(found) -> list[str]:
    return [Path(found.path(i)).name for i in range(len(found))]


def test_a_folder_of_any_depth_needs_no_class_directories(tmp_path: Path) -> None:
    for name in ("a.png", "x/b.jpg", "x/y/z/c.bmp", ".hidden/d.png"):
        photo(tmp_path / name)
    (tmp_path / "x" / "b.xml").write_text("<annotation/>")
    (tmp_path / "labels.txt").write_text("cat")
    found = unlabelled(tmp_path)
    assert {"a.png", "b.jpg", "c.bmp"} <= set(names(found))
    assert not {"b.xml", "labels.txt"} & set(names(found))
    assert found.notes == ("not images, and skipped: 1 .txt, 1 .xml, 1 hidden",)
    assert found.columns is None


def test_patterns_and_several_places_count_a_file_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one/a.png", "one/b.png", "two/deep/c.png"):
        photo(tmp_path / name)
    assert names(unlabelled(f"{tmp_path}/one/*.png")) == ["a.png", "b.png"]
    assert names(unlabelled([f"{tmp_path}/**/*.png", tmp_path / "one"])) == ["a.png", "b.png", "c.png"]
    monkeypatch.chdir(tmp_path)
    assert unlabelled("one/[ab].png").path(0) == "one/a.png"


def test_a_name_with_brackets_is_a_file_where_there_is_one(tmp_path: Path) -> None:
    assert names(unlabelled(photo(tmp_path / "cat [1].png"))) == ["cat [1].png"]


def parquet(path: Path, **columns: list[object]) -> Path:
    from datasets import Dataset, Features, Value
    from datasets import Image as Pictures

    photos = [str(photo(path.parent / "photos" / f"{k}.png", 10 * k)) for k in range(3)]
    kinds = {name: Value("string") for name in columns}
    rows = Dataset.from_dict({"image": photos, **columns}, features=Features(image=Pictures(), **kinds))
    rows.to_parquet(path)
    return path


def test_parquet_needs_no_labels_and_keeps_what_else_it_says(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    place = parquet(tmp_path / "some.parquet", patient=["1", "2", "3"])
    capfd.readouterr()
    found = unlabelled(place)
    assert len(found) == 3
    assert [int(found.image(i)[0, 0, 0]) for i in range(3)] == [0, 10, 20]
    assert found.columns.to_pydict() == {"patient": ["1", "2", "3"]}
    place = parquet(tmp_path / "other.parquet", label=["cat", "dog", "cat"])
    capfd.readouterr()
    labelled = unlabelled(place)
    assert labelled.columns.to_pydict() == {"label": ["cat", "dog", "cat"]}
    # Nobody asked for bars.
    assert capfd.readouterr() == ("", "")


def test_what_places_know_stands_side_by_side(tmp_path: Path) -> None:
    table = parquet(tmp_path / "some.parquet", patient=["1", "2", "3"])
    found = unlabelled([photo(tmp_path / "a.png"), table, np.zeros((5, 5, 3), np.uint8)])
    assert found.columns["patient"].to_pylist() == [None, "1", "2", "3", None]
    assert found.path(4) == "image-0"


def test_image_sets_give_their_images_and_labels() -> None:
    digits = load("digits")["test"].select(np.arange(3))
    found = unlabelled(digits)
    assert found.columns["label"].to_pylist() == [digits.classes[label] for label in digits.labels]
    assert found.image(2).equal(digits.image(2))
    assert len(unlabelled(load("digits"))) == 1797


def test_a_file_has_one_digest_however_its_set_is_held(tmp_path: Path) -> None:
    for shade, name in enumerate(("cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png")):
        photo(tmp_path / "set" / "train" / name, shade)
        photo(tmp_path / "set" / "test" / name, 10 * shade)
    held = load(tmp_path / "set")["test"]
    files = unlabelled(tmp_path / "set" / "test")
    found = unlabelled(held)
    assert held.pixels is not None
    digests = {found.digest(i) for i in range(4)}
    assert digests == {files.digest(i) for i in range(4)}
    assert len(digests) == 4


def test_a_table_given_twice_counts_twice(tmp_path: Path) -> None:
    one = parquet(tmp_path / "some.parquet")
    paths = unlabelled([one, one]).paths()
    assert paths[:3] == paths[3:]


def test_deep_values_need_to_be_said_and_are_never_guessed(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 9), 4095, np.uint16)).save(tmp_path / "deep.png")
    with pytest.raises(InputError, match=r"deep\.png has 16-bit values, from 4095 to 4095; .*`value_range="):
        unlabelled(tmp_path).image(0)
    found = unlabelled(tmp_path, reading=Reading(value_range=(0, 4095))).image(0)
    assert found.unique().tolist() == [255]


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("nowhere", "there is no file or folder"),
        ("*.png", "no file matches"),
        ("empty", "holds no image"),
    ],
)
def test_a_place_without_images_is_refused(place: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=said):
        unlabelled(tmp_path / place)
    with pytest.raises(InputError, match="no image was found"):
        unlabelled([])


@pytest.mark.parametrize("said", ["x", "0", "-1", "nan", "٣G", "9" * 400 + "T"])
def test_a_setting_that_is_wrong_is_not_said_of_the_images(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo(tmp_path / "cat" / "a.png")
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", said)
    for read in (unlabelled, lambda place: load(place, skip_bad=True)):
        with pytest.raises(InputError, match=r"^NEARSIGHT_DECODE_MEMORY takes a size such as 512M"):
            read(tmp_path)
