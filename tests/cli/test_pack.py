"""The command `pack`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image


def test_a_folder_is_packed(printed: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    pytest.importorskip("jpeglib")
    (tmp_path / "set" / "cat").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 256, (256, 260, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "set" / "cat" / "1.jpg")
    out = tmp_path / "packed"
    found = printed("pack", tmp_path / "set", "--out", out, "--workers", "0")
    assert (found["data"], found["packed"], found["copied"]) == (str(out), 1, {})
    assert found["bytes_after"] == (out / "cat" / "1.jpg").stat().st_size


def test_what_is_no_folder_is_one_line(refused: Callable[..., str], tmp_path: Path) -> None:
    assert "digits lies in no folder of this machine" in refused("pack", "digits", "--out", tmp_path / "a")
    assert "give --out" in refused("pack", "digits") or "--out" in refused("pack", "digits")
