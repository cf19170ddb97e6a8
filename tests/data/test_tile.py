"""A tile decoded by itself has, bit for bit, the pixels of the same tile cut from the whole image."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from nearsight.data import tile as tile_module
from nearsight.data.decode import decode_image
from nearsight.data.jpeg import sequential_frame
from nearsight.data.tile import decode_tile
from nearsight.errors import InputError

SIDES = st.integers(1, 150)


@pytest.fixture(params=["skia", "pillow"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode with skia-python, or as on a machine that does not have it."""
    if request.param == "skia":
        pytest.importorskip("skia", exc_type=ImportError)
    else:
        monkeypatch.setattr(tile_module, "_skia", lambda: None)


def picture(seed: int, height: int, width: int, grain: int = 4) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(
        0, 256, (-(-height // grain), -(-width // grain), 3), np.uint8
    )
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@st.composite
def places(draw: st.DrawFn) -> tuple[int, int, int, int, tuple[int, int]]:
    """Draw an image's height and width, and in it a tile's top, left and size."""
    height, width = draw(SIDES), draw(SIDES)
    size = draw(st.integers(1, height)), draw(st.integers(1, width))
    return height, width, draw(st.integers(0, height - size[0])), draw(st.integers(0, width - size[1])), size


def outcome(decode: Callable[[], np.ndarray]) -> np.ndarray | str:
    try:
        return decode()
    except InputError as error:
        return str(error)


def cut(file: bytes, top: int, left: int, size: tuple[int, int]) -> np.ndarray:
    return decode_image(file)[:, top : top + size[0], left : left + size[1]].numpy()


@pytest.mark.usefixtures("way")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    place=places(),
    seed=st.integers(0, 100),
    grain=st.sampled_from([1, 4, 16]),
    quality=st.integers(1, 100),
    colours=st.sampled_from(["4:4:4", "4:2:2", "4:2:0", "RGB"]),
    restarts=st.integers(0, 9),
)
def test_a_tile_of_a_jpeg_is_the_tile_of_the_whole(
    place: tuple[int, int, int, int, tuple[int, int]],
    seed: int,
    grain: int,
    quality: int,
    colours: str,
    restarts: int,
) -> None:
    height, width, top, left, size = place
    how: dict[str, Any] = {"keep_rgb": True} if colours == "RGB" else {"subsampling": colours}
    file = encode(picture(seed, height, width, grain), quality=quality, restart_marker_blocks=restarts, **how)
    np.testing.assert_array_equal(decode_tile(file, top, left, size).numpy(), cut(file, top, left, size))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 100), damage=st.data())
def test_a_damaged_jpeg_is_treated_as_when_decoded_whole(
    monkeypatch: pytest.MonkeyPatch, seed: int, damage: st.DataObject
) -> None:
    monkeypatch.setattr(tile_module, "_skia", lambda: None)
    file = bytearray(encode(picture(seed, 70, 60)))
    for _ in range(damage.draw(st.integers(1, 3))):
        file[damage.draw(st.integers(2, len(file) - 1))] = damage.draw(st.integers(0, 255))
    content, place = bytes(file), (20, 10, (32, 33))
    expected = outcome(lambda: cut(content, *place))
    assume(isinstance(expected, str) or expected.shape == (3, 32, 33))
    np.testing.assert_array_equal(outcome(lambda: decode_tile(content, *place).numpy()), expected)


