"""What decoding takes is bounded: from the header, for all threads together, and measured in a process of its own."""

import io
import os
import re
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import nearsight
from nearsight.data import decode_memory
from nearsight.data.conversion import to_pixels
from nearsight.data.decode import allowed_pixels, decode_image, image_size
from nearsight.data.decode_memory import SharedDecodeMemory, decoding_bytes, shared_decode_memory, taking
from nearsight.errors import InputError

MIB = 2**20


def encode(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def webp(width: int, height: int) -> bytes:
    """34 bytes that say how large they are, and hold nothing."""
    bits = (width - 1) | (height - 1) << 14
    body = b"VP8L" + struct.pack("<I", 13) + b"\x2f" + struct.pack("<I", bits) + bytes(9)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def png(width: int, height: int, colour: int = 6) -> bytes:
    """A PNG of four channels, with each of its pixels there."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        )

    rows = zlib.compressobj(1)
    data = b"".join(rows.compress(bytes(1 + 4 * width)) for _ in range(height)) + rows.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("read", [decode_image, image_size])
def test_an_image_that_would_fill_the_memory_is_refused_by_its_header(read: Any) -> None:
    with pytest.raises(InputError) as error:
        read(webp(16383, 10922), "a.webp")
    assert str(error.value) == (
        "cannot read a.webp: to decode its 178,935,126 pixels takes up to 3.0 GiB, and 1.0 GiB may be taken; give "
        "`max_pixels=178935126`, or set NEARSIGHT_DECODE_MEMORY=4G"
    )


def test_more_pixels_that_are_asked_for_may_take_more(monkeypatch: pytest.MonkeyPatch) -> None:
    file = encode(Image.new("RGB", (300, 200)))
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "1M")
    with pytest.raises(InputError, match="1 MiB may be taken; give `max_pixels=1063") as error:
        decode_image(file)
    with allowed_pixels(int(re.findall(r"max_pixels=(\d+)", str(error.value))[0])):
        assert decode_image(file).shape == (3, 200, 300)
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "64M")
    assert decode_image(file).shape == (3, 200, 300)
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "much")
    with pytest.raises(
        InputError, match="NEARSIGHT_DECODE_MEMORY takes a size such as 512M or 2G, got 'much'"
    ):
        decode_image(file)


def test_a_pillow_image_is_refused_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "1M")
    with Image.open(io.BytesIO(encode(Image.new("RGB", (300, 200))))) as image:
        with pytest.raises(InputError, match="1 MiB may be taken"):
            to_pixels(image)
        assert image.tile


@pytest.mark.parametrize("tags", [{322: 16, 323: 16}, {322: 16384, 323: 16384}])
def test_a_tile_of_a_tiff_counts_as_it_is_stored(tags: dict[int, int]) -> None:
    file = bytearray(encode(Image.new("L", (20, 20)), "TIFF", compression="tiff_adobe_deflate"))
    with Image.open(io.BytesIO(bytes(file))) as image:
        plain = decoding_bytes(image, 0)
        for tag, value in tags.items():
            image.tag_v2[tag] = value
        tiled = decoding_bytes(image, 0)
    assert tiled - plain == tags[322] * tags[323]


def test_threads_wait_for_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "100")
    most: list[int] = []

    def decode() -> None:
        with taking(40):
            most.append(decode_memory._TAKEN.size)
            time.sleep(0.01)

    threads = [threading.Thread(target=decode) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(most) == 6
    assert max(most) <= 80
    with taking(1000):
        assert decode_memory._TAKEN.size == 1000
    assert decode_memory._TAKEN.size == 0


@pytest.fixture
def untouched() -> Iterator[None]:
    before = decode_memory._TAKEN.processes, decode_memory._TAKEN.large
    yield
    decode_memory._TAKEN.processes, decode_memory._TAKEN.large = before


@pytest.mark.usefixtures("untouched")
def test_processes_decode_large_images_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEARSIGHT_DECODE_MEMORY", "100")

    class Lock:
        held = False

        def __enter__(self) -> None:
            self.held = True

        def __exit__(self, *_: object) -> None:
            self.held = False

    lock = Lock()
    SharedDecodeMemory(4, lock)(0)
    with taking(25):
        assert not lock.held
    with taking(26):
        assert lock.held
    assert not lock.held
    assert shared_decode_memory(0).processes == 1


def test_a_file_larger_than_what_may_be_taken_is_not_read(tmp_path: Path, png: Any) -> None:
    path = tmp_path / "a.png"
    with path.open("wb") as file:
        file.write(png(1))
        file.truncate(2**40)
    for read in (decode_image, image_size):
        with pytest.raises(InputError, match=r"takes up to 1,024\.0 GiB"):
            read(path)


PEAK = """
import resource, sys, warnings
from nearsight.data.decode import decode_image
from nearsight.errors import InputError
from PIL import Image
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    try:
        decode_image(path)
        print("read")
    except InputError as error:
        print(str(error)[-40:])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory as Linux counts it")
def test_hostile_images_take_no_more_memory_than_may_be_taken(tmp_path: Path) -> None:
    files = {
        "a.webp": webp(16383, 10922),
        "large.png": png(5000, 4000),
        "text.png": encode(Image.new("RGB", (8, 8))).replace(b"IDAT", b"IDAT", 1),
    }
    text = zlib.compress(bytes(10**8))
    chunk = struct.pack(">I", len(text) + 3) + b"zTXta\0\0" + text
    chunk += struct.pack(">I", zlib.crc32(chunk[4:]))
    plain = encode(Image.new("RGB", (8, 8)))
    files["text.png"] = plain[:33] + chunk + plain[33:]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    told = subprocess.run(
        [sys.executable, "-c", PEAK, *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "NEARSIGHT_DECODE_MEMORY": "300M",
            "PYTHONPATH": str(Path(nearsight.__file__).parents[1]),
        },
    ).stdout.split("\n")
    assert "NEARSIGHT_DECODE_MEMORY" in told[0]
    assert told[1] == "read"
    assert "MAX_TEXT_CHUNK" in told[2]
    assert int(told[3]) < 300
