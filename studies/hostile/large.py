"""Damaged pictures that are read part by part: TIFF in tiles and strips, pyramids, slides, JPEG and PNG.

There is so little memory for decoding that pictures of a few hundred pixels per side are read like those of many
thousands.
"""

import io
import json
import os
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from PIL import Image

from studies.damage import flip_bits
from studies.hostile.images import sound_image

RUN = Path(__file__).parents[2] / "tests" / "fixtures" / "schema-1" / "run"
HEIGHT, WIDTH = 560, 620
# A whole picture takes more than this.
MEMORY = {"NEARSIGHT_DECODE_MEMORY": "33M"}
ON_CPU = ("--device", "cpu", "--quiet")
COMMANDS = ("data", "predict", "predict", "heatmap", "heatmap", "heatmap", "evaluate", "train")

_TILED = {"tile": True, "tile_width": 128, "tile_height": 128}
_APERIO = "Aperio Image Library v1|AppMag = 20|MPP = 0.5"
# Each kind: the suffix, and how libvips or Pillow writes it.
_KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "tiles": (".tif", {"compression": "none", **_TILED}),
    "tiles, deflate": (".tif", {"compression": "deflate", "predictor": "horizontal", **_TILED}),
    "tiles, LZW": (".tif", {"compression": "lzw", **_TILED}),
    "tiles, JPEG": (".tif", {"compression": "jpeg", **_TILED}),
    "pyramid": (".tif", {"compression": "deflate", "pyramid": True, **_TILED}),
    "pyramid of sub-images": (".tif", {"compression": "jpeg", "pyramid": True, "subifd": True, **_TILED}),
    "BigTIFF": (".tif", {"compression": "deflate", "bigtiff": True, **_TILED}),
    "strips": (".tif", {"compression": "lzw"}),
    "strips, packed": (".tif", {"compression": "packbits"}),
    "16 bits": (".tif", {"compression": "deflate", **_TILED}),
    "grey": (".tif", {"compression": "deflate", **_TILED}),
    "alpha": (".tif", {"compression": "deflate", **_TILED}),
    "floating": (".tif", {"compression": "deflate", **_TILED}),
    "slide": (".svs", {"compression": "jpeg", **_TILED}),
    "JPEG": (".jpg", {"quality": 80}),
    "progressive JPEG": (".jpg", {"quality": 80, "progressive": True}),
    "PNG": (".png", {}),
    "interlaced PNG": (".png", {"interlace": True}),
}  # fmt: skip
# Tags of a TIFF, and false values that a header may have.
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _PLANAR = 256, 257, 258, 259, 262, 277, 284
_SIDES = (0, 1, 7, 100, 2**15, 10**5, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
_LIES: dict[int, tuple[int, ...]] = {
    _WIDTH: _SIDES,
    _HEIGHT: _SIDES,
    _BITS: (0, 1, 4, 8, 12, 16, 32, 64, 65535),
    _COMPRESSION: (0, 1, 2, 3, 4, 5, 6, 7, 8, 32773, 32946, 33003, 33005, 34661, 34712, 34925, 50000, 50001, 50002),
    _PHOTOMETRIC: (0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 32803, 32844, 32845, 65535),
    _SAMPLES: (0, 1, 2, 4, 5, 255, 65535),
    _PLANAR: (0, 2, 3),
    266: (0, 2, 3),  # the order of bits
    273: (0, 1, 8, 2**31, 2**32 - 1),  # where strips begin
    274: (0, 2, 5, 6, 9),  # the side that is up
    278: (0, 1, 2**31, 2**32 - 1),  # rows of a strip
    279: (0, 1, 2**31, 2**32 - 1),  # how long strips are
    282: (0, 1, 2**32 - 1),  # resolution
    317: (0, 2, 3, 9),  # predictor
    322: (0, 1, 16, 17, 16384, 2**30, 2**32 - 1),  # sides of tiles
    323: (0, 1, 16, 17, 16384, 2**30, 2**32 - 1),
    324: (0, 1, 8, 2**31, 2**32 - 1),  # where tiles begin
    325: (0, 1, 2**31, 2**32 - 1),  # how long tiles are
    330: (0, 8, 2**31, 2**32 - 1),  # where sub-images are
    338: (0, 1, 2, 9),  # what samples beyond the colours are
    339: (0, 1, 2, 3, 4, 5, 6, 65535),  # what numbers are
    347: (0, 8),  # tables of JPEG
    530: (0, 1, 2, 3, 65537),  # how colours are thinned out
}  # fmt: skip
_SIZES = {
    1: 1,
    2: 1,
    3: 2,
    4: 4,
    5: 8,
    6: 1,
    7: 1,
    8: 2,
    9: 4,
    10: 8,
    11: 4,
    12: 8,
    13: 4,
    16: 8,
    17: 8,
    18: 8,
}


def hostile_large(place: Path, draw: Random) -> tuple[Path, str]:
    """Write a folder of two classes with a damaged large picture; return the picture and what is wrong.

    It also contains small pictures and, in some folders, a sound large one.
    """
    kind = draw.choice(sorted(_KINDS))
    suffix, _ = _KINDS[kind]
    _small(place)
    content, told = _damaged(bytearray(_sound(kind)), draw)
    picture = (
        place / "set" / draw.choice("01") / f"odd{draw.choice((suffix, suffix, suffix, '.svs', '.tif'))}"
    )
    picture.write_bytes(content)
    if draw.random() < 0.3:
        (picture.parent / "sound.tif").write_bytes(_sound("pyramid"))
    return picture, f"{kind} as {picture.suffix}: {told}"


def _small(place: Path) -> None:
    """Write a folder of two classes with a few small pictures in each."""
    for number in range(10):
        file = place / "set" / str(number % 2) / f"small-{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(sound_image(Random(number), "PNG"))


def sound_large(place: Path) -> Path:
    """Write a folder as `hostile_large` does, with nothing wrong, and return its picture."""
    _small(place)
    (place / "set" / "0" / "large.tif").write_bytes(_sound("pyramid"))
    return place / "set" / "0" / "large.tif"


def read_large(picture: Path, command: str, skip_bad: bool = False, skip_blank: bool = False) -> int:
    """Read the folder of a picture, or the picture, with one of the commands; return the exit code.

    What a heatmap leaves for viewers must be sound. From now on, the environment says how little memory there is.
    """
    from nearsight.cli.main import main

    os.environ.update(MEMORY)
    data, out = picture.parents[1], picture.parents[2] / f"{command} out"
    skip = ["--skip-bad"] if skip_bad else []
    tiles = [*(["--skip-blank", "2"] if skip_blank else []), "--stride", "64", *ON_CPU]
    given: dict[str, list[str]] = {
        "data": ["data", str(data), "--quiet", *skip],
        "predict": ["predict", str(RUN), str(data), "--out", f"{out}.csv", "--workers", "0", *tiles],
        "heatmap": ["heatmap", str(RUN), str(picture), "--out", str(out), *tiles],
        "evaluate": ["evaluate", str(RUN), str(data), "--out", str(out), "--class-map", "0=0,1=1", "--workers", "0",
                     *skip, *tiles],
        "train": ["train", str(data), "--out", str(out), "--workers", "0", *skip, *ON_CPU, "--tile", "4",
                  "--steps", "1", "--batch-size", "2", "--width", "0.1", "--precision", "float32", "--stride", "64",
                  "--validation", "0"],
    }  # fmt: skip
    code = main(given[command])
    for file in out.glob("*.tif"):
        with Image.open(file) as map_:
            map_.load()
    for file in out.glob("*.geojson"):
        json.loads(file.read_text(encoding="utf-8"))
    return code


@cache
def _sound(kind: str) -> bytes:
    """Return the bytes of a sound picture of a kind, coarse patches with a blank half."""
    import pyvips

    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (20, 22, 3), dtype=np.uint8))
    values: Any = np.array(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    values[:, WIDTH // 2 :] = 235
    if kind == "16 bits":
        values = values.astype(np.uint16) * 250
    elif kind == "grey":
        values = values[..., :1]
    elif kind == "alpha":
        values = np.dstack([values, values[..., 0]])
    elif kind == "floating":
        file = io.BytesIO()
        Image.fromarray(values[..., 0].astype(np.float32) / 255).save(file, "TIFF")
        return file.getvalue()
    suffix, options = _KINDS[kind]
    if suffix == ".jpg":
        file = io.BytesIO()
        Image.fromarray(values).save(file, "JPEG", **options)
        return file.getvalue()
    image = pyvips.Image.new_from_array(values)
    if suffix == ".png":
        return bytes(image.pngsave_buffer(**options))
    if suffix == ".svs":
        image = image.copy()
        image.set_type(pyvips.GValue.gstr_type, "image-description", _APERIO)
    return bytes(image.tiffsave_buffer(**options))


def _damaged(content: bytearray, draw: Random) -> tuple[bytes, str]:
    told = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        change = draw.choice(_OF_TIFF if _entries(content) and draw.random() < 0.75 else _OF_BYTES)
        if len(content) > 16:
            told.append(change(content, draw))
    return bytes(content), "; ".join(told) or "nothing"


class _Entry:
    """One entry of a directory of a TIFF: its `tag`, where it is, and where its values are."""

    def __init__(self, content: bytearray, at: int, big: bool) -> None:
        self.at, self.big = at, big
        self.tag, self.kind = struct.unpack_from("<HH", content, at)
        (self.count,) = struct.unpack_from("<Q" if big else "<I", content, at + 4)
        self.value_at = at + (12 if big else 8)
        self.room = 8 if big else 4
        if self.count * _SIZES.get(self.kind, 1) > self.room:
            (self.value_at,) = struct.unpack_from("<Q" if big else "<I", content, self.value_at)

    def write(self, content: bytearray, value: int, draw: Random) -> None:
        """Replace one of this entry's values, or all of them."""
        size = _SIZES.get(self.kind, 1)
        count = min(self.count, 10**4)
        numbers = range(count) if draw.random() < 0.5 else [draw.randrange(count or 1)]
        for number in numbers:
            place = self.value_at + number * size
            if place + size <= len(content):
                content[place : place + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")


def _entries(content: bytearray) -> list[_Entry]:
    """Return the entries of all directories of a little-endian TIFF, as far as they can be followed."""
    if content[:4] not in (b"II*\0", b"II+\0"):
        return []
    big, found, seen = content[2:3] == b"+", [], set()
    try:
        (at,) = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)
        while at and at not in seen and len(seen) < 20:
            seen.add(at)
            (count,) = struct.unpack_from("<Q" if big else "<H", content, at)
            first, size = at + (8 if big else 2), 20 if big else 12
            found += [_Entry(content, first + size * number, big) for number in range(min(count, 100))]
            (at,) = struct.unpack_from("<Q" if big else "<I", content, first + size * count)
    except (struct.error, OverflowError):
        pass
    return found


def _lie(content: bytearray, draw: Random) -> str:
    """Let a tag say something else."""
    entries = [entry for entry in _entries(content) if entry.tag in _LIES]
    if not entries:
        return _flip(content, draw)
    entry = draw.choice(entries)
    value = draw.choice(_LIES[entry.tag])
    entry.write(content, value, draw)
    return f"tag {entry.tag} says {value}"


def _retagged(content: bytearray, draw: Random) -> str:
    """Give an entry another tag, type or count."""
    entries = _entries(content)
    if not entries:
        return _flip(content, draw)
    entry = draw.choice(entries)
    which = draw.choice(("tag", "type", "count"))
    if which == "tag":
        value = draw.choice((*_LIES, 34735, 33550, 33922, 34665, 40962, 0, 65535))
        struct.pack_into("<H", content, entry.at, value)
    elif which == "type":
        value = draw.choice((0, 1, 2, 3, 4, 5, 7, 11, 12, 13, 16, 99))
        struct.pack_into("<H", content, entry.at + 2, value)
    else:
        value = draw.choice((0, 1, 2, 1000, 2**16, 2**28, 2**31, 2**32 - 1))
        struct.pack_into("<Q" if entry.big else "<I", content, entry.at + 4, value)
    return f"the {which} of tag {entry.tag} is {value}"


def _looped(content: bytearray, draw: Random) -> str:
    """Let a directory be followed by itself, by the first or by something that is none; the same for sub-images."""
    entries = _entries(content)
    if not entries:
        return _flip(content, draw)
    big, last = entries[0].big, entries[-1]
    form, size = ("<Q", 20) if big else ("<I", 12)
    (first,) = struct.unpack_from(form, content, 8 if big else 4)
    where = draw.choice((first, first, 8, 1, len(content) - 2, len(content) + 9, 2**31))
    below = [entry for entry in entries if entry.tag == 330]
    if below and draw.random() < 0.5:
        draw.choice(below).write(content, where, draw)
        return f"a sub-image is at {where}"
    place = last.at + size
    if place + struct.calcsize(form) <= len(content):
        struct.pack_into(form, content, place, where)
    return f"the last directory is followed by that at {where}"


def _alone(content: bytearray, draw: Random) -> str:
    """Leave only the part of the header that says that there are no, or very many, entries."""
    big = content[2:3] == b"+"
    (at,) = struct.unpack_from("<Q" if big else "<I", content, 8 if big else 4)
    count = draw.choice((0, 1, 65535))
    if at + 8 <= len(content):
        struct.pack_into("<Q" if big else "<H", content, at, count)
    return f"its directory has {count} entries"


def _flip(content: bytearray, draw: Random) -> str:
    flip_bits(content, draw, draw.choice((1, 8, 64, 500)))
    return "flipped"


def _header_flip(content: bytearray, draw: Random) -> str:
    flip_bits(content, draw, draw.choice((1, 2, 8)), within=700)
    return "flipped at its beginning"


def _cut(content: bytearray, draw: Random) -> str:
    del content[draw.randrange(len(content)) :]
    return "cut"


def _zeros(content: bytearray, draw: Random) -> str:
    at = draw.randrange(len(content))
    size = min(draw.choice((16, 1000, 50_000)), len(content) - at)
    content[at : at + size] = bytes(size)
    return "zeros in it"


def _vast(content: bytearray, draw: Random) -> str:
    """Let a JPEG or PNG state other sides."""
    high, wide = (draw.choice((0, 1, 500, 30_000, 65_535)) for _ in range(2))
    frame = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    if content[:2] == b"\xff\xd8" and frame > 0:
        struct.pack_into(">HH", content, frame + 5, high, wide)
    elif content[:4] == b"\x89PNG":
        import zlib

        struct.pack_into(">II", content, 16, wide * draw.choice((1, 2**15)), high * draw.choice((1, 2**15)))
        struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    else:
        return _flip(content, draw)
    return f"says {high}×{wide}"


_Change = Callable[[bytearray, Random], str]
_OF_TIFF: tuple[_Change, ...] = (*(_lie,) * 8, *(_retagged,) * 3, _looped, _looped, _alone)
_OF_BYTES: tuple[_Change, ...] = (_flip, _header_flip, _header_flip, _cut, _zeros, _vast, _vast)
