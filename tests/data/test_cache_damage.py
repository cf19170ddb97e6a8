"""What `datasets` keeps of a set and cannot read again is told in one line that says what to remove."""

import re
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
def test_a_damaged_cache_is_one_line_or_made_again(
    damage: str, kept: dict[Path, bytes], tmp_path: Path
) -> None:
    expected = load(tmp_path / "set", progress=False)["train"].paths()
    noise = np.random.default_rng(0).bytes(100)
    told = []
    for place, whole in kept.items():
        place.write_bytes({"cut short": whole[: len(whole) // 2], "empty": b"", "noise": noise}[damage])
        try:
            # What is kept of a file that has changed since is not looked at.
            assert load(tmp_path / "set", progress=False)["train"].paths() == expected
        except InputError as error:
            told.append(str(error))
        place.write_bytes(whole)
    assert told
    for line in told:
        assert re.fullmatch(r"the cache of sets is damaged \(.*\); remove .*, which is made again, .*", line)
