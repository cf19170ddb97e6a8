"""Decoding is compared with the pixels that were encoded, whatever the file's mode and format."""

import io
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.data.deep_png import deep_png

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
    image = Image.fromarray(index)
    image.putpalette(colours.tobytes())
    np.testing.assert_array_equal(decoded(encode(image)), colours[index])


def test_transparent_palette_entries_lie_on_white() -> None:
    index = noise(6, 6)[..., 0] % 3
    colours = np.array([[10, 20, 30], [200, 0, 99], [7, 255, 1]], np.uint8)
    image = Image.fromarray(index)
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
    np.testing.assert_allclose(decoded(encode(Image.fromarray(layers))), expected, atol=1)


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


def deep(height: int, width: int, channels: int, top: int) -> np.ndarray:
    return np.random.default_rng(top).integers(0, top + 1, (height, width, channels)).astype(np.uint16)


@given(top=st.sampled_from([2**14, 40_000, 65_535]), size=st.tuples(st.integers(1, 9), st.integers(1, 9)))
@settings(deadline=None)
def test_16_bits_of_colour_are_scaled_by_both_bytes(top: int, size: tuple[int, int]) -> None:
    pixels = deep(*size, 3, top)
    pixels[0, 0, 0] = top
    expected = np.floor(pixels / 65535 * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(decoded(deep_png(pixels)), expected)


@pytest.mark.parametrize("top", [255, 1023, 4095, 16383])
def test_few_bits_in_many_are_told_and_read_whole_from_their_range(top: int) -> None:
    ramp = np.linspace(0, top, 32 * 32).round().astype(np.uint16).reshape(32, 32)
    expected = np.floor(ramp / top * 255 + 0.5).astype(np.uint8)
    for file in (encode(ramp), encode(ramp, "TIFF"), deep_png(ramp[..., None].repeat(3, 2))):
        with pytest.warns(UserWarning, match=rf"the image: .* end at {top}, .* `value_range=\(0, {top}\)`"):
            decode_image(file)
        found = decode_image(file, value_range=(0, top))
        np.testing.assert_array_equal(found.numpy(), np.stack([expected] * 3))


def test_colour_of_12_bits_keeps_its_alpha() -> None:
    pixels = deep(6, 7, 4, 4095)
    pixels[..., 3] = np.where(np.arange(7) < 3, 0, 65535)
    expected = np.floor(pixels[..., :3] / 4095 * 255 + 0.5)
    expected[:, :3] = 255
    found = decode_image(deep_png(pixels), value_range=(0, 4095))
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), expected)
    with pytest.raises(InputError, match=r"beside alpha only the high byte .* save it without alpha"):
        decode_image(deep_png(pixels[..., 2:]))


@pytest.mark.parametrize(("dtype", "depth"), [(np.int32, "32-bit"), (np.float32, "floating-point")])
def test_numbers_of_no_known_range_need_one(dtype: type, depth: str) -> None:
    values = np.linspace(-500, 1500, 30).astype(dtype).reshape(5, 6)
    file = encode(values, "TIFF")
    with pytest.raises(
        InputError, match=rf"its {depth} values go from -500 to 1500.*`value_range=\(-500, 1500\)`"
    ):
        decode_image(file)
    expected = ((values.astype(float).clip(0, 1000) / 1000) * 255).round()
    np.testing.assert_allclose(decode_image(file, value_range=(0, 1000))[0].numpy(), expected, atol=0.5)


def test_floating_point_pixels_go_from_0_to_1() -> None:
    values = np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)
    np.testing.assert_array_equal(decode_image(encode(values, "TIFF"))[0].numpy(), (values * 255).round())
    values[0, :2] = np.nan, np.inf
    with pytest.raises(InputError, match="2 of its 30 values are not finite numbers"):
        decode_image(encode(values, "TIFF"))


@pytest.mark.parametrize("value_range", [(1, 1), (3, 2), (0, np.inf), (0,), "0,1", 3])
def test_a_range_goes_from_a_number_to_a_higher_one(value_range: Any) -> None:
    with pytest.raises(InputError, match=r"`value_range` (is two numbers|goes from)"):
        decode_image(encode(noise(3, 3)), value_range=value_range)


def test_an_image_that_does_not_show_is_told() -> None:
    clear = encode(np.dstack([noise(4, 4), np.zeros((4, 4), np.uint8)]))
    with pytest.warns(UserWarning, match=r"^a\.png: its alpha is 0 everywhere"):
        assert decode_image(clear, "a.png").unique().tolist() == [255]


def test_a_tiff_that_is_not_read_says_what_is() -> None:
    file = bytearray(encode(noise(3, 3), "TIFF"))
    at = file.index(struct.pack("<HHI", 258, 3, 3))
    place = struct.unpack_from("<I", file, at + 8)[0]
    file[place : place + 6] = struct.pack("<HHH", 32, 32, 32)
    for read in (decode_image, image_size):
        with pytest.raises(
            InputError, match="a TIFF of bands or numbers that are not read; save it with 1, 3 or 4"
        ):
            read(bytes(file))


def test_the_bound_on_pixels_is_told_and_can_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (30, 20), "red").save(path)
    # Pillow refuses from twice its limit on.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    # Pillow 12 holds what is cropped against it too.
    monkeypatch.setattr("nearsight.data.decode._BAND_PIXELS", 100)
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
