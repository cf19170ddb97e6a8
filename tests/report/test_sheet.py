"""Contact sheets of sets: what is drawn of each class, and what is refused."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nearsight.data import ImageSet, ImageSets, MemoryImages, load
from nearsight.data.regions import MaskRegions
from nearsight.errors import InputError
from nearsight.report.sheet import draw_sheet, thumbnail


def toy(classes: int = 3, regions: bool = False) -> ImageSets:
    labels = np.arange(2 * classes) % classes
    pixels = torch.zeros(len(labels), 3, 16, 8, dtype=torch.uint8)
    masks = torch.zeros(len(labels), 16, 8, dtype=torch.bool)
    masks[:, 4:12, 2:6] = True
    images = MemoryImages(pixels, tuple(map(str, labels)))
    # Letters that the font lacks are no reason to warn.
    names = tuple(f"class ${k} 猫 ไทย \x7f" for k in range(classes))
    return ImageSets(
        "toy",
        {"train": ImageSet("toy", "train", names, labels, images, MaskRegions(masks) if regions else None)},
    )


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_sheet_is_the_same_whatever_the_environment_says_of_time(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    draw_sheet(toy(), tmp_path / f"sheet{suffix}")
    assert (tmp_path / f"sheet{suffix}").stat().st_size > 500
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    draw_sheet(toy(), tmp_path / f"again{suffix}")
    assert (tmp_path / f"again{suffix}").read_bytes() == (tmp_path / f"sheet{suffix}").read_bytes()
    assert os.environ["SOURCE_DATE_EPOCH"] == "yesterday"


def test_a_sheet_of_many_classes_stays_small(tmp_path: Path) -> None:
    draw_sheet(toy(200), tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert max(sheet.size) < 4000


def test_a_thumbnail_fits_and_outlines_the_region() -> None:
    plain, outlined = (thumbnail(toy(regions=regions)["train"], 0) for regions in (False, True))
    assert (plain[:, :24] == 255).all()
    assert (plain[:, 24:72] == 0).all()
    marked = (plain != outlined).any(-1)
    assert marked[24:72, 36:60].any()
    assert not marked[26:70, 38:58].any()
    assert marked.sum() == 2 * 48 + 2 * 24 - 4


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a contact sheet is a file ending in \.png, .*got '.*sheet\.txt'"):
        draw_sheet(toy(), tmp_path / "sheet.txt")


def test_an_image_of_the_set_is_not_replaced(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for i in range(4):
            pixels = np.random.default_rng((i, ord(name))).integers(0, 255, (8, 8, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{i}.png")
    before = (tmp_path / "photos/a/0.png").read_bytes()
    sets = load(tmp_path / "photos", validation=0)
    with pytest.raises(InputError, match="is read, and writing to it would replace it; give another `sheet`"):
        draw_sheet(sets, tmp_path / "photos/a/0.png")
    assert (tmp_path / "photos/a/0.png").read_bytes() == before
    draw_sheet(sets, tmp_path / "photos/sheet.png")
    draw_sheet(sets, tmp_path / "photos/sheet.png")
