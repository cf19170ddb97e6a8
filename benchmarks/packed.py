"""Tiles of packed 12-megapixel photographs, beside Pillow, torchvision, pyvips and the reader without packing."""

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from nearsight.data.tile import decode_tile

RESULTS = Path(__file__).parent / "results" / "packed.json"
CPU = torch.device("cpu")
# A photograph, its packed copy, and the top, left and side of a tile, which comes out as uint8 (3, side, side).
Way = Callable[[Path, Path, int, int, int], Tensor]
# How the photographs are stored.
KINDS: dict[str, dict[str, Any]] = {
    "4:2:0": {"quality": 90, "subsampling": "4:2:0"},
    "4:4:4": {"quality": 95, "subsampling": "4:4:4"},
    "progressive": {"quality": 90, "subsampling": "4:2:0", "progressive": True},
    "PNG": {"format": "PNG"},
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--kinds", default=",".join(KINDS), metavar="NAME,…", help="how they are stored")
    parser.add_argument("--photos", type=int, default=4, help="photographs of each kind")
    parser.add_argument("--height", type=int, default=3000, help="height of a photograph in pixels")
    parser.add_argument("--width", type=int, default=4000, help="width of a photograph in pixels")
    parser.add_argument("--tile", type=int, default=64, help="side of the tiles in pixels")
    parser.add_argument(
        "--tiles", type=int, default=200, help="tiles a turn; 4 of whoever decodes more than the tile"
    )
    parser.add_argument("--repeats", type=int, default=5, help="turns of all ways")
    parser.add_argument("--batch", type=int, default=64, help="tiles in a batch of the loader")


def run(arguments: argparse.Namespace) -> None:
    """Make the photographs, pack them, measure, print the table and write the results."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as directory:
        result = measure(Path(directory), arguments)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(directory: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Pack the photographs of each kind, and time tiles of them in every way, turn about, in CPU seconds."""
    libraries = ("pillow", "torchvision", "pyvips", "pyvips-binary", "skia-python", "jpeglib")
    names = ("kinds", "photos", "height", "width", "tile", "tiles", "repeats", "batch")
    result: dict[str, Any] = {
        "benchmark": "packed",
        "machine": facts() | {"libraries": {name: version(name) for name in libraries}},
        "settings": {name: getattr(arguments, name) for name in names},
        "kinds": {},
    }
    for kind in arguments.kinds.split(","):
        options = KINDS[kind]
        place = directory / kind.replace(":", "")
        draw(place / "photos", arguments, options)
        result["kinds"][kind] = of_kind(place, arguments)
    result["machine"]["load_average_at_end"] = os.getloadavg()
    return result


def draw(directory: Path, arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    """Write photographs, each a mosaic of enlarged ones of `imagenet-sample`, into two classes."""
    from nearsight.data.loading import read_set

    source = next(iter(read_set("imagenet-sample", progress=False).values()))
    random = np.random.default_rng(0)
    width, height = arguments.width, arguments.height
    cell = (width // 4, height // 4)
    for number in range(arguments.photos):
        photo = Image.new("RGB", (width, height))
        for top in range(0, height, cell[1]):
            for left in range(0, width, cell[0]):
                pixels = source.image(int(random.integers(len(source)))).numpy().transpose(1, 2, 0)
                photo.paste(Image.fromarray(pixels).resize(cell, Image.Resampling.LANCZOS), (left, top))
        file = directory / ("cat", "dog")[number % 2] / f"{number}.{'png' if 'format' in options else 'jpg'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        photo.save(file, **options)


def of_kind(place: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Pack photographs and time all ways on the same tiles of them."""
    import nearsight

    photos, made = place / "photos", []

    def pack() -> None:
        one = nearsight.Machine(workers=0)
        made.append(nearsight.pack(photos, out=place / "packed", machine=one, progress=False))

    taken = seconds(pack, CPU, processor=True)
    files = sorted(file.relative_to(photos) for file in photos.rglob("*.*g"))
    pairs = [(photos / file, place / "packed" / file) for file in files]
    random, side = np.random.default_rng(1), arguments.tile
    places = [
        (
            *pairs[k % len(pairs)],
            int(random.integers(arguments.height - side + 1)),
            int(random.integers(arguments.width - side + 1)),
            side,
        )
        for k in range(arguments.tiles)
    ]
    spent: dict[str, list[float]] = {name: [] for name in WAYS}
    differs = {
        name: not all(way(*one).equal(_pillow(*one)) for one in places[:4]) for name, way in WAYS.items()
    }
    for _ in range(arguments.repeats):
        for name, way in WAYS.items():
            some = places if way is _packed else places[: min(4, len(places))]
            spent[name].append(seconds(partial(_all, way, some), CPU, processor=True) / len(some))
    ways = {
        name: {
            "ms_per_tile": spread([1000 * one for one in those]),
            "times_pillow": spread(ratios(spent["Pillow"], those)),
            "times_unpacked": spread(ratios(spent["decode_tile, not packed"], those)),
            "differs_from_pillow": differs[name],
        }
        for name, those in spent.items()
    }
    return {
        "growth": made[0].bytes_after / made[0].bytes_before - 1,
        "bytes": made[0].bytes_before / len(pairs),
        "packing_seconds": taken / len(pairs),
        "ways": ways,
        "loader": of_loader(photos, place / "packed", arguments),
    }


def of_loader(photos: Path, packed: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time batches of tiles as training reads them, in this process, beside Pillow decoding as many images alone."""
    from nearsight.data.loading import read_set
    from nearsight.models import Preprocessing
    from nearsight.settings import Recipe
    from nearsight.settings.tile_schedule import TileSizes
    from nearsight.training.batches import StreamedTiles, streamed_batches

    plain = Preprocessing(mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0), resize_short=None)
    batch = arguments.batch
    recipe = Recipe(tile=arguments.tile, batch_size=batch)
    spent: dict[str, list[float]] = {"not packed": [], "packed": [], "Pillow": []}
    contents = [file.read_bytes() for file in sorted(photos.rglob("*.*g"))]
    tiles = {
        name: StreamedTiles(
            read_set(place, progress=False)["train"],
            recipe,
            TileSizes((arguments.tile, arguments.tile)),
            plain,
        )
        for name, place in (("not packed", photos), ("packed", packed))
    }

    def batches(name: str, steps: int) -> None:
        assert (
            sum(len(each.labels) for each in streamed_batches(tiles[name], batch, 0, steps, 0))
            == steps * batch
        )

    for _ in range(arguments.repeats):
        spent["not packed"].append(seconds(partial(batches, "not packed", 1), CPU, processor=True) / batch)
        spent["packed"].append(seconds(partial(batches, "packed", 4), CPU, processor=True) / (4 * batch))
        spent["Pillow"].append(seconds(partial(_decode, contents), CPU, processor=True) / len(contents))
    return {
        name: {
            "tiles_per_second": spread([1 / one for one in those]),
            "of_pillows_rate": spread(ratios(spent["Pillow"], those)),
        }
        for name, those in spent.items()
    }


def _decode(contents: list[bytes]) -> None:
    for content in contents:
        with Image.open(BytesIO(content)) as image:
            np.asarray(image)


def _all(way: Way, places: list[tuple[Path, Path, int, int, int]]) -> None:
    for place in places:
        way(*place)


def _pillow(photo: Path, _packed: Path, top: int, left: int, side: int) -> Tensor:
    with Image.open(photo) as image:
        part = np.asarray(image.crop((left, top, left + side, top + side)))
    return torch.from_numpy(part.transpose(2, 0, 1).copy())


def _torchvision(photo: Path, _packed: Path, top: int, left: int, side: int) -> Tensor:
    from torchvision.io import ImageReadMode, decode_image, read_file

    image = decode_image(read_file(str(photo)), ImageReadMode.RGB)
    return image[:, top : top + side, left : left + side].contiguous()


def _pyvips(photo: Path, _packed: Path, top: int, left: int, side: int) -> Tensor:
    import pyvips

    # It would keep the whole image that it decoded for the first tile.
    pyvips.cache_set_max(0)
    image = pyvips.Image.new_from_file(str(photo), access="random")
    part = np.frombuffer(pyvips.Region.new(image).fetch(left, top, side, side), np.uint8)
    return torch.from_numpy(part.reshape(side, side, 3).transpose(2, 0, 1).copy())


def _unpacked(photo: Path, _packed: Path, top: int, left: int, side: int) -> Tensor:
    return decode_tile(photo, top, left, (side, side))


def _packed(_photo: Path, packed: Path, top: int, left: int, side: int) -> Tensor:
    return decode_tile(packed, top, left, (side, side))


WAYS: dict[str, Way] = {
    "Pillow": _pillow,
    "torchvision": _torchvision,
    "pyvips": _pyvips,
    "decode_tile, not packed": _unpacked,
    "decode_tile, packed": _packed,
}


def table(result: dict[str, Any]) -> str:
    """Return the results as tables in Markdown."""
    side = result["settings"]["tile"]
    lines = [
        f"| photographs | {side}-pixel tiles by | ms a tile | times Pillow | times the reader without packing |"
        " same pixels |",
        "| --- | --- | ---: | ---: | ---: | --- |",
    ]
    for kind, measured in result["kinds"].items():
        for name, figures in measured["ways"].items():
            same = "no" if figures["differs_from_pillow"] else "yes"
            times = " | ".join(
                f"{figures[each]['median']:,.1f}" for each in ("times_pillow", "times_unpacked")
            )
            lines.append(f"| {kind} | {name} | {figures['ms_per_tile']['median']:,.2f} | {times} | {same} |")
    lines.append("")
    for kind, measured in result["kinds"].items():
        loader = measured["loader"]
        rates = ", ".join(
            f"{name} {figures['tiles_per_second']['median']:,.1f} a second "
            f"({figures['of_pillows_rate']['median']:,.2f} of Pillow's)"
            for name, figures in loader.items()
        )
        lines.append(
            f"- {kind}: packing {measured['packing_seconds']:.2f} s a photograph of "
            f"{measured['bytes'] / 1e6:.1f} MB, {measured['growth']:+.1%} in size; tiles in batches: {rates}"
        )
    return "\n".join(lines)
