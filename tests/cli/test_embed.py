"""The command `embed`."""

from collections.abc import Callable
from pathlib import Path


def test_another_format_is_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    said = refused("embed", tmp_path / "run", "--out", tmp_path / "tiles.csv")
    assert "must end in .parquet" in said
