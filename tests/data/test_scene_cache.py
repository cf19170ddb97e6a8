"""What was drawn before is what would be drawn now, and nothing damaged is taken."""

from pathlib import Path

import numpy as np
import pytest

from nearsight.data import scene_cache, scenes
from nearsight.data.scene_cache import drawn_scenes
from nearsight.data.scenes import SceneSplit, draw_scenes
from nearsight.errors import InputError

SPLITS = {
    "train": SceneSplit(9, objects=0, backgrounds=0),
    "swapped": SceneSplit(5, objects=2, backgrounds=4),
}


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "SPLITS", SPLITS)


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the splits drawn since, in their order."""
    names: list[str] = []

    def draw(split: str, **options: float) -> object:
        names.append(split)
        return draw_scenes(split, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(scenes, "draw_scenes", draw)
    return names


def require_same_as_drawn(cache: Path, **options: float) -> None:
    for split, found in drawn_scenes(cache, options).items():
        wanted = draw_scenes(split, **options)  # type: ignore[arg-type]
        for part in ("pixels", "masks", "labels", "backgrounds"):
            there, here = np.asarray(getattr(found, part)), np.asarray(getattr(wanted, part))
            assert there.dtype == here.dtype
            assert np.array_equal(there, here)
        assert (found.classes, found.background_names) == (wanted.classes, wanted.background_names)


def test_scenes_are_drawn_once(tmp_path: Path, drawn: list[str]) -> None:
    require_same_as_drawn(tmp_path, shortcut=0.9)
    require_same_as_drawn(tmp_path, shortcut=0.9)
    assert drawn == ["train", "swapped"]
    require_same_as_drawn(tmp_path, shortcut=0.9, seed=1)
    assert drawn == ["train", "swapped"] * 2


@pytest.mark.parametrize("place", [5, 300, -1])
def test_a_damaged_file_is_drawn_anew(place: int, tmp_path: Path, drawn: list[str]) -> None:
    require_same_as_drawn(tmp_path, shortcut=1)
    [file] = tmp_path.iterdir()
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    require_same_as_drawn(tmp_path, shortcut=1)
    require_same_as_drawn(tmp_path, shortcut=1)
    assert drawn == ["train", "swapped"] * 2


def test_other_code_draws_anew(tmp_path: Path, drawn: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    require_same_as_drawn(tmp_path)
    monkeypatch.setattr(scene_cache, "version", lambda _library: "0")
    require_same_as_drawn(tmp_path)
    assert drawn == ["train", "swapped"] * 2


def test_the_sets_used_last_are_kept(tmp_path: Path, drawn: list[str]) -> None:
    for seed in range(6):
        drawn_scenes(tmp_path, {"seed": seed})
    assert len(list(tmp_path.iterdir())) == 4
    drawn.clear()
    drawn_scenes(tmp_path, {"seed": 5})
    assert not drawn
    drawn_scenes(tmp_path, {"seed": 0})
    assert drawn == ["train", "swapped"]


def test_where_nothing_can_be_kept_scenes_are_drawn(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    require_same_as_drawn(tmp_path / "file" / "cache")
    with pytest.raises(InputError, match="shortcut must be from 0"):
        drawn_scenes(tmp_path, {"shortcut": 2})
