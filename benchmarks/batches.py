"""How many images a CPU takes at once the fastest, for several networks, and what they keep in memory."""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from benchmarks.clock import seconds
from benchmarks.facts import facts
from nearsight.evidence import forward
from nearsight.evidence.memory import Footprints, peak_bytes
from nearsight.models import build
from nearsight.settings.choices import DEFAULT_MEMORY

RESULTS = Path(__file__).parent / "results" / "batches.json"
NETWORKS = (
    ("airbench", 16),
    ("airbench", 32),
    ("resnet18", 16),
    ("resnet18", 32),
    ("resnet9", 32),
    ("resnet18-imagenet", 64),
    ("timm:mobilenetv3_small_100", 64),
    ("timm:vit_tiny_patch16_224", 64),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[8, 16, 32, 64, 128, 256, 512], help="batches"
    )
    parser.add_argument("--networks", type=int, default=len(NETWORKS), help="take the first so many networks")
    parser.add_argument("--turns", type=int, default=3, help="turns, of which the best counts")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    rows = []
    for name, side in NETWORKS[: arguments.networks]:
        rows.append(measure_network(name, side, sorted(arguments.sizes), arguments.turns))
        print(rows[-1], flush=True)
    result = {
        "benchmark": "batches",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "networks": rows,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(rows)}\n\nwritten to {arguments.results}")


def measure_network(name: str, side: int, sizes: list[int], turns: int) -> dict[str, Any]:
    """Return the images per second at each batch size, in turn, and the batch size that the package would use."""
    torch.manual_seed(0)
    network = build(name, 10, tile=side).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    images = torch.randn(sizes[-1], 3, side, side).contiguous(memory_format=torch.channels_last)
    one_thread = torch.get_num_threads() == 1

    def rate(size: int) -> float:
        def work() -> None:
            for first in range(0, len(images), size):
                forward(network, images[first : first + size])

        return len(images) / seconds(work, images.device, processor=one_thread)

    rates = dict.fromkeys(sizes, 0.0)
    for _ in range(turns):
        rates = {size: max(best, rate(size)) for size, best in rates.items()}
    return {
        "network": name,
        "side": side,
        "bytes_alive_an_image": peak_bytes(lambda: forward(network, images[:2])) / 2,
        "chosen": Footprints(seen=True).fitting(
            lambda batch: forward(network, batch), images[0], DEFAULT_MEMORY
        )[0],
        "images_per_second": rates,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rates as a Markdown table."""
    sizes = list(rows[0]["images_per_second"])
    lines = [
        "| network | side | MiB alive an image | " + " | ".join(map(str, sizes)) + " | chosen batch |",
        "| --- | ---: | ---: |" + " ---: |" * len(sizes) + " ---: |",
    ]
    for row in rows:
        rates = row["images_per_second"]
        best = max(rates.values())
        cells = " | ".join(f"**{rate:,.0f}**" if rate == best else f"{rate:,.0f}" for rate in rates.values())
        alive = row["bytes_alive_an_image"] / 2**20
        lines.append(f"| {row['network']} | {row['side']} | {alive:.2f} | {cells} | {row['chosen']} |")
    return "\n".join(lines)
