"""Packed JPEGs: the coefficients, the pixels and the metadata of the original, and every tile that of the whole."""

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from nearsight.data.decode import decode_image
from nearsight.data.identity import digest_of
from nearsight.data.packed.coding import Component, Layout, coded
from nearsight.data.packed.form import QUANTISATION, RESTARTS, SCAN, SEQUENTIAL, TABLES, read_header, segment
from nearsight.data.packed.jpeg import NotPackedError, packed
from nearsight.data.tile import decode_tile
from nearsight.errors import InputError

jpeglib = pytest.importorskip("jpeglib")

SIDES = st.integers(1, 70)


def picture(mode: str, height: int, width: int, seed: int = 0, grain: int = 3) -> Image.Image:
    shape = -(-height // grain), -(-width // grain), len(Image.new(mode, (1, 1)).getbands())
    coarse = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    image = Image.fromarray(coarse[..., 0] if mode == "L" else coarse, mode)
    return image.resize((width, height), Image.Resampling.BICUBIC)


def encode(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def coefficients(content: bytes, directory: Path) -> list[np.ndarray]:
    file = directory / "image.jpg"
    file.write_bytes(content)
    read = jpeglib.read_dct(str(file))
    return [part for part in (read.Y, read.Cb, read.Cr, read.K) if part is not None]


@st.composite
def files(draw: st.DrawFn) -> bytes:
    mode = draw(st.sampled_from(["L", "RGB", "RGB", "RGB", "CMYK"]))
    image = picture(
        mode, draw(SIDES), draw(SIDES), draw(st.integers(0, 9)), draw(st.sampled_from([1, 3, 16]))
    )
    options: dict[str, Any] = {
        "quality": draw(st.integers(1, 100)),
        "progressive": draw(st.booleans()),
        "optimize": draw(st.booleans()),
        "restart_marker_blocks": draw(st.integers(0, 5)),
    }
    if mode == "RGB":
        colours = draw(st.sampled_from(["4:4:4", "4:2:2", "4:2:0", "RGB"]))
        options |= {"keep_rgb": True} if colours == "RGB" else {"subsampling": colours}
    if draw(st.booleans()):
        exif = Image.Exif()
        exif[0x0112] = draw(st.integers(1, 8))
        options["exif"] = exif
    return encode(image, **options)


@settings(max_examples=40, deadline=None)
@given(files(), st.data())
def test_every_tile_is_that_of_the_original(content: bytes, data: st.DataObject) -> None:
    whole = decode_image(content)
    made = packed(content)
    assert decode_image(made).equal(whole)
    _, height, width = whole.shape
    for _ in range(5):
        size = data.draw(st.integers(1, height)), data.draw(st.integers(1, width))
        top, left = data.draw(st.integers(0, height - size[0])), data.draw(st.integers(0, width - size[1]))
        tile = decode_tile(made, top, left, size)
        assert tile.equal(whole[:, top : top + size[0], left : left + size[1]])
        assert tile.is_contiguous()


def drawn(layout: Layout, interval: int, seed: int) -> bytes:
    """Make a JPEG of random coefficients, sampled as the layout says, which Pillow's writer does not offer."""
    rng, parts = np.random.default_rng(seed), []
    for component in layout.components:
        blocks = np.zeros((*layout.blocks(component), 64), np.int16)
        blocks[..., 0] = rng.integers(-300, 300, blocks.shape[:2])
        blocks[..., rng.integers(1, 64, 9)] = rng.integers(-30, 30, (*blocks.shape[:2], 9))
        parts.append(blocks)
    found = coded(layout, parts, interval)
    components = [bytes([each.name, each.across << 4 | each.down, 0]) for each in layout.components]
    scan = [bytes([each.name, 0x11 * min(1, k)]) for k, each in enumerate(layout.components)]
    tables = [
        table.segment(kind, number)
        for number, pair in enumerate(found.tables)
        for kind, table in enumerate(pair)
    ]
    sides = layout.height.to_bytes(2, "big") + layout.width.to_bytes(2, "big")
    return b"".join(
        [
            b"\xff\xd8",
            segment(QUANTISATION, bytes([0] + [3] * 64)),
            segment(SEQUENTIAL, b"\x08" + sides + bytes([len(components)]) + b"".join(components)),
            segment(TABLES, b"".join(tables)),
            segment(RESTARTS, interval.to_bytes(2, "big")),
            segment(SCAN, bytes([len(scan)]) + b"".join(scan) + bytes([0, 63, 0])),
            found.data,
            b"\xff\xd9",
        ]
    )


@settings(max_examples=15, deadline=None)
@given(
    st.tuples(SIDES, SIDES),
    st.sampled_from(
        [((1, 2), (1, 1), (1, 1)), ((4, 1), (1, 1), (1, 1)), ((2, 2), (2, 1), (1, 2)), ((1, 1),)]
    ),
    st.integers(0, 99),
    st.data(),
)
def test_any_sampling_of_colours(
    sides: tuple[int, int], sampling: tuple[tuple[int, int], ...], seed: int, data: st.DataObject
) -> None:
    layout = Layout(*sides, tuple(Component(k + 1, *each, 0) for k, each in enumerate(sampling)))
    content = drawn(layout, 1, seed)
    whole, made = decode_image(content), packed(content)
    size = data.draw(st.integers(1, sides[0])), data.draw(st.integers(1, sides[1]))
    top, left = data.draw(st.integers(0, sides[0] - size[0])), data.draw(st.integers(0, sides[1] - size[1]))
    tile = decode_tile(made, top, left, size)
    assert tile.equal(whole[:, top : top + size[0], left : left + size[1]])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": "4:2:2", "quality": 97}])
def test_coefficients_are_those_of_the_original(options: dict[str, Any], tmp_path: Path) -> None:
    content = encode(picture("RGB", 61, 83), **options)
    kept = coefficients(content, tmp_path), coefficients(packed(content), tmp_path)
    assert all(np.array_equal(one, other) for one, other in zip(*kept, strict=True))


def test_metadata_is_kept_and_the_file_is_recognised() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Canon"
    content = encode(
        picture("RGB", 40, 50), exif=exif, icc_profile=b"a profile", comment=b"a comment", dpi=(72, 72)
    )
    made = packed(content)
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "JPEG"
        assert image.getexif()[0x010F] == "Canon"
        assert (image.info["icc_profile"], image.info["comment"]) == (b"a profile", b"a comment")
    assert digest_of(made) == digest_of(content)
    assert digest_of(made + b"x") != digest_of(content)
    assert packed(made) == packed(content)


def test_what_is_no_plain_jpeg_is_refused() -> None:
    png = io.BytesIO()
    picture("RGB", 8, 8).save(png, "PNG")
    with pytest.raises(NotPackedError, match="no JPEG of 8 bits"):
        packed(png.getvalue())
    whole = encode(picture("RGB", 64, 64))
    with pytest.raises(InputError, match="truncated"):
        packed(whole[: len(whole) // 2])


def test_data_that_moved_is_told() -> None:
    made = packed(encode(picture("RGB", 64, 64)))
    header = read_header(io.BytesIO(made))
    assert header is not None
    moved = made[: header.scan] + b"\0" + made[header.scan :]
    with pytest.raises(InputError, match="not where its index says; pack it again"):
        decode_tile(moved, 0, 0, (8, 8))
    with pytest.raises(InputError, match="a tile of 8×8 pixels at row 60, column 0 does not lie in it"):
        decode_tile(made, 60, 0, (8, 8))


def test_pictures_after_the_first_are_left_out() -> None:
    buffer = io.BytesIO()
    first = picture("RGB", 40, 50)
    first.save(buffer, "MPO", save_all=True, append_images=[picture("RGB", 20, 30, seed=1)])
    made = packed(buffer.getvalue())
    with Image.open(io.BytesIO(made)) as image:
        assert image.format == "JPEG"
    assert decode_image(made).equal(decode_image(buffer.getvalue()))


PACKED = packed(encode(picture("RGB", 50, 60), subsampling="4:2:0"))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, len(PACKED) - 1), st.binary(min_size=1, max_size=4))
def test_damage_is_bad_input_or_other_pixels(at: int, damage: bytes) -> None:
    content = PACKED[:at] + damage + PACKED[at + len(damage) :]
    assert len(digest_of(content)) == 16
    with suppress(InputError):
        assert decode_tile(content, 20, 30, (16, 16)).shape == (3, 16, 16)
