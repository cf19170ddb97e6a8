"""Images larger than memory: tiles of them read by themselves, and the peak memory of a heatmap of one."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from benchmarks.watch import Spent, watched
from nearsight.data.tile import decode_tile

RESULTS = Path(__file__).parent / "results" / "large.json"
CPU = torch.device("cpu")
MIB = 2**20
# A file, and the top, the left and the side of one of its tiles, which becomes uint8 (3, side, side).
Way = Callable[[Path, int, int, int], Tensor]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--out", type=Path, help="directory to keep the images in (default: a temporary one)")
    parser.add_argument("--side", type=int, default=30_000, help="side in pixels of the heatmap's image")
    parser.add_argument(
        "--tiles-side", type=int, default=8192, help="side in pixels of the image of the tiles"
    )
    parser.add_argument("--tile", type=int, default=64, help="side of the tiles in pixels")
    parser.add_argument(
        "--tiles", type=int, default=200, help="tiles a turn; 3 of whoever decodes all for each"
    )
    parser.add_argument("--repeats", type=int, default=5, help="turns of all ways")


def run(arguments: argparse.Namespace) -> None:
    """Generate the images, measure, print the table and write the results."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(arguments.out or Path(temporary), arguments)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(directory: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time tiles of a tiled TIFF and of a JPEG in every way, in turn; then make a heatmap in another process."""
    directory.mkdir(parents=True, exist_ok=True)
    libraries = ("pillow", "torchvision", "pyvips", "pyvips-binary", "tifffile")
    names = ("side", "tiles_side", "tile", "tiles", "repeats")
    result: dict[str, Any] = {
        "benchmark": "large",
        "machine": facts() | {"libraries": {name: version(name) for name in libraries}},
        "settings": {name: getattr(arguments, name) for name in names},
        "files": {},
    }
    for suffix in ("tif", "jpg"):
        path = directory / f"tiles-{arguments.tiles_side}.{suffix}"
        draw(path, arguments.tiles_side)
        result["files"][suffix] = tile_rates(path, arguments)
    path = directory / f"{arguments.side}.tif"
    draw(path, arguments.side)
    figures, memory = watched(heatmap_of, path, directory / "heatmap", arguments.tile)
    result["heatmap"] = figures | {"held": memory.held, "bytes": path.stat().st_size}
    result["machine"]["load_average_at_end"] = os.getloadavg()
    return result


def draw(path: Path, side: int) -> None:
    """Write a square image, smooth colours with noise on half of a plain ground, if it does not exist."""
    import pyvips

    if path.is_file():
        return
    cells = 150
    small = np.random.default_rng(0).integers(0, 256, (cells, cells, 3), dtype=np.uint8)
    middle = (np.arange(cells) - cells / 2) ** 2
    small[np.add.outer(middle, middle) > (0.4 * cells) ** 2] = 235
    smooth = pyvips.Image.new_from_array(small).resize(side / cells, kernel="cubic")
    drawn = (smooth + pyvips.Image.gaussnoise(smooth.width, smooth.height, sigma=2)).cast("uchar")
    drawn = drawn.copy(interpretation="srgb")
    partial_path = path.with_name(f"unfinished-{path.name}")
    if path.suffix == ".tif":
        drawn.tiffsave(
            str(partial_path), tile=True, tile_width=256, tile_height=256, compression="jpeg", Q=85
        )
    else:
        drawn.jpegsave(str(partial_path), Q=85)
    partial_path.rename(path)


