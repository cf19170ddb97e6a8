"""A diagnosis of sets of very many classes: its time, its memory, and what it leaves on the disk."""

import argparse
import json
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results" / "many-classes.json"
SIDE, TILE, STRIDE = 24, 16, 8


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 3000, 10_000], help="how many classes")
    parser.add_argument("--images", type=int, default=40, help="how many images are diagnosed")
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Measure each number of classes in a process of its own, print the table and write the results."""
    rows = []
    for classes in arguments.classes:
        with get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(measured, (classes, arguments.images)))
    settings = {"images": arguments.images, "side": SIDE, "tile": TILE, "stride": STRIDE}
    result = {"benchmark": "many-classes", "machine": facts(), "settings": settings, "rows": rows}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(rows)}\n\nwritten to {arguments.results}")


def measured(classes: int, images: int) -> dict[str, Any]:
    """Diagnose random images with a network of random weights; return processor seconds, and memory in bytes.

    Memory is how far the peak of the process rises above what it had with the network and the images.
    """
    from nearsight import diagnose
    from nearsight.models import Architecture, Classifier, Preprocessing

    torch.manual_seed(0)
    half, names = (0.5, 0.5, 0.5), [f"class {number}" for number in range(classes)]
    architecture = Architecture("airbench", classes=classes, width=0.1)
    model = Classifier(architecture.build(), architecture, names, TILE, Preprocessing(half, half)).eval()
    labels = np.random.default_rng(0).integers(classes, size=images)
    pixels = torch.randint(256, (images, 3, SIDE, SIDE), dtype=torch.uint8)
    before = _peak()
    with tempfile.TemporaryDirectory() as directory:
        started = time.process_time()
        diagnose(
            model,
            (pixels, [names[label] for label in labels]),
            stride=STRIDE,
            classes=names,
            out=directory,
            progress=False,
        )
        seconds = time.process_time() - started
        left = sum(file.stat().st_size for file in Path(directory).rglob("*") if file.is_file())
    return {"classes": classes, "seconds": seconds, "memory": _peak() - before, "disk": left}


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of what was measured, in Markdown.

    >>> print(table([{"classes": 3000, "seconds": 41.2, "memory": 2**29, "disk": 2**21}]))
    | classes | processor time | memory | on the disk |
    | ---: | ---: | ---: | ---: |
    | 3,000 | 41.2 s | 512 MiB | 2.0 MiB |
    """
    lines = ["| classes | processor time | memory | on the disk |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {row['classes']:,} | {row['seconds']:.1f} s | {row['memory'] / 2**20:.0f} MiB "
        f"| {row['disk'] / 2**20:.1f} MiB |"
        for row in rows
    ]
    return "\n".join(lines)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
