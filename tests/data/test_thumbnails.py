"""Near-duplicates among images that are read part by part are those of the same images held whole."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.processes import in_processes

from nearsight.data.decode_memory import VARIABLE
from nearsight.data.image_set import ImageSet
from nearsight.data.loading import load
from nearsight.data.thumbnails import near_others, near_pairs
from nearsight.errors import InputError
from nearsight.together import all_processes

pyvips = pytest.importorskip("pyvips")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Six pictures of two sizes, each a TIFF in tiles; the last is the first, mirrored and brighter."""
    random = np.random.default_rng(0)
    coarse = random.integers(30, 226, (6, 9, 9, 3), dtype=np.uint8)
    coarse[5] = np.clip(coarse[0, :, ::-1].astype(int) + 20, 0, 255)
    for number, values in enumerate(coarse):
        size = (200, 160 + 20 * (number % 2))
        path = tmp_path / "slides" / "test" / "ab"[number % 2] / f"{number}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(Image.fromarray(values).resize(size, Image.Resampling.BICUBIC))
        options = {"compression": "deflate", "tile": True, "tile_width": 64, "tile_height": 64}
        pyvips.Image.new_from_array(pixels).tiffsave(str(path), **options)
    return tmp_path / "slides"


def found(images: ImageSet) -> list[list[int]]:
    others = images.select(np.arange(len(images))[::-1].copy())
    return [*near_pairs(images).tolist(), *near_others(images, others).tolist()]


def test_copies_of_large_images_are_found_by_any_number_of_processes(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = load(images, progress=False)["test"]
    expected = found(whole)
    names = [Path(path).stem for path in whole.paths()]
    copies = sorted((names.index("0"), names.index("5")))
    assert [copies] == expected[:1]
    monkeypatch.setenv(VARIABLE, str(32 * 2**20 + 50_000))
    parted = load(images, progress=False)["test"]
    assert parted.first_large() == 0

    def search(_: int) -> list[list[int]]:
        with all_processes():
            return found(parted)

    for count in (1, 2):
        assert in_processes(monkeypatch, count, search) == [expected] * count


def test_a_large_image_that_cannot_be_read_in_parts_has_no_copies(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, str(32 * 2**20 + 50_000))
    parted = load(images, progress=False)["test"]
    with Image.open(parted.path(0)) as image:
        image.load()
    image.save(parted.path(0), "WEBP")
    with pytest.raises(InputError, match="parts of a WEBP are not read"):
        parted.first_large()
    assert near_pairs(parted).tolist() == []
    assert [*near_others(parted, parted)[:, 0].unique().tolist()] == [1, 2, 3, 4, 5]


# The floats of all images would take 300 MiB; 32 are held at once.
PEAK = """
import resource, torch
from nearsight.allocator import keep_freed_memory
from nearsight.data import ImageSet, MemoryImages
from nearsight.data.thumbnails import thumbnails
keep_freed_memory()
pixels = torch.randint(0, 255, (400, 3, 256, 256), dtype=torch.uint8)
images = ImageSet("toy", "test", ("a",), [0] * 400, MemoryImages(pixels, ("",) * 400))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert sum(map(len, thumbnails(images))) == 400
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 2**10)
"""


def test_images_held_as_numbers_are_few_at_any_time_also_where_the_process_keeps_its_memory() -> None:
    ran = subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True)
    assert int(ran.stdout) < 100
