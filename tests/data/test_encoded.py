"""What is opened as an image: regular files of a few formats, and nothing that starts a program or waits."""

import io
import logging
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image
from studies.hostile.images import little_tiff

from nearsight.data import load
from nearsight.data.conversion import to_pixels
from nearsight.data.decode import decode_image, image_size
from nearsight.data.drawn_masks import look_at_mask
from nearsight.data.file_facts import file_facts
from nearsight.data.identity import digest_of
from nearsight.data.tile import decode_tile
from nearsight.errors import InputError


def eps() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "EPS")
    return file.getvalue()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Tell of every program that is started; Pillow is told that Ghostscript is there."""
    found: list[Any] = []

    def start(*given: Any, **_: Any) -> None:
        found.append(given)
        raise OSError("no program is started in a test")

    monkeypatch.setattr(subprocess.Popen, "__init__", start)
    monkeypatch.setattr(os, "system", start)
    monkeypatch.setattr(EpsImagePlugin, "gs_binary", "gs")
    return found


READERS = (
    decode_image,
    image_size,
    to_pixels,
    lambda file: decode_tile(file, 0, 0, (4, 4)),
    lambda file: look_at_mask(file, 8, 8),
)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", ["a.jpg", None])
def test_postscript_is_refused_and_nothing_is_started(
    tmp_path: Path, started: list[Any], reader: Any, name: str | None
) -> None:
    file: Any = eps()
    if name is not None:
        (tmp_path / name).write_bytes(file)
        file = str(tmp_path / name)
    with pytest.raises(InputError, match=r"PostScript \(EPS\).*; save it as PNG or JPEG"):
        reader(file)
    assert not started


def test_an_opened_image_of_another_format_is_not_read(started: list[Any]) -> None:
    with (
        Image.open(io.BytesIO(eps())) as image,
        pytest.raises(InputError, match="of the format EPS; save it as PNG"),
    ):
        to_pixels(image)
    assert not started


def test_a_folder_with_postscript_called_jpg_starts_nothing(
    write_folder: Any, png: Any, started: list[Any]
) -> None:
    root = write_folder({name: [png(k) for k in range(6)] for name in ("a", "b")})
    (root / "a" / "0.jpg").write_bytes(eps())
    with pytest.raises(InputError, match=r"1 of 13 .* 0\.jpg|0\.jpg \(it is PostScript"):
        load(root)
    images = load(root, skip_bad=True)["train"]
    file_facts(images)
    assert not started


@pytest.mark.parametrize("kind", ["PSD", "ICO", "DDS", "XPM", "WMF"])
def test_formats_that_nobody_trains_on_are_named(kind: str) -> None:
    starts = {
        "PSD": b"8BPS",
        "ICO": b"\0\0\1\0",
        "DDS": b"DDS ",
        "XPM": b"/* XPM */",
        "WMF": b"\xd7\xcd\xc6\x9a",
    }
    with pytest.raises(InputError, match=r"^cannot read a: it is an? .*; save it as PNG or JPEG$"):
        decode_image(starts[kind] + bytes(64), "a")


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_a_damaged_file_is_told_of_once(compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, "TIFF", compression=compression)
    sound = file.getvalue()
    with pytest.raises(InputError):
        decode_image(sound[:400] + b"\xff" * (len(sound) - 800) + sound[-400:])
    # What a library in C says by itself goes past Python.
    assert capfd.readouterr() == ("", "")


def test_what_pillow_logs_of_a_file_is_not_on_stderr(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As in a program that listens to no logs; pytest does.
    monkeypatch.setattr(logging.root, "handlers", [])
    tags = {256: 10, 257: 10, 258: 8, 259: 1, 262: 1, 273: 200, 277: 65535, 279: 100}
    with pytest.raises(InputError, match="a TIFF of bands or numbers that are not read"):
        decode_image(little_tiff({tag: (3, 1, value) for tag, value in tags.items()}))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "TGA", "PCX", "SGI"]
)
def test_what_is_opened_is_read(kind: str) -> None:
    file = io.BytesIO()
    Image.fromarray(np.full((6, 7, 3), 90, np.uint8)).save(file, kind)
    assert decode_image(file.getvalue()).shape == (3, 6, 7)


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "directory"])
@pytest.mark.parametrize("reader", READERS)
def test_only_regular_files_are_opened(tmp_path: Path, kind: str, reader: Any) -> None:
    place = tmp_path / "a.png"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "directory":
        place.mkdir()
    elif kind == "device":
        place = Path("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))
    with pytest.raises(InputError, match=f"it is a {kind}, and no file"):
        reader(str(place))
    assert digest_of(place) == ""
