"""Which JPEGs are read in part, and that a shortened one has the rows of the whole."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from nearsight.data.jpeg import sequential_frame, shortened


def encode(mode: str = "RGB", size: tuple[int, int] = (40, 24), **options: Any) -> bytes:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(0).integers(0, 256, (*size[::-1], channels), np.uint8).squeeze()
    buffer = io.BytesIO()
    Image.frombytes(mode, size, pixels.tobytes()).save(buffer, options.pop("kind", "JPEG"), **options)
    return buffer.getvalue()


def with_exif(**options: Any) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "a title"
    return encode(exif=exif, **options)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": "4:4:4"},
        {"restart_marker_blocks": 1},
        {"optimize": True},
        {"comment": b"\xff\xda"},
    ],
)
def test_the_frame_of_a_sequential_colour_jpeg_is_found(options: dict[str, Any]) -> None:
    file = encode(**options)
    frame = sequential_frame(file)
    assert frame is not None
    assert (frame.height, frame.width, frame.exif) == (24, 40, False)
    assert int.from_bytes(file[frame.height_at :][:2], "big") == 24


def test_exif_is_noticed_and_bytes_after_the_end_do_not_matter() -> None:
    frame = sequential_frame(with_exif() + b"\xff\xd8 a preview")
    assert frame is not None
    assert frame.exif


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"\xff\xd8",
        encode(progressive=True),
        encode("L"),
        encode("CMYK"),
        encode(kind="PNG"),
        encode(kind="WEBP"),
        encode()[:100],
        encode()[:-400],
        encode()[:-1],
        encode().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc1\x00\x11\x0c"),
        encode()[:-2] + b"\xff\xc4\x00\x02\xff\xd9",
        b"\xff\xd8\xff" + encode()[2:],
    ],
    ids=[
        "empty",
        "start alone",
        "progressive",
        "grey",
        "CMYK",
        "PNG",
        "WebP",
        "no scan",
        "truncated",
        "no end",
        "12 bits",
        "second scan",
        "padded marker",
    ],
)
def test_any_other_file_has_no_frame(file: bytes) -> None:
    assert sequential_frame(file) is None


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_a_shortened_file_has_the_rows_of_the_whole_but_its_last(subsampling: str) -> None:
    file = encode(size=(33, 50), subsampling=subsampling)
    frame = sequential_frame(file)
    assert frame is not None
    whole = np.asarray(Image.open(io.BytesIO(file)))
    for rows in range(2, 51):
        top = np.asarray(Image.open(io.BytesIO(shortened(file, frame, rows))))
        assert top.shape == (rows, 33, 3)
        assert (top[: rows - 1] == whole[: rows - 1]).all()
