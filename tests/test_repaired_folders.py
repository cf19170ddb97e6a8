"""The study of repaired folders: what is planted, and that the truth is apart from what is trained on."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from studies import repaired_folders
from studies.repaired_folders import CLASSES, PLANTS, TARGET, Folder, Judged, write


@pytest.mark.parametrize("plant", [*PLANTS])
def test_a_plant_changes_a_picture_and_leaves_its_size(plant: str) -> None:
    pixels = np.random.default_rng(0).integers(40, 200, (96, 104, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    changed = np.asarray(PLANTS[plant](picture))
    assert changed.shape == pixels.shape
    assert (changed != pixels).any()
    assert np.array_equal(np.asarray(picture), pixels)


def test_a_folder_has_the_plant_in_part_of_one_class(tmp_path, monkeypatch) -> None:
    random = np.random.default_rng(0)
    monkeypatch.setattr(repaired_folders, "EACH", 10)

    def photographs(_split: str) -> dict[str, list[bytes]]:
        return {name: [_png(random) for _ in range(10)] for name in CLASSES}

    monkeypatch.setattr(repaired_folders, "_photographs", photographs)
    write(Folder("stamp", 3), tmp_path)
    planted = json.loads((tmp_path / "planted.json").read_text())
    assert 0 < len(planted) < 10
    for file in (tmp_path / "photos").rglob("*.jpg"):
        red = np.asarray(Image.open(file))[-15, -24:-21].astype(int).mean(0)
        stamped = red[0] > 170 and red[1] < 80
        assert stamped == (file.parent.name == TARGET and file.name in planted)
    assert all((tmp_path / kind / TARGET).is_dir() for kind in ("plain", "planted"))


def test_what_is_taken_for_the_class_counts_only_others() -> None:
    judged = Judged.of(np.array([0, 0, 0, 2, 1]), np.array([0, 1, 2, 2, 0]), 0)
    assert (judged.own, judged.others, judged.taken) == (0.5, pytest.approx(1 / 3), pytest.approx(2 / 3))


def _png(random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random.integers(90, 120, (96, 96, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()
