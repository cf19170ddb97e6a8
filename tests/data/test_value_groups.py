"""Groups by a column: values, ranges of numbers, stretches of time, and columns that make none."""

from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.value_groups import (
    MISSING,
    ValueGroups,
    checked_groups,
    column_values,
    groups_of,
    image_columns,
    value_groups,
)
from nearsight.errors import InputError


def grouped(*values: Any) -> ValueGroups:
    return value_groups(column_values("x", pa.chunked_array([pa.array(values)])))


def toy(columns: dict[str, list[Any]]) -> ImageSet:
    count = len(next(iter(columns.values())))
    images = MemoryImages(torch.zeros(count, 3, 2, 2, dtype=torch.uint8), tuple(map(str, range(count))))
    return ImageSet("toy", "test", ("a", "b"), np.arange(count) % 2, images, columns=pa.table(columns))


def test_missing_values_are_a_group_of_their_own_the_last() -> None:
    found = grouped("b", None, "a", " ", "a")
    assert found.names == ("a", "b", MISSING)
    assert found.of_image.tolist() == [1, 2, 0, 2, 0]
    assert grouped(1.0, float("nan"), 2.0).names == ("1", "2", MISSING)


def test_few_numbers_are_values_in_their_order_and_booleans_are_words() -> None:
    assert grouped(10, 9, 100, 9).names == ("9", "10", "100")
    assert grouped(True, False).names == ("False", "True")


@pytest.mark.parametrize("count", [13, 100, 1001])
def test_ranges_hold_about_as_many_images_each_and_all_of_them(count: int) -> None:
    values = np.random.default_rng(0).normal(size=count)
    found = grouped(*values.tolist())
    sizes = np.bincount(found.of_image)
    assert len(found.names) == 5
    assert sizes.max() - sizes.min() <= 1
    order = np.argsort(values)
    assert (np.diff(found.of_image[order]) >= 0).all()


def test_numbers_of_which_most_are_equal_make_fewer_ranges() -> None:
    found = grouped(*([0] * 90), *range(1, 21))
    assert found.names[0] == "0"
    assert np.bincount(found.of_image)[0] == 90


@pytest.mark.parametrize(
    ("values", "names", "cut"),
    [
        ([datetime(2019, 5, 1), datetime(2021, 5, 1)], ("2019", "2021"), "by year"),
        ([date(2019, 5, 1), date(2019, 7, 9)], ("2019-05", "2019-07"), "by month"),
        (["2019-05-01T10:00:00", "2019-05-02"], ("2019-05-01", "2019-05-02"), "by day"),
        (["2019:05:01 10:00:00", "2019:05:01 11:30:00"], ("2019-05-01 10h", "2019-05-01 11h"), "by hour"),
        (["2019-05-01 10:00:00", "2019-05-01 10:30:00"], ("2019-05-01 10h",), "by hour"),
    ],
)
def test_times_are_cut_by_the_coarsest_unit_that_tells_them_apart(
    values: list[Any], names: tuple[str, ...], cut: str
) -> None:
    found = grouped(*values)
    assert (found.names, found.cut) == (names, cut)


def test_times_over_very_many_years_are_ranges() -> None:
    found = grouped(*(datetime(1900 + k, 1, 1) for k in range(100)))
    assert len(found.names) == 5
    assert found.names[0].startswith("1900-01-01")


def test_years_as_numbers_and_codes_as_text_are_no_times() -> None:
    assert grouped("20190501", "20200501").cut is None
    assert grouped(2019, 2020).cut is None


@pytest.mark.parametrize(
    ("values", "identifies"),
    [
        (["a", "b", "c"], True),
        ([1, 2, 3], True),
        ([0.1, 0.2, 0.3], False),
        (["a", "b", "a"], False),
        (["a", "b", None], True),
    ],
)
def test_columns_that_name_each_image_are_known(values: list[Any], identifies: bool) -> None:
    assert column_values("x", pa.chunked_array([values])).identifies is identifies


def test_an_unknown_column_lists_those_that_there_are_and_the_facts_of_files() -> None:
    images = toy({"camera": ["a", "a", "b", "b"]})
    with pytest.raises(InputError, match=r"'camra'; did you mean 'camera'\?.*file\.format"):
        groups_of(images, "camra")
    with pytest.raises(InputError, match="unknown column"):
        groups_of(images, "file.nothing")


@pytest.mark.parametrize(
    ("values", "told"),
    [([None, None], "has no value for any image"), (["a", "b"], "a different value for every")],
)
def test_a_column_that_makes_no_groups_is_refused(values: list[Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        checked_groups(column_values("x", pa.chunked_array([pa.array(values, pa.string())])))


def test_facts_of_files_follow_the_columns_of_the_set() -> None:
    images = toy({"camera": ["a", "b"], "exif_time": ["2019:05:01 10:00:00", None]})
    names = image_columns(images).column_names
    assert names[0] == "camera"
    assert "exif_time" not in names
    assert "file.taken" in names
    assert groups_of(images, "file.width").names == ("2",)


def test_long_codes_of_digits_are_values_each_its_own() -> None:
    found = grouped(2**60, 2**60 + 1, None, 2**60)
    assert found.names == (str(2**60), str(2**60 + 1), MISSING)
    assert found.of_image.tolist() == [0, 1, 2, 0]
    assert column_values("x", pa.chunked_array([pa.array([2**63, 2**63 + 1], pa.uint64())])).identifies


@pytest.mark.parametrize(
    ("kind", "seconds", "names"),
    [
        (pa.timestamp("s", tz="Mars/Olympus"), (1_577_836_800, 1_609_459_200), ("2020", "2021")),
        (pa.timestamp("s"), (10**15, 10**15 + 1), None),
    ],
)
def test_times_that_python_cannot_hold_are_groups_all_the_same(
    kind: pa.DataType, seconds: tuple[int, int], names: tuple[str, ...] | None
) -> None:
    column = pa.chunked_array([pa.array([*seconds, None], kind)])
    found = value_groups(column_values("taken", column))
    assert found.of_image.tolist() == [0, 1, 2]
    assert names is None or found.names[:2] == names


def test_text_that_says_missing_is_missing_and_zero_has_no_sign() -> None:
    assert grouped("a", MISSING, None).names == ("a", MISSING)
    assert grouped(-0.0, 0.0).names == ("0",)
