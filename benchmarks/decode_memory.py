"""What decoding an image takes in memory, by kind of file, beside what is reckoned from its header."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tests.data.deep_png import deep_png

from benchmarks.facts import facts
from nearsight.data.decode import decode_image, opened
from nearsight.data.decode_memory import decoding_bytes
from nearsight.data.values import values_from

RESULTS = Path(__file__).parent / "results" / "decode-memory.json"
# Blocks of one colour: images that compress like photographs of little detail.
BLOCK = 50


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--width", type=int, default=6000, help="of the images, a multiple of 50")
    parser.add_argument("--height", type=int, default=4000, help="of the images, a multiple of 50")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Measure every kind in processes of their own, print the table and write the results."""
    if sys.platform != "linux":
        raise SystemExit("the peak of a process's memory is read from /proc, which only Linux has")
    size = (arguments.width, arguments.height)
    decode_image(_saved(_picture((64, 64)), "JPEG"))  # what is imported by it is no part of the image
    with tempfile.TemporaryDirectory() as directory:
        rows = [measured(name, make, size, Path(directory) / "image") for name, make in kinds().items()]
    result = {"benchmark": "decode-memory", "machine": facts(), "size": size, "kinds": rows}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(rows)}\n\nwritten to {arguments.results}")


def kinds() -> Mapping[str, Callable[[tuple[int, int]], bytes]]:
    """Return what makes a file of each kind, of a size in pixels."""

    def of(kind: str, mode: str | None = None, **options: Any) -> Callable[[tuple[int, int]], bytes]:
        return partial(_made, kind, mode, options)

    return {
        "RGB in JPEG": of("JPEG"),
        "RGB in JPEG, several scans": of("JPEG", progressive=True),
        "RGB in JPEG, several scans, 4:4:4": of("JPEG", progressive=True, subsampling=0, quality=95),
        "CMYK in JPEG": of("JPEG", "CMYK"),
        "CMYK in JPEG, several scans": of("JPEG", "CMYK", progressive=True),
        "grey in JPEG": of("JPEG", "L"),
        "RGB in PNG": of("PNG", compress_level=1),
        "RGBA in PNG": of("PNG", "RGBA", compress_level=1),
        "palette in PNG": of("PNG", "P", compress_level=1),
        "grey with alpha in PNG": of("PNG", "LA", compress_level=1),
        "grey of 16 bits in PNG": of("PNG", "I;16", compress_level=1),
        "colour of 16 bits in PNG": lambda size: deep_png(_pixels(size).astype(np.uint16) * 257),
        "colour of 16 bits with alpha in PNG": lambda size: deep_png(
            np.asarray(_picture(size).convert("RGBA")).astype(np.uint16) * 257
        ),
        "RGB in WebP": of("WEBP", quality=50, method=0),
        "RGBA in WebP, lossless": of("WEBP", "RGBA", lossless=True, method=0, quality=0),
        "RGB in AVIF": of("AVIF", speed=10),
        "RGBA in AVIF": of("AVIF", "RGBA", speed=10),
        "RGB in JPEG 2000": of("JPEG2000"),
        "RGBA in JPEG 2000": of("JPEG2000", "RGBA"),
        "palette in GIF": of("GIF", "P"),
        "RGB in BMP": of("BMP"),
        "RGB in TIFF": of("TIFF"),
        "RGB in TIFF, LZW": of("TIFF", compression="tiff_lzw"),
        "RGB in TIFF, JPEG": of("TIFF", compression="jpeg"),
        "floating-point numbers in TIFF": of("TIFF", "F"),
        "32-bit numbers in TIFF": of("TIFF", "I"),
        "RGB in PPM": of("PPM"),
        "RGBA in TGA": of("TGA", "RGBA"),
        "RGB in PCX": of("PCX"),
        "RGB in SGI": of("SGI"),
    }


def measured(
    name: str, make: Callable[[tuple[int, int]], bytes], size: tuple[int, int], file: Path
) -> dict[str, Any]:
    """Return how far a process's peak rises as it decodes a file, and what is calculated, in bytes per pixel."""
    # Made in another process, whose memory this one does not inherit.
    in_a_process(lambda: file.write_bytes(make(size)) and {})
    found = in_a_process(lambda: _decoded(file))
    return {"kind": name, **{key: value / (size[0] * size[1]) for key, value in found.items()}}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| kind | measured | reckoned |", "| --- | ---: | ---: |"]
    lines += [f"| {row['kind']} | {row['measured']:.1f} | {row['reckoned']:.1f} |" for row in rows]
    return "\n".join(lines)


def _decoded(file: Path) -> dict[str, float]:
    with opened(file) as image:
        reckoned = decoding_bytes(image, file.stat().st_size)
    before = peak(anew=True)
    with values_from((0, 255)):
        decode_image(file)
    return {"measured": peak() - before, "reckoned": reckoned}


def peak(*, anew: bool = False) -> int:
    """Return the most memory that this process held at once, in bytes; `anew` from now on."""
    if anew:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) * 1024


def in_a_process(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what work returns in a process of its own, whose memory is not this one's."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, json.dumps(work()).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    os.waitpid(child, 0)
    if not said:
        raise SystemExit("a process that decodes ended early; its fault is above")
    found: dict[str, Any] = json.loads(said)
    return found


def _made(kind: str, mode: str | None, options: dict[str, Any], size: tuple[int, int]) -> bytes:
    picture = _picture(size)
    grey = np.asarray(picture)[..., 0]
    match mode:
        case "I;16":
            picture = Image.fromarray(grey.astype(np.uint16) * 257)
        case "F":
            picture = Image.fromarray(grey.astype(np.float32) / 255)
        case "I":
            picture = Image.fromarray(grey.astype(np.int32))
        case "P":
            picture = picture.quantize(8)
        case str():
            picture = picture.convert(mode)
    return _saved(picture, kind, **options)


def _saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _picture(size: tuple[int, int]) -> Image.Image:
    width, height = size
    coarse = np.random.default_rng(0).integers(
        0, 256, (max(1, height // BLOCK), max(1, width // BLOCK), 3), dtype=np.uint8
    )
    return Image.fromarray(coarse).resize(size)


def _pixels(size: tuple[int, int]) -> np.ndarray:
    return np.asarray(_picture(size))
