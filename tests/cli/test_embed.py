"""The command `embed`."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from PIL import Image
from pyarrow import parquet
from torch import Tensor

import nearsight
from nearsight.errors import InputError


def test_another_format_is_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    said = refused("embed", tmp_path / "run", "--out", tmp_path / "tiles.csv")
    assert "must end in .parquet" in said


def brightness(tiles: Tensor) -> Tensor:
    return tiles.mean((2, 3))


@pytest.mark.parametrize("given", ["train.parquet", "."])
def test_a_file_of_the_data_is_not_replaced(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, rows = np.random.default_rng(0), []
    for i in range(12):
        picture = BytesIO()
        Image.fromarray(random.integers(0, 255, (8, 8, 3), np.uint8)).save(picture, "PNG")
        rows.append({"image": {"bytes": picture.getvalue(), "path": None}, "label": i % 3})
    monkeypatch.chdir(tmp_path)
    parquet.write_table(pyarrow.Table.from_pylist(rows), "train.parquet")
    before = Path("train.parquet").read_bytes()
    with pytest.raises(InputError, match="is read, and writing to it would replace it; give another `out`"):
        nearsight.embed(
            brightness, given, split="train", classes="r,g,b", tile=4, out="train.parquet", progress=False
        )
    assert Path("train.parquet").read_bytes() == before
