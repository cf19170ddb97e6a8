"""Chunks of resized images against resizing one at a time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nearsight.data import ImageSet, MemoryImages, load
from nearsight.errors import InputError
from nearsight.evaluation.chunks import resized_chunks
from nearsight.models import Preprocessing

HALF = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


def random_images(*sizes: tuple[int, int]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randint(0, 256, (3, *size), generator=generator).to(torch.uint8) for size in sizes]


@pytest.mark.parametrize("resize_short", [None, 6])
@pytest.mark.parametrize("kind", ["uniform", "varied"])
def test_every_image_comes_once_in_order_within_the_bound(
    kind: str, resize_short: int | None, request: pytest.FixtureRequest
) -> None:
    images: ImageSet = request.getfixturevalue(kind)
    preprocessing = Preprocessing((0.5, 0.4, 0.6), (0.2, 0.3, 0.25), resize_short)
    chunks = list(resized_chunks(images, preprocessing, most=1300))
    flat = [image for chunk in chunks for image in chunk]
    assert len(flat) == len(images)
    for i, image in enumerate(flat):
        assert image.equal(preprocessing.resize(images.image(i)))
    assert all(sum(image.nbytes for image in chunk) <= 1300 for chunk in chunks)
    assert max(len(chunk) for chunk in chunks) > 1


def test_an_image_larger_than_the_bound_comes_alone(varied: ImageSet) -> None:
    assert {len(chunk) for chunk in resized_chunks(varied, HALF, most=1)} == {1}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Eight PNGs of two classes and four sizes."""
    for i, image in enumerate(random_images(*[(9, 9), (12, 8), (8, 12), (9, 14)] * 2)):
        path = tmp_path / "test" / ("cat", "dog")[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(path)
    return tmp_path


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_worker_processes_change_nothing(folder: Path) -> None:
    images = load(folder)["test"]
    assert images.pixels is None
    plain, worked = (resized_chunks(images, HALF, most=500, workers=workers) for workers in (0, 1))
    for one, other in zip(plain, worked, strict=True):
        assert all(a.equal(b) for a, b in zip(one, other, strict=True))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_file_damaged_since_it_was_found_is_named_in_one_line(folder: Path, workers: int) -> None:
    images = load(folder)["test"]
    damaged = folder / "test" / "dog" / "3.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    with pytest.raises(InputError, match=r"3\.png") as raised:
        list(resized_chunks(images, HALF, most=500, workers=workers))
    assert "\n" not in str(raised.value)


def test_a_set_in_memory_that_is_resized_is_not_copied_whole() -> None:
    pixels = torch.zeros(50, 3, 8, 8, dtype=torch.uint8)
    toy = ImageSet("toy", "test", ("a", "b"), np.zeros(50, dtype=np.int64), MemoryImages(pixels, ("",) * 50))
    twice = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), resize_short=16)
    chunks = resized_chunks(toy, twice, most=4 * 3 * 16 * 16)
    assert {len(chunk) for chunk in chunks} == {4, 2}
