"""Images read part by part are, bit by bit, those that are decoded whole."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from nearsight.data import image_set
from nearsight.data import large_image as module
from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.data.decode_memory import VARIABLE
from nearsight.data.image_set import JoinedImages
from nearsight.data.joined_images import chosen_of
from nearsight.data.large_image import LargeImage, Overview, large_image
from nearsight.data.loading import load
from nearsight.data.scan import _held
from nearsight.errors import InputError

pyvips = pytest.importorskip("pyvips")

HEIGHT, WIDTH = 530, 617
Save = Callable[[NDArray[Any], Path], None]


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    coarse = np.random.default_rng(0).integers(0, 256, (40, 53, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What `picture` takes is more than may be taken."""
    monkeypatch.setenv(VARIABLE, "33M")


def tiff(**options: Any) -> Save:
    return lambda values, path: pyvips.Image.new_from_array(values).tiffsave(str(path), **options)


def pillow(mode: str | None = None, **options: Any) -> Save:
    def save(values: NDArray[Any], path: Path) -> None:
        image = Image.fromarray(values)
        (image if mode is None else image.convert(mode)).save(path, **options)

    return save


def clear(values: NDArray[Any]) -> NDArray[Any]:
    alpha = np.tile(np.arange(WIDTH) % 256, (HEIGHT, 1)).astype(values.dtype)
    return np.dstack([values, alpha])


