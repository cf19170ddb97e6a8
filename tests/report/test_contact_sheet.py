"""The contact sheet: images land where the layout says, and the figure is a picture."""

from pathlib import Path

import numpy as np
from PIL import Image

from nearsight.data.scenes import draw_scenes
from nearsight.report.contact_sheet import draw_contact_sheet, mosaic


def test_mosaic_places_every_image_and_leaves_the_rest_white() -> None:
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 5, 7, 3), dtype=np.uint8)
    sheet = mosaic(images, gap=2)
    assert sheet.shape == (12, 25, 3)
    seen = np.zeros(sheet.shape[:2], dtype=bool)
    for row in range(2):
        for column in range(3):
            place = np.s_[7 * row : 7 * row + 5, 9 * column : 9 * column + 7]
            assert np.array_equal(sheet[place], images[row, column])
            seen[place] = True
    assert (sheet[~seen] == 255).all()


def test_contact_sheet_shows_the_images_of_the_set(tmp_path: Path) -> None:
    path = tmp_path / "new" / "sheet.png"
    draw_contact_sheet(path, examples=2, seed=5)
    sheet = np.asarray(Image.open(path).convert("RGB"))
    shown = {tuple(pixel) for pixel in sheet.reshape(-1, 3)}
    for split in ("train", "swapped"):
        drawn = draw_scenes(split, shortcut=0, seed=5, count=8)
        colours = {tuple(pixel) for pixel in drawn.pixels.permute(0, 2, 3, 1).reshape(-1, 3).numpy()}
        assert len(colours & shown) > 0.9 * len(colours)
