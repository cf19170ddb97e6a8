"""Whatever happens to a folder, no other image enters or leaves test, and none that was trained on is tested on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nearsight.data import ImageSets, load
from nearsight.data.loading import read_set
from nearsight.data.split_list import Listing, sort_by_listing


def picture(seed: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (20, 20, 3), dtype=np.uint8))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number, name in enumerate(("cat", "dog")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for k in range(30):
            picture(100 * number + k).save(tmp_path / "photos" / name / f"{k:02}.png")
    return tmp_path / "photos"


def sides(sets: ImageSets) -> dict[str | None, str]:
    return {path: split for split, images in sets.items() for path in images.identity.paths}


def remove(root: Path) -> None:
    (root / "cat" / "03.png").unlink()


def add(root: Path) -> None:
    for k in range(12):
        picture(1000 + k).save(root / "dog" / f"0{k}-new.png")


def rename(root: Path) -> None:
    for path in sorted((root / "cat").iterdir()):
        path.rename(path.with_name(f"other-{path.name}"))


def exchange(root: Path) -> None:
    files = sorted((root / "cat").iterdir())
    contents = [path.read_bytes() for path in files]
    for path, content in zip(files, contents[1:] + contents[:1], strict=True):
        path.write_bytes(content)


def overwrite(root: Path) -> None:
    files = sorted((root / "dog").iterdir())
    for path in files[:15]:
        shutil.copy(files[-1], path)


@pytest.mark.parametrize("change", [remove, add])
def test_a_file_that_is_removed_or_added_moves_no_other_into_test_or_out_of_it(
    photos: Path, change: Callable[[Path], None]
) -> None:
    before = sides(load(photos, seed=2))
    change(photos)
    after = sides(load(photos, seed=2))
    # Between train and val those nearest to the bound may move, as so many images are cut off for val.
    moved = [
        path for path in before.keys() & after.keys() if (before[path] == "test") != (after[path] == "test")
    ]
    assert not moved


@pytest.mark.parametrize("change", [remove, add, rename, exchange, overwrite])
@pytest.mark.parametrize("new_images", [None, "test"])
def test_no_image_that_was_trained_on_is_tested_on(
    photos: Path, change: Callable[[Path], None], new_images: str | None
) -> None:
    listing = Listing.of(load(photos))
    change(photos)
    found = sort_by_listing(listing, read_set(photos, progress=False), new_images=new_images).sets
    assert not np.isin(found["test"].identity.digests, [*listing.trained_on()]).any()
