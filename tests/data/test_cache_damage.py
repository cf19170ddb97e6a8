"""What `datasets` keeps of a set and cannot read again is told in one line that says what to remove."""

from pathlib import Path

import datasets.config
import numpy as np
import pytest
from PIL import Image

from nearsight.data import load
from nearsight.errors import InputError


@pytest.fixture
def kept(tmp_path: Path) -> dict[Path, bytes]:
    """The files that are kept of a set of images of two sizes, with what they hold."""
    random = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (8 + number % 2, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / label / f"{number}.png")
    load(tmp_path / "set", progress=False)
    places = Path(datasets.config.HF_DATASETS_CACHE).rglob("*")
    return {place: place.read_bytes() for place in places if place.suffix in (".arrow", ".json")}


@pytest.mark.parametrize("damage", ["cut short", "empty", "noise"])
def test_a_damaged_cache_is_one_line(damage: str, kept: dict[Path, bytes], tmp_path: Path) -> None:
    assert len(kept) >= 3
    noise = np.random.default_rng(0).bytes(100)
    for place, whole in kept.items():
        place.write_bytes({"cut short": whole[: len(whole) // 2], "empty": b"", "noise": noise}[damage])
        with pytest.raises(
            InputError, match=r"the cache of sets is damaged \(.*\); remove .*, which is made again"
        ):
            load(tmp_path / "set", progress=False)
        place.write_bytes(whole)
    assert len(load(tmp_path / "set", progress=False)["train"])
