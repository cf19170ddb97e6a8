"""Damaged image files: broken, cut, with false sizes, in formats that are not read, and bombs."""

import io
import struct
import zlib
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image

from studies.damage import flip_bits

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF", "TGA", "PCX", "SGI")
_MODES = {
    "PNG": ("1", "L", "P", "LA", "RGB", "RGBA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "WEBP": ("RGB", "RGBA"),
    "GIF": ("P", "L"),
    "BMP": ("1", "L", "P", "RGB"),
    "TIFF": ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"),
    "PPM": ("1", "L", "RGB"),
    "JPEG2000": ("L", "RGB", "RGBA"),
    "AVIF": ("RGB", "RGBA"),
    "TGA": ("L", "RGB", "RGBA"),
    "PCX": ("L", "RGB"),
    "SGI": ("L", "RGB"),
}


def hostile_image(draw: Random, *, heavy: bool = True) -> tuple[bytes, str]:
    """Return the bytes of a damaged image, and what is wrong with it; `heavy` ones take seconds to make.

    >>> content, what = hostile_image(Random(1))
    >>> isinstance(content, bytes), bool(what)
    (True, True)
    """
    if draw.random() < 0.25:
        chosen = HEAVY if heavy and draw.random() < 0.1 else set(BOMBS) - HEAVY
        name = draw.choice(sorted(chosen))
        return BOMBS[name](), name
    kind = draw.choice(KINDS)
    mode = draw.choice(_MODES[kind])
    content = bytearray(sound_image(draw, kind, mode))
    change = draw.choice(("flip", "flip", "numbers", "numbers", "cut", "insert", "double", "zeros"))
    at = draw.randrange(len(content))
    if change == "flip":
        flip_bits(content, draw, draw.choice((1, 1, 4, 32)))
    elif change == "numbers":
        # Headers are at the start.
        for _ in range(draw.choice((1, 2, 4))):
            at = draw.randrange(min(len(content), 200))
            value = draw.choice((0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 10**5))
            form = draw.choice(("<H", ">H", "<I", ">I"))
            size = struct.calcsize(form)
            content[at : at + size] = struct.pack(form, value & (2 ** (8 * size) - 1))
    elif change == "cut":
        del content[at:]
    elif change == "insert":
        content[at:at] = draw.randbytes(draw.choice((1, 4, 1000)))
    elif change == "double":
        content = content * 2
    else:
        content[at : at + 64] = bytes(64)
    return bytes(content), f"{kind} of {mode}, {change}"


def sound_image(draw: Random, kind: str, mode: str = "RGB") -> bytes:
    """Return the bytes of a noise image in a format and a mode, some with EXIF and some with several frames."""
    height, width = draw.choice(((8, 8), (8, 8), (16, 12), (1, 5)))
    values = np.frombuffer(draw.randbytes(height * width * 3), np.uint8).reshape(height, width, 3)
    colour = Image.fromarray(values)
    if mode in ("I;16", "I", "F"):
        dtype = {"I;16": np.uint16, "I": np.int32, "F": np.float32}[mode]
        image = Image.fromarray(values[..., 0].astype(dtype))
    else:
        image = colour.convert(mode)
    options: dict[str, object] = {}
    if draw.random() < 0.3 and kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF"):
        exif = Image.Exif()
        exif[0x0112] = draw.randrange(10)
        exif[0x010F] = "maker" * draw.choice((1, 100))
        options["exif"] = exif
    # Pillow's writer of AVIF itself ends the process for several images.
    if draw.random() < 0.2 and kind in ("GIF", "TIFF", "WEBP", "PNG"):
        options |= {"save_all": True, "append_images": [image] * draw.choice((1, 5))}
    if kind == "JPEG":
        options["progressive"] = draw.random() < 0.3
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _png(width: int, height: int, *chunks: bytes, bits: int = 8, colour: int = 2, data: bytes = b"") -> bytes:
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + b"".join(chunks)
        + _chunk(b"IDAT", data or zlib.compress(bytes(1000)))
        + _chunk(b"IEND", b"")
    )


def little_tiff(tags: dict[int, tuple[int, int, int]], data: bytes = bytes(64)) -> bytes:
    """A little-endian TIFF with one directory; each tag has its type, its count and its value or place."""
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    return (
        b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0) + data
    )


def _tiled_tiff(side: int) -> bytes:
    head = 8 + 2 + 10 * 12 + 4
    return little_tiff(
        {
            256: (3, 1, 10), 257: (3, 1, 10), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1),
            322: (4, 1, side), 323: (4, 1, side), 324: (4, 1, head), 325: (4, 1, 60),
        },
        zlib.compress(bytes(10**5)),
    )  # fmt: skip


