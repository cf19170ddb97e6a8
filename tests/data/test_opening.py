"""Opening tables: what is said of images that cannot be read."""

from types import SimpleNamespace
from typing import Any

import pytest

from nearsight.data.opening import _without
from nearsight.errors import InputError


def test_of_many_damaged_images_only_those_that_are_named_are_read_again() -> None:
    read = []

    def name(row: int, _: str) -> str:
        read.append(row)
        return f"{row}.png"

    table: Any = SimpleNamespace(rows=range(1000), name=name)
    faults = dict.fromkeys(range(3, 1000), "the file is empty")
    with pytest.raises(
        InputError, match=r"3\.png \(the file is empty\), .*, 7\.png \(.*\) and 992 more; repair"
    ):
        _without(faults, "photos", "train", table, False, [])
    assert read == [3, 4, 5, 6, 7]