def tile_rates(path: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the ways on the same tiles of one image, in CPU seconds, and compare their pixels."""
    random = np.random.default_rng(0)
    side = arguments.tile
    corners = random.integers(0, arguments.tiles_side - side + 1, (arguments.tiles, 2)).tolist()
    expected = _pillow(path, *corners[0], side)
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    found = {}
    for name, way in WAYS.items():
        if name == "torchvision" and path.suffix == ".tif":
            continue
        # Ways that decode all of the image take seconds for each tile.
        whole = way in (_pillow, _torchvision) or (path.suffix == ".jpg")
        some = corners[:3] if whole else corners
        for _ in range(arguments.repeats):
            taken = seconds(partial(_all, way, path, some, side), CPU, processor=True)
            spent[name].append(taken / len(some))
        found[name] = {
            "tiles_per_second": spread([1 / one for one in spent[name]]),
            "ms_per_tile": spread([1000 * one for one in spent[name]]),
            "times_pillow": spread(ratios(spent["Pillow"], spent[name])),
            "differs_from_pillow": not way(path, *corners[0], side).equal(expected),
        }
    return {"bytes": path.stat().st_size, "ways": found}


def _all(way: Way, path: Path, corners: list[list[int]], side: int) -> None:
    for top, left in corners:
        way(path, top, left, side)


def _pillow(path: Path, top: int, left: int, side: int) -> Tensor:
    with Image.open(path) as image:
        part = np.asarray(image.crop((left, top, left + side, top + side)).convert("RGB"))
    return torch.from_numpy(part.transpose(2, 0, 1).copy())


def _torchvision(path: Path, top: int, left: int, side: int) -> Tensor:
    from torchvision.io import ImageReadMode, decode_jpeg, read_file

    image = decode_jpeg(read_file(str(path)), ImageReadMode.RGB)
    return image[:, top : top + side, left : left + side].contiguous()


def _pyvips(path: Path, top: int, left: int, side: int) -> Tensor:
    import pyvips

    image = pyvips.Image.new_from_file(str(path), access="random")
    part = np.frombuffer(pyvips.Region.new(image).fetch(left, top, side, side), np.uint8)
    return torch.from_numpy(part.reshape(side, side, 3).transpose(2, 0, 1).copy())


def _nearsight(path: Path, top: int, left: int, side: int) -> Tensor:
    return decode_tile(path, top, left, (side, side))


WAYS: dict[str, Way] = {
    "Pillow": _pillow,
    "torchvision": _torchvision,
    "pyvips": _pyvips,
    "decode_tile": _nearsight,
}


def heatmap_of(path: Path, out: Path, tile: int) -> dict[str, Any]:
    """Write the heatmap of an image with an untrained `airbench` of a quarter of its width; return what it took.

    Blank tiles are skipped, and the stride is twice the tile; otherwise most of the time would be the network's.
    """
    import nearsight
    from nearsight.models import Architecture, Classifier, Preprocessing

    torch.manual_seed(0)
    torch.set_num_threads(1)
    architecture = Architecture("airbench", classes=2, width=0.25)
    half = (0.5, 0.5, 0.5)
    classifier = Classifier(
        architecture.build(), architecture, ("cat", "dog"), tile, Preprocessing(half, half)
    )
    before, begun = _peak(), Spent.now()
    heatmaps = nearsight.heatmap(classifier, path, stride=2 * tile, skip_blank=16, out=out, progress=False)
    spent = Spent.now().since(begun)
    evidence = heatmaps.images[0].evidence
    return {
        "tiles": len(evidence.grid),
        "blank": int(evidence.skipped.sum()),
        "seconds": spent.clock,
        "cpu_seconds": spent.main,
        "peak_before": before,
        "peak": _peak(),
        "written": sum(file.stat().st_size for file in out.rglob("*") if file.is_file()),
    }


def _peak() -> int:
    """Return the most memory that this process had until now, in bytes, with files mapped into it."""
    # `getrusage` never says less than what the process that started this one had.
    status = Path("/proc/self/status").read_text().split("VmHWM:")[1]
    return int(status.split()[0]) * 1024


def table(result: dict[str, Any]) -> str:
    """Return the results as tables in Markdown."""
    side, lines = result["settings"]["tiles_side"], []
    kinds = {"tif": f"{side}² tiled TIFF", "jpg": f"{side}² JPEG"}
    lines += [
        f"| {result['settings']['tile']}-pixel tiles of | way | tiles a second | times Pillow | same pixels |",
        "| --- | --- | ---: | ---: | --- |",
    ]
    for suffix, measured in result["files"].items():
        for name, figures in measured["ways"].items():
            rate, times = figures["tiles_per_second"]["median"], figures["times_pillow"]["median"]
            same = "no" if figures["differs_from_pillow"] else "yes"
            lines.append(f"| {kinds[suffix]} | {name} | {rate:,.2f} | {times:,.1f} | {same} |")
    made = result["heatmap"]
    lines += [
        "",
        f"Heatmap of {result['settings']['side']}² pixels: {made['tiles']:,} tiles, {made['blank']:,} of them blank, "
        f"{made['seconds']:.0f} s ({made['cpu_seconds']:.0f} s of processor); at most {made['held'] / MIB:,.0f} MiB "
        f"held, {made['peak'] / MIB:,.0f} MiB with the files mapped into the process.",
    ]
    return "\n".join(lines)
