"""Decoding is held against the pixels that were encoded, whatever the file's mode and format."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearsight.data.decode import allowed_pixels, decode_image, image_size
from nearsight.errors import InputError

ORIENTATION = 0x0112
# What undoes each EXIF orientation, by its definition: the place of the stored row 0 and column 0.
UPRIGHT = {
    1: lambda stored: stored,
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].swapaxes(0, 1),
    8: lambda stored: np.rot90(stored, 1),
}


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(height * 100 + width).integers(0, 256, (height, width, channels), np.uint8)


def encode(image: Image.Image | np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(file: bytes) -> np.ndarray:
    return decode_image(file).permute(1, 2, 0).numpy()


def on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return colour * (alpha / 255) + 255 * (1 - alpha / 255)


@settings(deadline=None)
@given(height=st.integers(1, 20), width=st.integers(1, 20))
def test_lossless_rgb_comes_back_unchanged(height: int, width: int) -> None:
    pixels = noise(height, width)
    np.testing.assert_array_equal(decoded(encode(pixels)), pixels)


def test_grey_is_repeated() -> None:
    grey = noise(5, 7)[..., 0]
    np.testing.assert_array_equal(decoded(encode(grey)), np.stack([grey] * 3, axis=-1))


def test_black_and_white_becomes_0_and_255() -> None:
    bits = noise(5, 7)[..., 0] > 127
    expected = np.where(bits, 255, 0)[..., None].repeat(3, -1)
    np.testing.assert_array_equal(decoded(encode(Image.fromarray(bits))), expected)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    wide = np.linspace(0, 65535, 256 * 4).astype(np.uint16).reshape(32, 32)
    expected = np.floor(wide / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(decoded(encode(wide, kind)), np.stack([expected] * 3, axis=-1))


def test_palette_is_looked_up() -> None:
    index = noise(6, 6)[..., 0] % 3
    colours = np.array([[10, 20, 30], [200, 0, 99], [7, 255, 1]], np.uint8)
    image = Image.fromarray(index, "L")
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(decoded(encode(image)), colours[index])


def test_transparent_palette_entries_lie_on_white() -> None:
    index = noise(6, 6)[..., 0] % 3
    colours = np.array([[10, 20, 30], [200, 0, 99], [7, 255, 1]], np.uint8)
    image = Image.fromarray(index, "L")
    image.putpalette(colours.tobytes())
    file = encode(image, transparency=bytes([0, 128, 255]))
    expected = on_white(colours[index], np.array([0, 128, 255])[index][..., None])
    np.testing.assert_allclose(decoded(file), expected, atol=1)


def test_a_transparent_colour_lies_on_white() -> None:
    pixels = noise(6, 6)
    pixels[:3] = (1, 2, 3)
    expected = pixels.copy()
    expected[:3] = 255
    np.testing.assert_array_equal(decoded(encode(pixels, transparency=(1, 2, 3))), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(mode: str) -> None:
    layers = noise(9, 9, 4 if mode == "RGBA" else 2)
    expected = np.broadcast_to(on_white(layers[..., :-1].astype(float), layers[..., -1:]), (9, 9, 3))
    np.testing.assert_allclose(decoded(encode(Image.fromarray(layers, mode))), expected, atol=1)


@pytest.mark.parametrize(("kind", "tolerance"), [("TIFF", 0), ("JPEG", 3)])
def test_cmyk_becomes_the_colour_it_prints(kind: str, tolerance: int) -> None:
    printed = {(255, 0, 0, 0): (0, 255, 255), (0, 0, 255, 0): (255, 255, 0), (0, 0, 0, 255): (0, 0, 0)}
    for inks, colour in printed.items():
        file = encode(Image.new("CMYK", (16, 16), inks), kind)
        np.testing.assert_allclose(decoded(file), np.broadcast_to(colour, (16, 16, 3)), atol=tolerance)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_exif_rotation_is_undone(kind: str, orientation: int) -> None:
    stored = noise(4, 7)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = encode(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    upright = UPRIGHT[orientation](stored)
    np.testing.assert_array_equal(decoded(file), upright)
    assert image_size(file) == upright.shape[:2]


@settings(deadline=None)
@given(
    mode=st.sampled_from(["1", "L", "P", "RGB", "CMYK"]),
    kind=st.sampled_from(["TIFF", "JPEG", "PNG"]),
    orientation=st.integers(0, 9),
    size=st.tuples(st.integers(1, 30), st.integers(1, 30)),
)
def test_the_header_tells_the_decoded_size(
    mode: str, kind: str, orientation: int, size: tuple[int, int]
) -> None:
    if (kind, mode) in {("JPEG", "P"), ("JPEG", "1"), ("PNG", "CMYK")}:
        return
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    file = encode(Image.new(mode, size), kind, exif=exif)
    assert image_size(file) == tuple(decode_image(file).shape[1:])


def test_a_file_decodes_as_its_bytes_do(tmp_path: Path) -> None:
    file = encode(noise(5, 6), "JPEG")
    (tmp_path / "a.jpg").write_bytes(file)
    assert decode_image(tmp_path / "a.jpg").equal(decode_image(file))
    assert image_size(str(tmp_path / "a.jpg")) == (5, 6)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_a_truncated_image_is_named(kind: str) -> None:
    file = encode(noise(40, 40), kind)
    with pytest.raises(InputError, match=r"^cannot read half\.img: \S.*$"):
        decode_image(file[: len(file) // 2], "half.img")


@settings(deadline=None, max_examples=150)
@given(kind=st.sampled_from(["JPEG", "PNG", "GIF", "TIFF", "WEBP"]), data=st.data())
def test_damage_never_raises_anything_else(kind: str, data: st.DataObject) -> None:
    file = bytearray(encode(noise(12, 12), kind))
    for place in data.draw(st.lists(st.integers(0, len(file) - 1), min_size=1, max_size=8)):
        file[place] = data.draw(st.integers(0, 255))
    for read in (decode_image, image_size):
        with suppress(InputError):
            read(bytes(file))


@pytest.mark.parametrize(
    ("file", "reason"),
    [(b"", "the file is empty"), (b"not an image", "not an image in a known format")],
)
def test_a_file_that_is_no_image_says_so(tmp_path: Path, file: bytes, reason: str) -> None:
    (tmp_path / "notes.txt").write_bytes(file)
    for read in (decode_image, image_size):
        with pytest.raises(InputError, match=rf"cannot read .*notes\.txt: {reason}$"):
            read(tmp_path / "notes.txt")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.png: no such file$"):
        decode_image(tmp_path / "a.png")


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(InputError, match="floating-point; save it with 8 or 16 bits"):
        decode_image(encode(np.zeros((3, 3), np.float32), "TIFF"))


def test_the_bound_on_pixels_is_told_and_can_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (30, 20), "red").save(path)
    # Pillow refuses from twice its limit on.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for read in (decode_image, image_size):
        with pytest.raises(
            InputError, match="it has 600 pixels, and up to 200 are read; give `max_pixels=600`"
        ):
            read(path)
    with allowed_pixels(600):
        assert decode_image(path).shape == (3, 20, 30)
        assert image_size(path) == (20, 30)
        with allowed_pixels(None):
            assert image_size(path) == (20, 30)
        with allowed_pixels(599), pytest.raises(InputError, match="up to 599 are read"):
            decode_image(path)
        assert Image.MAX_IMAGE_PIXELS == 100
    with pytest.raises(InputError, match="up to 200"):
        decode_image(path)
    with pytest.raises(InputError, match="at least 1 pixel"), allowed_pixels(0):
        pass
