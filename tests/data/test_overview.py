"""Reduced images: means over squares and cells, of images held whole and of those read part by part."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from nearsight.data import overview
from nearsight.data.large_image import LargeImage
from nearsight.data.overview import reduced


@pytest.mark.parametrize(
    ("height", "width", "longest"), [(37, 91, 20), (300, 64, 64), (16, 16, 400), (5, 3, 2)]
)
def test_means_are_those_of_squares_and_of_cells(height: int, width: int, longest: int) -> None:
    image = torch.randint(
        0, 256, (3, height, width), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )

    found = reduced(image, longest, 4)

    step = -(-max(height, width) // longest)
    squares = [
        [
            image[:, top : top + step, left : left + step].double().mean((1, 2))
            for left in range(0, width, step)
        ]
        for top in range(0, height, step)
    ]
    expected = torch.stack([torch.stack(row, 1) for row in squares], 1)
    assert float((found.overview.double() - expected).abs().max()) <= 0.5 + 1e-6
    assert max(found.overview.shape[1:]) <= longest
    torch.testing.assert_close(found.cells, F.adaptive_avg_pool2d(image.float(), 4))


def test_an_image_in_parts_is_reduced_as_one_held_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    pixels = np.random.default_rng(0).integers(0, 256, (150, 90, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    large = LargeImage(str(tmp_path / "noise.png"), 150, 90, at_random=False)
    monkeypatch.setattr(overview, "_ROWS", 17)
    found, expected = reduced(large, 40, 16), reduced(torch.from_numpy(pixels).permute(2, 0, 1), 40, 16)
    assert found.overview.equal(expected.overview)
    assert found.cells.equal(expected.cells)


@pytest.mark.parametrize("below", [False, True], ids=["pages", "sub-images"])
def test_a_level_of_a_pyramid_is_reduced(below: bool, tmp_path: Path) -> None:
    pyvips = pytest.importorskip("pyvips")
    small = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    pixels = small.repeat(32, 0).repeat(32, 1)
    path = tmp_path / "pyramid.tif"
    options = {"tile": True, "tile_width": 64, "tile_height": 64, "compression": "deflate"}
    pyvips.Image.new_from_array(pixels).tiffsave(str(path), pyramid=True, subifd=below, **options)
    large = LargeImage(str(path), 640, 960, at_random=True)

    level = large.level(100)

    assert level is not None
    assert tuple(level.shape) == (3, 80, 120)
    assert large.level(500) is None
    found, expected = (reduced(image, 100, 4) for image in (large, torch.from_numpy(pixels).permute(2, 0, 1)))
    assert found.overview.shape[1:] == (40, 60)
    torch.testing.assert_close(found.cells, expected.cells, atol=1.0, rtol=0)


@pytest.mark.parametrize("other", [True, False], ids=["another picture", "the same, by single pixels"])
def test_a_level_that_shows_another_picture_is_not_used(other: bool, tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    pixels = (
        np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8).repeat(32, 0).repeat(32, 1)
    )
    small = 255 - pixels[::4, ::4] if other else pixels[1::4, 2::4]
    path = tmp_path / "pages.tif"
    # Only libvips writes tiles, and only Pillow pages of several sizes.
    Image.fromarray(pixels).save(path, save_all=True, append_images=[Image.fromarray(small.copy())])
    large = LargeImage(str(path), 640, 960, at_random=True)
    level = large.level(100)
    assert (level is None) == other
    assert LargeImage(str(path), 640, 960, at_random=False).level(100) is None


def test_pages_of_other_proportions_are_no_level(tmp_path: Path) -> None:
    pytest.importorskip("pyvips")
    pages = [Image.new("RGB", size) for size in ((300, 200), (150, 150), (300, 200))]
    pages[0].save(tmp_path / "stack.tif", save_all=True, append_images=pages[1:])
    assert LargeImage(str(tmp_path / "stack.tif"), 200, 300, at_random=True).level(50) is None


def test_a_file_is_read_once_for_its_overview_and_its_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyvips")
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    path = tmp_path / "noise.png"
    Image.fromarray(pixels).save(path)
    large = LargeImage(str(path), 40, 30, at_random=False)
    found = reduced(large, overview.OVERVIEW, 16)
    read: list[str] = []
    monkeypatch.setattr(overview, "reduced", lambda image, *_: read.append(image.path) or found)
    assert overview.overview_of(large).equal(found.overview)
    assert overview.cells_of(large).equal(found.cells)
    assert read == [str(path)]
    Image.fromarray(255 - pixels).save(path, compress_level=0)
    overview.cells_of(large)
    assert len(read) == 2
