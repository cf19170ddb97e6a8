"""Stride-1 maps of a whole set of small images: as many, and as large, as the test images of CIFAR-10."""

import argparse
import json
from pathlib import Path

import torch

from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import seconds, spread
from benchmarks.facts import facts
from nearsight.evidence import TiledModel
from nearsight.models import TileNet
from nearsight.tiles import TileGrid

RESULTS = Path(__file__).parent / "results" / "maps.json"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--images", type=int, default=10_000, help="images of 32×32 pixels, noise")
    parser.add_argument("--tile", type=int, default=16, help="tile of TileNet")
    parser.add_argument("--width", type=float, default=1.0, help="factor on the network's channels")
    parser.add_argument("--repeats", type=int, default=3, help="turns, after one that warms up")
    parser.add_argument("--device", default="cpu", help="where the network runs")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    device = torch.device(arguments.device)
    torch.manual_seed(0)
    network = TileNet(arguments.tile, 10, arguments.width)
    bound = TiledModel(network, tile=arguments.tile, stride=1, grid="aligned", device=device)
    images = torch.randn(arguments.images, 3, 32, 32)
    grid = TileGrid(32, 32, arguments.tile, 1)
    cost = bound.cost([grid] * arguments.images)

    def all_maps() -> None:
        count = sum(1 for _ in bound.maps(images))
        assert count == arguments.images

    passed = [seconds(all_maps, device) for _ in range(arguments.repeats + 1)][1:]
    ceilings = measure_ceilings(device)
    result = {
        "benchmark": "maps",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "settings": {
            name: getattr(arguments, name) for name in ("images", "tile", "width", "repeats", "device")
        },
        "tiles": cost.tiles,
        "flops": cost.flops,
        "seconds": spread(passed),
        "ceilings": ceilings,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    took = result["seconds"]["median"]
    low, high = (result["seconds"][end] for end in ("lowest", "highest"))
    share = (cost.flops or 0) / took / ceilings["convolution float32"]
    print(
        f"{arguments.images:,} maps of {len(grid)} tiles: {took:.1f} s ({low:.1f} to {high:.1f}), "
        f"{arguments.images / took:,.0f} a second, "
        f"{share:.0%} of the convolution peak\nwritten to {arguments.results}"
    )
