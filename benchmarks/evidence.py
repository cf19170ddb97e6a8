"""Evidence maps: the engine against the model on one tile after another, plain batches, and Captum's Occlusion."""

import argparse
import json
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from nearsight.evidence import TiledModel, evidence
from nearsight.evidence.forward_pass import float32_as
from nearsight.models import TileNet, build
from nearsight.tiles import TileGrid, cut_grid

RESULTS = Path(__file__).parent / "results" / "evidence.json"
PADDED_TILES, PADDED_STRIDE = (16, 32), 4


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--side", type=int, default=96, help="side of the image in pixels")
    parser.add_argument("--images", type=int, default=1, help="images in a call of the engine")
    parser.add_argument("--tiles", type=int, nargs="+", default=[16, 24, 32], help="tiles of TileNet")
    parser.add_argument("--width", type=float, default=1.0, help="factor on the networks' channels")
    parser.add_argument("--sample", type=int, default=96, help="tiles timed of those that take too long")
    parser.add_argument(
        "--batch",
        type=int,
        default=512,
        help="most tiles of a plain batch, of which the fastest size is taken",
    )
    parser.add_argument("--repeats", type=int, default=5, help="turns of all ways")
    parser.add_argument("--device", default="cpu", help="where the networks run")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    result = measure(arguments)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    if not find_spec("captum"):
        print("Captum is not installed and was left out: pip install -e '.[bench]'")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time every way to the same map, in turn, for each network."""
    torch.manual_seed(0)
    side, width, device = arguments.side, arguments.width, torch.device(arguments.device)
    image = torch.randn(1, 3, side, side, device=device)
    networks: list[tuple[str, nn.Module, int, int]]
    networks = [(f"TileNet({tile})", TileNet(tile, 10, width), tile, 1) for tile in arguments.tiles]
    padded = build("resnet18", 10, width=width)
    networks += [("resnet18", padded, tile, PADDED_STRIDE) for tile in PADDED_TILES]
    result: dict[str, Any] = {
        "benchmark": "evidence",
        "machine": facts() | {"device": _device_name(device), "threads": torch.get_num_threads()},
        "settings": {
            name: getattr(arguments, name)
            for name in ("side", "images", "width", "sample", "batch", "repeats", "device")
        },
        "ceilings": measure_ceilings(device),
        "maps": [],
    }
    for name, network, tile, stride in networks:
        model = network.to(memory_format=torch.channels_last).to(device).eval()
        measured = measure_map(model, image, tile, stride, arguments)
        result["maps"].append({"model": name, "tile": tile, "stride": stride} | measured)
        print(f"{name}: {result['maps'][-1]}", flush=True)
    result["machine"]["load_average_at_end"] = os.getloadavg()
    return result


def measure_map(
    model: nn.Module, image: Tensor, tile: int, stride: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Time the ways to one map, and compare the maps; in CPU seconds on one thread, otherwise in elapsed time.

    The loop and the plain batches are timed on a sample of the tiles and scaled to all of them. Plain batches
    consist of tiles that are cut and laid out beforehand, in the fastest size here. If tiles go one by one,
    Captum's Occlusion covers the same windows of the whole image, with as many images per batch.
    """
    grid = TileGrid(image.shape[2], image.shape[3], tile, stride)
    images = image.expand(arguments.images, -1, -1, -1)
    every = cut_grid(image, grid).flatten(0, 2)
    chosen = torch.linspace(0, len(grid) - 1, min(arguments.sample, len(grid))).long()
    alone = [every[i : i + 1].contiguous(memory_format=torch.channels_last) for i in chosen.tolist()]
    size = _fastest_batch(model, every, min(len(grid), arguments.batch))
    batch = every[:size].contiguous(memory_format=torch.channels_last)

    def loop() -> Tensor:
        return torch.cat([plain(model, one) for one in alone])

    ways: dict[str, tuple[Callable[[], object], float]] = {
        "engine": (lambda: evidence(model, images, tile=tile, stride=stride), 1.0 / len(images)),
        "loop": (loop, len(grid) / len(alone)),
        "batches": (lambda: plain(model, batch), len(grid) / size),
    }
    if stride == PADDED_STRIDE and find_spec("captum"):
        ways["occlusion"] = (lambda: _occlusion(model, image, tile, stride, size), 1.0)
    passed: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(arguments.repeats + 1):
        for name, (work, scale) in ways.items():
            took = seconds(work, image.device, processor=torch.get_num_threads() == 1) * scale
            if turn:  # the first turn warms up
                passed[name].append(took)
    logits = evidence(model, image, tile=tile, stride=stride)[0].logits.flatten(1)
    others = {
        f"faster_than_{name}": spread(ratios(passed[name], passed["engine"]))
        for name in ways
        if name != "engine"
    }
    return {
        "tiles": len(grid),
        "loop_tiles_timed": len(alone),
        "batch": size,
        "largest_difference": float((logits[:, chosen].T - loop().cpu()).abs().max()),
        "flops": TiledModel(model, tile=tile, stride=stride).cost([grid]).flops,
        "seconds": {name: spread(values) for name, values in passed.items()},
        **others,
    }


@torch.inference_mode()
def plain(model: nn.Module, tiles: Tensor) -> Tensor:
    """Return a network's logits as anyone would compute them in float32, which on a GPU is not TF32."""
    with float32_as("ieee"):
        logits: Tensor = model(tiles)
    return logits


def _fastest_batch(model: nn.Module, tiles: Tensor, most: int) -> int:
    """Return the power of two, or `most`, at which tiles go through the model fastest."""
    sizes = [size for size in (8, 16, 32, 64, 128, 256, 512) if size < most] + [most]

    def of_a_tile(size: int) -> float:
        batch = tiles[:size].contiguous(memory_format=torch.channels_last)
        return min(seconds(lambda: plain(model, batch), tiles.device) for _ in range(3)) / size

    return min(sizes, key=of_a_tile)


def _occlusion(model: nn.Module, image: Tensor, tile: int, stride: int, batch: int) -> Tensor:
    from captum.attr import Occlusion

    with torch.inference_mode():
        attribution: Tensor = Occlusion(model).attribute(
            image,
            sliding_window_shapes=(3, tile, tile),
            strides=(3, stride, stride),
            target=0,
            perturbations_per_eval=batch,
        )
    return attribution


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| network | tile | stride | tiles | engine, s | loop, s | times the loop | times plain batches "
        "| times Occlusion | share of peak |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for one in result["maps"]:
        engine, loop = (one["seconds"][way]["median"] for way in ("engine", "loop"))
        times = " | ".join(
            "{median:.3g} ({lowest:.3g} to {highest:.3g})".format_map(one[name]) if name in one else "–"
            for name in ("faster_than_loop", "faster_than_batches", "faster_than_occlusion")
        )
        share = one["flops"] / engine / result["ceilings"]["convolution float32"]
        lines.append(
            f"| {one['model']} | {one['tile']} | {one['stride']} | {one['tiles']:,} | {engine:.3g} "
            f"| {loop:.3g} | {times} | {share:.0%} |"
        )
    return "\n".join(lines)
