"""Conversion: whatever a program holds as an image gives the pixels that its file would."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from PIL import Image
from tests.data.deep_png import deep_png

from nearsight.data import decode_image, to_pixels
from nearsight.errors import InputError

RGB = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
EXPECTED = torch.from_numpy(RGB.transpose(2, 0, 1).copy())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Image.fromarray(RGB).save(tmp_path / "image.png")
    return tmp_path / "image.png"


@pytest.mark.parametrize(
    "image",
    [
        RGB,
        np.asfortranarray(RGB),
        EXPECTED,
        EXPECTED.numpy(),
        Image.fromarray(RGB),
        RGB.astype(np.float32) / 255,
        EXPECTED / 255,
        (EXPECTED / 255).requires_grad_(),
        EXPECTED.to_sparse(),
        (EXPECTED / 255).to_sparse(),
        (EXPECTED / 255).to_mkldnn(),
        torch._neg_view(-(EXPECTED / 255)),
    ],
)
def test_the_same_pixels_come_from_every_form(image: Any, file: Path) -> None:
    assert to_pixels(image).equal(decode_image(file))
    assert to_pixels(image).dtype == torch.uint8


def test_tensors_of_types_that_numpy_lacks_are_read() -> None:
    grey = torch.tensor([[0.0, 0.5, 1.0]])
    for image in (grey.bfloat16(), grey.to(torch.float8_e4m3fn)):
        assert to_pixels(image).equal(to_pixels(grey))


def test_files_and_bytes_are_decoded(file: Path) -> None:
    assert to_pixels(file).equal(EXPECTED)
    assert to_pixels(str(file)).equal(EXPECTED)
    assert to_pixels(file.read_bytes()).equal(EXPECTED)


YCBCR = pytest.param(
    "YCbCr",
    marks=pytest.mark.skipif(
        int(PIL.__version__.partition(".")[0]) < 13, reason="Pillow 12 cannot read the TIFF that it writes"
    ),
)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", YCBCR])
def test_pillow_images_of_every_mode_are_what_their_file_gives(mode: str) -> None:
    # All 16 bits, as fewer are told.
    image = (
        Image.fromarray(RGB[..., 0].astype(np.uint16) * 257)
        if mode == "I;16"
        else Image.fromarray(RGB).convert(mode)
    )
    buffer = BytesIO()
    image.save(buffer, "TIFF")
    before = image.tobytes()
    assert to_pixels(image).equal(decode_image(buffer.getvalue()))
    assert image.tobytes() == before


def test_grey_is_repeated_and_transparency_laid_over_white() -> None:
    grey = RGB[..., :1]
    for image in (grey, grey[..., 0], torch.from_numpy(grey.transpose(2, 0, 1).copy())):
        assert to_pixels(image).equal(EXPECTED[:1].expand(3, -1, -1))
    clear = np.concatenate([RGB, np.zeros((6, 5, 1), dtype=np.uint8)], axis=2)
    for image in (clear, torch.from_numpy(clear.transpose(2, 0, 1).copy())):
        with pytest.warns(UserWarning, match="the image: its alpha is 0 everywhere"):
            assert to_pixels(image).unique().tolist() == [255]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("top", [4095, 65535])
def test_numbers_of_16_bits_are_read_as_those_of_a_file(channels: int, top: int) -> None:
    wide = np.random.default_rng(channels).integers(0, top + 1, (6, 5, channels)).astype(np.uint16)
    if channels == 4:
        wide[..., 3] = 65535
    expected = np.floor(wide[..., : min(channels, 3)] / top * 255 + 0.5).astype(np.uint8)
    expected = np.broadcast_to(expected, (6, 5, 3)).transpose(2, 0, 1)
    for image in (wide, torch.from_numpy(wide.transpose(2, 0, 1).copy())):
        np.testing.assert_array_equal(to_pixels(image, value_range=(0, top)).numpy(), expected)
    if top == 4095:
        with pytest.warns(UserWarning, match=r"photo: its 16-bit values end at .* of 12 bits"):
            to_pixels(wide, "photo")


def test_other_numbers_are_read_in_a_range() -> None:
    normal = np.random.default_rng(0).normal(size=(6, 5, 3))
    expected = ((normal.clip(-2, 2) + 2) / 4 * 255).round().transpose(2, 0, 1)
    np.testing.assert_array_equal(to_pixels(normal, value_range=(-2, 2)).numpy(), expected)
    assert to_pixels(RGB.astype(np.int64), value_range=(0, 255)).equal(EXPECTED)
    assert to_pixels(RGB.astype(float), value_range=(0, 255)).equal(EXPECTED)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (torch.randn(3, 4, 5), r"photo is float32 .* values go from -.* normalises them itself"),
        (torch.full((3, 4, 5), torch.nan), "photo is .* 60 of its 60 values are not finite numbers"),
        (np.zeros((5, 5, 7), np.uint8), r"photo is uint8 of shape \(5, 5, 7\); expected 1, 3 or 4 channels"),
        (np.zeros((2, 4, 5, 3), np.uint8), r"photo is uint8 of shape \(2, 4, 5, 3\); expected an array"),
        (np.zeros((0, 5, 3), np.uint8), r"photo is uint8 of shape \(0, 5, 3\)"),
        (
            np.zeros((4, 5, 3), np.int64),
            r"photo is int64 .*: its int64 values go from 0 to 0; .* `value_range=\(0, 1\)`",
        ),
        (3, "photo is a int; expected a file, a Pillow image"),
        (b"junk", "cannot read photo: not an image"),
        (EXPECTED.to("meta"), "photo is a tensor without data; expected one of plain numbers"),
        (torch.nested.nested_tensor(list(EXPECTED), layout=torch.jagged), "photo is a nested tensor"),
        (
            torch.zeros(3, 4, 5, dtype=torch.complex64).conj(),
            "photo is complex64 .* expected whole or floating",
        ),
    ],
)
def test_what_is_no_image_is_refused_by_name(image: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_pixels(image, "photo")


def test_a_pillow_image_of_16_bits_a_colour_is_read_by_both_bytes(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(0, 4096, (5, 6, 3)).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(deep_png(wide))
    with Image.open(tmp_path / "deep.png") as image:
        found = to_pixels(image, value_range=(0, 4095))
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), np.floor(wide / 4095 * 255 + 0.5))