@pytest.mark.usefixtures("way")
def test_a_truncated_jpeg_is_an_error_even_below_the_tile() -> None:
    file = encode(picture(0, 70, 60))
    for end in (-1, -2, -100, -len(file) // 2):
        with pytest.raises(InputError) as whole:
            decode_image(file[:end], "a.jpg")
        with pytest.raises(InputError) as ours:
            decode_tile(file[:end], 0, 0, (8, 8), "a.jpg")
        assert str(ours.value) == str(whole.value)


def tagged(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(picture(1, 40, 70), exif=exif)


OTHERS = {
    "progressive": encode(picture(1, 70, 60), progressive=True),
    "grey": encode(picture(1, 70, 60).convert("L")),
    "CMYK": encode(picture(1, 70, 60).convert("CMYK")),
    "PNG": encode(picture(1, 70, 60), "PNG"),
    "16 bits": encode(Image.fromarray(np.arange(4200, dtype=np.uint16).reshape(70, 60) * 15), "PNG"),
    "alpha": encode(picture(1, 70, 60).convert("RGBA"), "PNG"),
    "WebP": encode(picture(1, 70, 60), "WEBP"),
    "Lab colours in TIFF": encode(picture(1, 70, 60).convert("LAB"), "TIFF"),
    "CMYK in TIFF": encode(picture(1, 70, 60).convert("CMYK"), "TIFF"),
    "one bit in TIFF": encode(picture(1, 70, 60).convert("1"), "TIFF"),
    "GIF": encode(picture(1, 70, 60), "GIF"),
    "two pictures": encode(picture(1, 70, 60), "MPO", save_all=True, append_images=[picture(2, 70, 60)]),
    "colour profile": encode(
        picture(1, 70, 60), icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    ),
    "followed by more": encode(picture(1, 70, 60)) + b"more",
} | {f"orientation {k}": tagged(k) for k in range(10)}


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", OTHERS)
def test_a_tile_of_any_file_is_the_tile_of_the_whole(name: str) -> None:
    file = OTHERS[name]
    height, width = decode_image(file).shape[1:]
    for top, left, size in [(0, 0, (height, width)), (9, 17, (20, 16)), (height - 5, width - 7, (5, 7))]:
        np.testing.assert_array_equal(decode_tile(file, top, left, size).numpy(), cut(file, top, left, size))


@pytest.mark.parametrize("file", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_the_error_of_decoding_it(file: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(file)
    for given_as, name in (
        (file, "b.jpg"),
        (file, None),
        (tmp_path / "a.jpg", None),
        (tmp_path / "c.jpg", None),
    ):
        with pytest.raises(InputError) as whole:
            decode_image(given_as, name)
        with pytest.raises(InputError) as ours:
            decode_tile(given_as, 0, 0, (1, 1), name)
        assert str(ours.value) == str(whole.value)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_tile_outside_the_image_is_an_error(kind: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(encode(picture(1, 20, 30), kind))
    for top, left in ((5, 0), (0, 15), (20, 30)):
        with pytest.raises(InputError, match=r"cannot read .*a: a tile of 16×16 pixels at row"):
            decode_tile(tmp_path / "a", top, left, (16, 16))


@pytest.mark.usefixtures("way")
def test_a_sequential_jpeg_is_not_decoded_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the image was decoded whole")

    monkeypatch.setattr(tile_module, "decode_image", refuse)
    for file in (encode(picture(1, 70, 60)), tagged(1)):
        assert decode_tile(file, 3, 5, (16, 16)).shape == (3, 16, 16)


def test_with_skia_pillow_decodes_no_sequential_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("skia", exc_type=ImportError)
    monkeypatch.setattr(Image, "open", None)
    assert decode_tile(encode(picture(1, 70, 60)), 3, 5, (16, 16)).shape == (3, 16, 16)


@pytest.mark.usefixtures("way")
def test_photographs_have_tiles_of_their_whole() -> None:
    sklearn = pytest.importorskip("sklearn.datasets")
    images = Path(sklearn.__file__).parent / "images"
    for photograph in ("china.jpg", "flower.jpg"):
        file = (images / photograph).read_bytes()
        assert sequential_frame(file) is not None
        whole = decode_image(file)
        random = np.random.default_rng(0)
        for _ in range(20):
            top, left = (int(random.integers(side - 64 + 1)) for side in whole.shape[1:])
            expected = whole[:, top : top + 64, left : left + 64]
            assert decode_tile(file, top, left, (64, 64)).equal(expected)