TILED = {"tile": True, "tile_width": 128, "tile_height": 128}
FILES: dict[str, tuple[str, Save, bool]] = {
    "jpeg": ("jpg", pillow(quality=85), False),
    "progressive": ("jpg", pillow(progressive=True), False),
    "grey jpeg": ("jpg", pillow("L"), False),
    "png": ("png", pillow(), False),
    "palette": ("png", pillow("P"), False),
    "strips": ("tif", tiff(compression="lzw"), False),
    "one bit": ("tif", pillow("1"), False),
    "alpha": ("tif", lambda values, path: pillow()(clear(values), path), False),
    "floating": ("tif", lambda values, path: pillow()(values[..., 0].astype(np.float32) / 255, path), False),
    "tiled": ("tif", tiff(compression="none", **TILED), True),
    "tiled jpeg": ("tif", tiff(compression="jpeg", **TILED), True),
    "pyramid": ("tif", tiff(compression="deflate", pyramid=True, **TILED), True),
    "pyramid of sub-images": ("tif", tiff(compression="lzw", pyramid=True, subifd=True, **TILED), True),
    "big tiff": ("tif", tiff(bigtiff=True, **TILED), True),
    "16 bits": ("tif", lambda values, path: tiff(**TILED)(values.astype(np.uint16) * 250, path), True),
    "16 bits grey": (
        "tif",
        lambda values, path: tiff(**TILED)(values[..., :1].astype(np.uint16) * 250, path),
        True,
    ),
    "16 bits alpha": (
        "tif",
        lambda values, path: tiff(**TILED)(clear(values.astype(np.uint16) * 250), path),
        True,
    ),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_part_is_that_of_the_whole(
    kind: str, picture: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    suffix, save, at_random = FILES[kind]
    path = tmp_path / f"a.{suffix}"
    save(picture, path)
    whole = decode_image(path)
    monkeypatch.setenv(VARIABLE, "33M")

    large = large_image(path)

    assert large is not None
    assert replace(large, depth=None) == LargeImage(str(path), HEIGHT, WIDTH, at_random)
    assert (large.depth is not None) == (kind.startswith("16") or kind == "floating")
    spans = [(0, 64), (16, 80), (17, 300), (300, 310), (390, 530)]
    overview = Overview(HEIGHT, WIDTH)
    for (top, bottom), band in zip(spans, large.bands(spans, overview.add), strict=True):
        assert band.equal(whole[:, top:bottom])
    assert overview.pixels.equal(whole)
    corners = [(300, 20), (10, 537), (310, 2), (0, 0)]
    for (top, left), tile in zip(corners, large.tiles(corners, (64, 80)), strict=True):
        assert tile.equal(whole[:, top : top + 64, left : left + 80])


def test_what_fits_is_decoded_whole(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    tiff(**TILED)(picture, tmp_path / "a.tif")
    assert large_image(tmp_path / "a.tif") is None
    assert large_image(tmp_path / "none.tif") is None


@pytest.mark.usefixtures("little_memory")
def test_no_image_is_left_to_whoever_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for content in (b"", b"II*\0", b"II*\0" + bytes(40), b"text", b"\xff\xd8\xff"):
        path.write_bytes(content)
        assert large_image(path) is None


@pytest.mark.usefixtures("little_memory")
def test_a_bound_on_pixels_holds_as_ever(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    tiff(**TILED)(picture, tmp_path / "a.tif")
    with allowed_pixels(1000):
        assert large_image(tmp_path / "a.tif") is None
    with allowed_pixels(HEIGHT * WIDTH):
        assert large_image(tmp_path / "a.tif") is not None


@pytest.mark.usefixtures("little_memory")
def test_without_the_libraries_the_way_to_them_is_told(
    picture: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiff(**TILED)(picture, tmp_path / "a.tif")
    monkeypatch.setattr(module, "reads_parts", lambda: False)
    with pytest.raises(
        InputError, match=r"too many .* pip install 'nearsight\[large\]', or give `max_pixels=3"
    ):
        large_image(tmp_path / "a.tif")
    # Whoever allows so many pixels has the memory.
    with allowed_pixels(HEIGHT * WIDTH):
        assert large_image(tmp_path / "a.tif") is None


@pytest.mark.usefixtures("little_memory")
def test_what_cannot_be_read_in_parts_is_told_in_a_line(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    large = np.tile(picture, (3, 3, 1))
    refused = {
        "turned": ("jpg", pillow(exif=turned), picture, "its EXIF turns it"),
        "cmyk": ("jpg", pillow("CMYK"), picture, "4 bands of the kind cmyk"),
        "format": ("webp", pillow(), picture, "parts of a WEBP are not read; save it as a tiled TIFF"),
        "progressive": ("jpg", pillow(progressive=True), np.tile(large, (3, 1, 1)), "several scans"),
        "one strip": ("tif", tiff(tile=True, tile_width=4096, tile_height=4096), large, "tiles or strips"),
    }
    for name, (suffix, save, values, why) in refused.items():
        path = tmp_path / f"{name}.{suffix}"
        save(values, path)
        with pytest.raises(InputError, match=why) as raised:
            large_image(path)
        assert str(raised.value).startswith(f"cannot read {path}: ")
        # Whoever allows as many pixels as it says has them decoded whole.
        told = re.findall(r"or give `max_pixels=(\d+)`$", str(raised.value))
        with allowed_pixels(int(told[0])):
            assert large_image(path) is None


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("kind", ["tiled jpeg", "pyramid", "jpeg", "png", "strips"])
def test_damage_is_told_where_it_is_met(
    kind: str, picture: NDArray[np.uint8], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    suffix, save, _ = FILES[kind]
    path = tmp_path / f"a.{suffix}"
    save(picture, path)
    large = large_image(path)
    assert large is not None
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])

    with pytest.raises(InputError, match=f"cannot read {path}: ") as raised:
        list(large.bands([(0, HEIGHT)]))

    assert "\n" not in str(raised.value)
    assert str(raised.value).count(str(path)) == 1
    assert capfd.readouterr().err == ""


@pytest.mark.usefixtures("little_memory")
def test_a_slide_is_read_by_its_own_library(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    pytest.importorskip("openslide")
    path = tmp_path / "a.svs"
    image = pyvips.Image.new_from_array(picture).copy()
    image.set_type(
        pyvips.GValue.gstr_type, "image-description", "Aperio Image Library v1|AppMag = 20|MPP = 0.5"
    )
    image.tiffsave(str(tmp_path / "a.tif"), compression="jpeg", **TILED)
    (tmp_path / "a.tif").rename(path)
    whole = decode_image(path) if large_image(path) is None else None

    large = large_image(path)

    assert whole is None
    assert large == LargeImage(str(path), HEIGHT, WIDTH, True)
    [tile] = large.tiles([(100, 200)], (64, 64))
    [band] = large.bands([(100, 164)])
    assert tile.equal(band[:, :, 200:264])
    original = torch.tensor(picture[100:164, 200:264]).permute(2, 0, 1)
    assert (tile.int() - original).abs().float().mean() < 8


def test_what_is_held_in_any_case_is_put_together_from_its_parts(
    picture: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.tif"
    tiff(**TILED)(picture, path)
    whole = decode_image(path)
    monkeypatch.setenv(VARIABLE, "33M")
    assert _held(str(path)).equal(whole)


def test_a_set_reads_in_parts_whatever_takes_more_than_may_be_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of colour 8 bytes a pixel are taken, of grey 4.
    for name, mode, height in (("a", "RGB", 150), ("b", "L", 151)):
        (tmp_path / "set" / "test" / name).mkdir(parents=True)
        Image.new(mode, (100, height)).save(tmp_path / "set" / "test" / name / "1.tif")
    monkeypatch.setenv(VARIABLE, str(32 * 2**20 + 6 * 15_000))
    images = load(tmp_path / "set", progress=False)["test"]
    assert images.first_large() == 0
    assert [isinstance(images.looked_at(i), LargeImage) for i in range(2)] == [True, False]


def test_large_images_are_found_without_decoding_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # From their sizes alone, all of them may be too large.
    for name, mode, height in (("a", "L", 150), ("b", "L", 151), ("c", "RGB", 152)):
        (tmp_path / "set" / "test" / name).mkdir(parents=True)
        Image.new(mode, (100, height)).save(tmp_path / "set" / "test" / name / "1.tif")
    monkeypatch.setenv(VARIABLE, str(32 * 2**20 + 6 * 15_000))
    images = load(tmp_path / "set", progress=False)["test"]

    def decode(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(image_set, "decode_image", decode)
    assert images.first_large() == 2
    assert images.select(np.array([0, 1])).first_large() is None
    joined = chosen_of([images, images.select(np.array([1]))], np.array([3, 0, 2]))
    assert isinstance(joined.images, JoinedImages)
    assert joined.first_large() == 2


@pytest.mark.usefixtures("little_memory")
def test_the_size_of_its_file_counts(tmp_path: Path) -> None:
    # As compressed as it may be held, not compressed it may not.
    for name, compression in (("a", "tiff_deflate"), ("b", "raw")):
        Image.new("RGB", (300, 400)).save(tmp_path / f"{name}.tif", compression=compression)
    assert large_image(tmp_path / "a.tif") is None
    assert large_image(tmp_path / "b.tif") is not None
