"""Tiles of large JPEGs: their part alone, the rows down to their end, and the whole image decoded and cut."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from benchmarks.generated import generate
from nearsight.data import decode_image
from nearsight.data import tile as tile_module
from nearsight.data.decode import image_size
from nearsight.data.jpeg import sequential_frame
from nearsight.data.tile import decode_tile

RESULTS = Path(__file__).parent / "results" / "decoding.json"
CPU = torch.device("cpu")
WITHOUT_SKIA = "decode_tile without skia-python"
# A file's bytes, and the top, the left and the side of its tile, which becomes uint8 (3, side, side).
Job = tuple[bytes, int, int, int]
Way = Callable[[bytes, int, int, int], Tensor]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--images", type=int, default=1000, help="generated images, a multiple of 10")
    parser.add_argument(
        "--parquet", type=Path, help="photographs to decode too: a table with a column `image`"
    )
    parser.add_argument("--tile", type=int, default=64, help="side of the tiles in pixels")
    parser.add_argument("--repeats", type=int, default=7, help="turns of all ways")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    result = measure(arguments)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Decode a random tile of every image in every way, in turn, on one thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        made = generate(Path(directory), arguments.images, processes=1)
        sets = {"generated": [file for part in made.whole.glob("train-*.parquet") for file in _files(part)]}
    if arguments.parquet:
        sets[arguments.parquet.resolve().parent.name] = _files(arguments.parquet)
    result: dict[str, Any] = {
        "benchmark": "decoding",
        "machine": facts() | {"decoders": {name: _version(name) for name in ("skia-python", "torchvision")}},
        "settings": {name: getattr(arguments, name) for name in ("images", "tile", "repeats")},
        "ceilings": measure_ceilings(CPU),
        "sets": [],
    }
    for name, files in sets.items():
        measured = measure_set(files, arguments.tile, arguments.repeats, result["ceilings"]["copy"])
        result["sets"].append({"name": name} | measured)
    result["machine"]["load_average_at_end"] = os.getloadavg()
    return result


def measure_set(files: list[bytes], side: int, repeats: int, copied: float) -> dict[str, Any]:
    """Time the ways on the same tiles, in CPU seconds, and compare their pixels; the first turn warms up.

    `copied` is the rate at which the machine copies bytes; each way's rate of encoded bytes is a share of it.
    """
    random = np.random.default_rng(0)
    jobs = []
    for file in files:
        top, left = (int(random.integers(length - side + 1)) for length in image_size(file))
        jobs.append((file, top, left, side))
    expected = _decode("Pillow", jobs)
    different = {
        name: sum(not tile.equal(cut) for tile, cut in zip(_decode(name, jobs), expected, strict=True))
        for name in WAYS
    }
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(repeats):
        for name in WAYS:
            spent[name].append(seconds(partial(_decode, name, jobs), CPU, processor=True))
    encoded = sum(map(len, files))
    return {
        "images": len(files),
        "bytes_per_image": encoded / len(files),
        "sequential": sum(sequential_frame(file) is not None for file in files),
        "ways": {
            name: {
                "tiles_per_second": spread([len(jobs) / one for one in those]),
                "ms_per_tile": spread([one / len(jobs) * 1000 for one in those]),
                "times_pillow": spread(ratios(spent["Pillow"], those)),
                "times_torchvision": spread(ratios(spent["torchvision"], those)),
                "share_of_copy": spread([encoded / one / copied for one in those]),
                "tiles_that_differ_from_pillow": different[name],
            }
            for name, those in spent.items()
        },
    }


def _decode(name: str, jobs: list[Job]) -> list[Tensor]:
    missing = patch.object(tile_module, "_skia", lambda: None)
    with missing if name == WITHOUT_SKIA else nullcontext():
        return [WAYS[name](*job) for job in jobs]


def _pillow(file: bytes, top: int, left: int, side: int) -> Tensor:
    with Image.open(BytesIO(file)) as image:
        part = np.asarray(image.crop((left, top, left + side, top + side)).convert("RGB"))
    return torch.from_numpy(part.transpose(2, 0, 1).copy())


def _torchvision(file: bytes, top: int, left: int, side: int) -> Tensor:
    from torchvision.io import ImageReadMode, decode_jpeg

    image = decode_jpeg(torch.frombuffer(bytearray(file), dtype=torch.uint8), ImageReadMode.RGB)
    return image[:, top : top + side, left : left + side].contiguous()


def _whole(file: bytes, top: int, left: int, side: int) -> Tensor:
    return decode_image(file)[:, top : top + side, left : left + side].contiguous()


def _tile(file: bytes, top: int, left: int, side: int) -> Tensor:
    return decode_tile(file, top, left, (side, side))


WAYS: dict[str, Way] = {
    "Pillow": _pillow,
    "torchvision": _torchvision,
    "decode_image, cut": _whole,
    WITHOUT_SKIA: _tile,
    "decode_tile": _tile,
}


def _files(table: Path) -> list[bytes]:
    import pyarrow.parquet as pq

    return [cell["bytes"] for cell in pq.read_table(table, columns=["image"])["image"].to_pylist()]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def table(result: dict[str, Any]) -> str:
    """Return the results as a Markdown table: medians, with the lowest and the highest of the ratios."""
    side = result["settings"]["tile"]
    lines = [
        f"| {side}-pixel tiles of | way | tiles/s | ms | times Pillow | times torchvision | other pixels |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in result["sets"]:
        for name, figures in one["ways"].items():
            cells = [
                f"{one['images']} {one['name']}",
                name,
                f"{figures['tiles_per_second']['median']:,.0f}",
                f"{figures['ms_per_tile']['median']:.3f}",
                _range(figures["times_pillow"]),
                _range(figures["times_torchvision"]),
                str(figures["tiles_that_differ_from_pillow"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _range(figures: dict[str, float]) -> str:
    return f"{figures['median']:.2f} ({figures['lowest']:.2f} to {figures['highest']:.2f})"
