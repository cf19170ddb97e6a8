"""Groups by a column, a pattern or the time, and what is linked through them."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from PIL import Image

from nearsight.data import load
from nearsight.data.groups import group_names, units_of
from nearsight.data.identity import Identity
from nearsight.data.image_set import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.settings import Reading

TIMES = ["2020:05:01 10:00:00", "2020:05:01 10:00:01"]


def shots(*paths: str, **columns: list) -> ImageSet:
    pixels = torch.zeros(len(paths), 3, 2, 2, dtype=torch.uint8)
    table = pa.table(columns) if columns else None
    return ImageSet(
        "toy", "train", ("a", "b"), np.zeros(len(paths), int), MemoryImages(pixels, paths), columns=table
    )


def names(images: ImageSet, **asked: object) -> list[str]:
    found = group_names(images, Reading(**asked))  # type: ignore[arg-type]
    assert found is not None
    return found.tolist()


def test_without_a_question_there_are_no_groups() -> None:
    assert group_names(shots("a.png"), Reading()) is None


def test_a_column_names_groups_and_nulls_have_none() -> None:
    images = shots("1", "2", "3", "4", patient=["x", None, "x", "y"], age=[1, 2, None, 1])
    assert names(images, group_column="patient") == ["x", "", "x", "y"]
    assert names(images, group_column="age") == ["1", "2", "", "1"]


def test_a_pattern_takes_its_first_group() -> None:
    images = shots("cat/p1_01.png", "dog/p1_02.png", "dog/other.png")
    assert names(images, group_pattern=r"(p\d+)_") == ["p1", "p1", ""]


def test_times_are_chained_over_gaps() -> None:
    images = shots(
        "IMG_20240131_120000.jpg",
        "IMG_20240131_120002.jpg",
        "IMG_20240131_120004.jpg",
        "2024-01-31 12.00.30.png",
        "x.png",
    )
    first, second, third, later, none = names(images, group_seconds=2)
    assert first == second == third != later
    assert none == ""


def test_the_time_in_the_file_comes_before_that_of_the_name() -> None:
    images = shots("20240131_120000.jpg", "20240131_130000.jpg", exif_time=TIMES)
    assert len(set(names(images, group_seconds=1))) == 1


def test_groups_that_share_an_image_are_one() -> None:
    images = shots("b1.png", "b2.png", "c3.png", "d4.png", patient=["x", None, "x", "z"])
    found = names(images, group_column="patient", group_pattern="^([bcd])")
    assert len(set(found[:3])) == 1
    assert found[3] != found[0]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"group_column": "patent"}, "did you mean 'patient'"),
        ({"group_pattern": "("}, "no regular expression"),
        ({"group_pattern": "abc"}, "no group in round brackets"),
        ({"group_pattern": "(zzz)"}, "found in no path of toy, such as a.png"),
        ({"group_seconds": 3.0}, "no image of toy train has one"),
    ],
)
def test_what_cannot_be_grouped_is_refused(asked: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        names(shots("a.png", patient=["x"]), **asked)


def test_times_of_a_zone_that_is_not_known_name_groups_too() -> None:
    zone = pa.timestamp("s", tz="Mars/Olympus")
    images = shots("1.png", "2.png", "3.png", when=pa.array([0, 86_400, 0], zone))
    first, second, again = names(images, group_column="when")
    assert first == again != second


def test_a_set_without_columns_says_so() -> None:
    with pytest.raises(InputError, match="has no columns beside images and labels"):
        names(shots("a.png"), group_column="patient")


def test_a_cluster_has_one_name_whatever_the_order() -> None:
    paths = np.array(["a", "b", "c", "d"])
    pairs = np.array([[0, 1], [1, 3]])
    found = units_of(Identity(paths, paths), None, pairs)
    assert found.tolist() == ["a", "a", "c", "a"]
    order = np.array([3, 2, 1, 0])
    again = units_of(Identity(paths[order], paths[order]), None, 3 - pairs)
    assert again.tolist() == ["a", "c", "a", "a"]


def test_a_copy_of_a_grouped_image_joins_the_group() -> None:
    paths = np.array(["a", "b", "c"])
    found = units_of(Identity(paths, paths), np.array(["x", "", "x"]), np.array([[0, 1]]))
    assert len(set(found.tolist())) == 1


def test_shots_of_one_burst_are_on_one_side(
    write_folder: Callable[..., Path], noise: Callable[..., np.ndarray]
) -> None:
    def shot(number: int) -> bytes:
        exif = Image.Exif()
        minute, second = divmod(number, 4)
        exif.get_ifd(0x8769)[0x9003] = f"2024:01:31 12:{minute:02}:{second:02}"
        buffer = io.BytesIO()
        Image.fromarray(noise(number).transpose(1, 2, 0)).save(buffer, "JPEG", exif=exif)
        return buffer.getvalue()

    photos = write_folder(
        {"cat": [shot(k) for k in range(0, 80, 2)], "dog": [shot(k) for k in range(1, 80, 2)]}
    )
    sets = load(photos, group_seconds=3, validation=0)
    bursts = [{time.as_py()[:16] for time in images.columns["exif_time"]} for images in sets.values()]
    assert len(bursts) == 2
    assert not bursts[0] & bursts[1]
    assert len(bursts[0] | bursts[1]) == 20
