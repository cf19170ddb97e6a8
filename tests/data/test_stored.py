"""Changed pixels as a file like that of their image would hold them."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from datasets import Dataset
from PIL import Image

import nearsight
from nearsight.data import MemoryImages
from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.encoded_files import EncodedFiles
from nearsight.data.stored import as_stored
from nearsight.errors import InputError

EXACT, HALVED = 0, 2  # the chroma of every pixel is kept, or of every second in both directions
ORIENTATION = 0x0112


def _picture(seed: int, side: int = 24) -> Image.Image:
    # No value is near 0 or 255: clipping would change what is compressed again.
    slope = np.add.outer(np.arange(side), np.arange(side + 9))[..., None] * np.array([1.0, 0.5, 0.8])
    noise = np.random.default_rng(seed).integers(0, 40, (side, side + 9, 3))
    return Image.fromarray((80 + slope + noise).astype(np.uint8))


def _warm(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels * torch.tensor([1.2, 1.0, 0.6])[:, None, None]).clamp(0, 255).byte()


def _set(place, save, count: int = 4):
    for name in ("cat", "dog"):
        (place / "train" / name).mkdir(parents=True)
        for i in range(count):
            save(_picture(i, 24 + 8 * (i % 2)), place / "train" / name / f"{i}.png")
    return nearsight.load(place, progress=False)["train"]


@pytest.mark.parametrize("orientation", [None, *range(1, 9)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_what_is_not_changed_stays_as_it_is_however_it_is_turned(tmp_path, orientation, mode) -> None:
    tags = Image.Exif()
    if orientation:
        tags[ORIENTATION] = orientation
    images = _set(
        tmp_path,
        lambda picture, file: picture.convert(mode).save(
            file, "JPEG", quality=85, subsampling=EXACT, exif=tags
        ),
    )
    for i in range(len(images)):
        assert torch.equal(as_stored(images, i, images.image(i)), images.image(i))


@pytest.mark.parametrize("sampling", [EXACT, 1, HALVED])
@pytest.mark.parametrize("quality", [40, 92])
def test_a_changed_image_is_what_a_program_would_save_with_the_quality_of_the_file(
    tmp_path, quality, sampling
) -> None:
    images = _set(
        tmp_path, lambda picture, file: picture.save(file, "JPEG", quality=quality, subsampling=sampling)
    )
    for i in range(len(images)):
        changed = _warm(images.image(i))
        buffer = BytesIO()
        picture = Image.fromarray(changed.permute(1, 2, 0).numpy())
        picture.save(buffer, "JPEG", quality=quality, subsampling=sampling)
        assert torch.equal(as_stored(images, i, changed), decode_image(buffer.getvalue()))


def test_a_file_of_red_green_and_blue_stays_one(tmp_path) -> None:
    images = _set(tmp_path, lambda picture, file: picture.save(file, "JPEG", quality=60, keep_rgb=True))
    for i in range(len(images)):
        assert (as_stored(images, i, images.image(i)).int() - images.image(i).int()).abs().max() <= 1


def test_a_picture_of_as_many_pixels_as_were_allowed_is_read_again(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with allowed_pixels(10_000):
        images = _set(tmp_path, lambda picture, file: picture.save(file, "JPEG", subsampling=EXACT))
    assert torch.equal(as_stored(images, 0, images.image(0)), images.image(0))


@pytest.mark.parametrize("kind", ["PNG", "CMYK"])
def test_other_files_leave_a_change_as_it_is(tmp_path, kind) -> None:
    images = _set(
        tmp_path,
        lambda picture, file: (
            picture.save(file, "PNG") if kind == "PNG" else picture.convert(kind).save(file, "JPEG")
        ),
    )
    changed = _warm(images.image(0))
    assert torch.equal(as_stored(images, 0, changed), changed)


def test_an_image_of_another_size_is_not_what_the_file_held(tmp_path) -> None:
    images = _set(tmp_path, lambda picture, file: picture.save(file, "JPEG"))
    smaller = images.image(0)[:, :16, :16]
    assert torch.equal(as_stored(images, 0, smaller), smaller)


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_an_image_that_was_reduced_is_not_what_the_file_held_however_large_that_is(
    tmp_path, monkeypatch, kind
) -> None:
    images = _set(tmp_path, lambda picture, file: picture.save(file, kind))
    smaller = images.image(0)[:, ::4, ::4]
    reduced = replace(
        images, images=MemoryImages(smaller.expand(len(images), -1, -1, -1), ("a",) * len(images))
    )
    # No image of the files' size may be decoded.
    monkeypatch.setenv(VARIABLE, "1k")
    assert torch.equal(as_stored(reduced, 0, smaller), smaller)


def test_a_file_that_is_gone_is_named(tmp_path) -> None:
    images = _set(tmp_path, lambda picture, file: picture.save(file, "JPEG"))
    rows = Dataset.from_dict({"image": [{"bytes": None, "path": str(tmp_path / "gone.jpg")}] * len(images)})
    moved = replace(images, files=EncodedFiles.of(rows, np.arange(len(images))))
    with pytest.raises(InputError, match="no such file"):
        as_stored(moved, 0, images.image(0))