def _many_tags() -> bytes:
    """A TIFF with as many tags as there can be, all of which are the same large piece of the file."""
    size = 2**18
    entries = b"".join(struct.pack("<HHII", tag, 7, size, 8) for tag in range(65535))
    return (
        b"II*\0" + struct.pack("<I", 8 + size) + bytes(size) + struct.pack("<H", 65535) + entries + bytes(4)
    )


def _webp(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    body = b"VP8L" + struct.pack("<I", 13) + b"\x2f" + struct.pack("<I", bits) + bytes(9)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _webp_animation(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + sides
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def _jpeg_with_tags() -> bytes:
    """A JPEG whose EXIF, in several segments, is a directory of many tags."""
    tags = b"MM\0*" + struct.pack(">IH", 8, 60000)
    tags += b"".join(struct.pack(">HHII", tag, 7, 5 * 10**5, 8) for tag in range(60000))
    pieces = [tags[at : at + 65000] for at in range(0, len(tags), 65000)]
    exif = b"".join(b"\xff\xe1" + struct.pack(">H", len(each) + 8) + b"Exif\0\0" + each for each in pieces)
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG")
    return b"\xff\xd8" + exif + file.getvalue()[2:]


def _eps() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "EPS")
    return file.getvalue()


def _large_png() -> bytes:
    """A small file of 170 million pixels, all of which exist."""
    rows = zlib.compressobj(9)
    row = bytes(1 + 4 * 13000)
    data = b"".join(rows.compress(row * 100) for _ in range(130)) + rows.flush()
    return _png(13000, 13000, colour=6, data=data)


# What each bomb is, and how it is made.
BOMBS: dict[str, Callable[[], bytes]] = {
    "PostScript": _eps,
    "PDF": lambda: b"%PDF-1.4\n",
    "Photoshop": lambda: b"8BPS\0\1" + bytes(100),
    "nothing": lambda: b"",
    "text": lambda: b"no image at all",
    "zeros": lambda: bytes(1000),
    "PNG of text that unpacks to 200 MB": lambda: _png(
        8, 8, _chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(2 * 10**8)))
    ),
    "PNG of a profile that unpacks to 200 MB": lambda: _png(
        8, 8, _chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(2 * 10**8)))
    ),
    "PNG of 200 texts": lambda: _png(
        8, 8, *[_chunk(b"zTXt", b"a%d\0\0" % k + zlib.compress(bytes(10**6))) for k in range(200)]
    ),
    "PNG of 2^31 × 2^31": lambda: _png(2**31 - 1, 2**31 - 1),
    "PNG of 13000 × 13000 that is not there": lambda: _png(13000, 13000),
    "PNG of 13000 × 13000": _large_png,
    "PNG of 0 × 8": lambda: _png(0, 8),
    "TIFF of 10 × 10 in tiles of 16384": lambda: _tiled_tiff(16384),
    "TIFF of 10 × 10 in tiles of 2^30": lambda: _tiled_tiff(2**30),
    "TIFF of 65535 tags of 256 kB": _many_tags,
    "TIFF of tags that end nowhere": lambda: b"II*\0" + struct.pack("<IH", 8, 1) + b"\xff" * 8,
    "WebP of 16383 × 10922": lambda: _webp(16383, 10922),
    "WebP of 16384 × 16384": lambda: _webp(16384, 16384),
    "animated WebP of 2^24 × 2^24": lambda: _webp_animation(2**24, 2**24),
    "JPEG of 60000 tags": _jpeg_with_tags,
    "GIF of 65535 × 65535": lambda: b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0xF7, 0, 0) + bytes(800),
    "BMP of -2^31": lambda: (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, -(2**31), -(2**31), 1, 24, 0, 0, 0, 0, 0, 0)
    ),
    "PPM of 10^12 pixels": lambda: b"P6 1000000 1000000 255 " + bytes(100),
    "PPM of many digits": lambda: b"P6 " + b"9" * 6000 + b" 1 255 ",
    "plain PPM of 10^8 pixels": lambda: b"P3 10000 10000 255 " + b"0 " * 1000,
}  # fmt: skip
HEAVY = {
    "PNG of text that unpacks to 200 MB",
    "PNG of a profile that unpacks to 200 MB",
    "PNG of 200 texts",
    "PNG of 13000 × 13000",
    "TIFF of 65535 tags of 256 kB",
    "JPEG of 60000 tags",
}
