"""The machine's own ceilings: matrix products, convolutions and copies, as fast as they go here."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.clock import seconds
from benchmarks.facts import facts
from nearsight.evidence.forward_pass import float32_as

RESULTS = Path(__file__).parent / "results" / "ceilings.json"
TURNS = 5
# In seconds. A type that the processor does not have is emulated, at a thousandth of the speed.
LONGEST_TURN = 2.0
SIDE_CPU, SIDE_GPU = 2048, 8192
# A layer in the middle of a ResNet with a tile of 16 to 32 pixels, where most of the work is.
CHANNELS, GRID, IMAGES_CPU, IMAGES_GPU = 256, 16, 64, 1024
COPIED_BYTES_CPU, COPIED_BYTES_GPU = 256 * 2**20, 4 * 2**30


@dataclass(frozen=True)
class Work:
    """One turn of a measurement, and its floating-point operations, a multiply-add as two."""

    work: Callable[[], object]
    operations: int


Piece = Callable[[int], Work]
"""Makes a turn of a size."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--device", default="cpu", help="what is measured")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print and write the ceilings."""
    result = {
        "benchmark": "ceilings",
        "machine": facts(),
        "device": arguments.device,
        "threads": torch.get_num_threads(),
        "ceilings": measure_ceilings(torch.device(arguments.device)),
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(result)}\n\nwritten to {arguments.results}")


def _product(device: torch.device, dtype: torch.dtype, side: int) -> Work:
    matrix = torch.randn(side, side, device=device, dtype=dtype)
    return Work(partial(torch.matmul, matrix, matrix), 2 * side**3)


def _convolution(device: torch.device, dtype: torch.dtype, images: int) -> Work:
    grids = torch.randn(images, CHANNELS, GRID, GRID, device=device, dtype=dtype)
    kernel = torch.randn(CHANNELS, CHANNELS, 3, 3, device=device, dtype=dtype)
    grids, kernel = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (grids, kernel))
    return Work(partial(F.conv2d, grids, kernel, padding=1), 2 * images * GRID**2 * CHANNELS**2 * 9)


def measure_ceilings(device: torch.device) -> dict[str, float]:
    """Return the best of a few turns of each: FLOP/s (a multiply-add is two) and bytes/s copied.

    On one thread of a CPU, seconds are the processor's, otherwise elapsed time. The convolution is 3×3 with 256
    channels on 16×16 grids, channels-last, forward, in inference mode. float32 means float32, as evidence is
    computed; `tf32`, on a GPU, is what PyTorch uses for float32 convolutions by default. If a turn would take
    longer than `LONGEST_TURN`, a sixteenth of the size is measured.
    """
    gpu = device.type == "cuda"
    side, images = (SIDE_GPU, IMAGES_GPU) if gpu else (SIDE_CPU, IMAGES_CPU)
    found: dict[str, float] = {}

    def turn(work: Callable[[], object]) -> float:
        return seconds(work, device, processor=torch.get_num_threads() == 1)

    def best(piece: Piece, full: int) -> float:
        # A trial of a sixteenth shows whether a type is only emulated, so that the full size would take minutes.
        small, large = piece(full // 16), piece(full)
        pilot = min(turn(small.work) for _ in range(2)) / small.operations
        chosen = large if pilot * large.operations < LONGEST_TURN else small
        return chosen.operations / min(turn(chosen.work) for _ in range(TURNS))

    kinds = [("float32", torch.float32, "ieee"), ("bfloat16", torch.bfloat16, "ieee")]
    if gpu:
        kinds.append(("tf32", torch.float32, "tf32"))
    for name, dtype, precision in kinds:
        with torch.inference_mode(), float32_as(precision):
            found[f"matmul {name}"] = best(partial(_product, device, dtype), side)
            found[f"convolution {name}"] = best(partial(_convolution, device, dtype), images)
    source = torch.empty(
        COPIED_BYTES_GPU if gpu else COPIED_BYTES_CPU, dtype=torch.uint8, device=device
    ).fill_(1)
    target = torch.empty_like(source)
    found["copy"] = len(source) / min(turn(lambda: target.copy_(source)) for _ in range(TURNS))
    return found


def table(result: dict[str, Any]) -> str:
    """Return the ceilings as a Markdown table."""
    lines = ["| ceiling | |", "| --- | ---: |"]
    for name, value in result["ceilings"].items():
        lines.append(f"| {name} | {value / 1e9:,.0f} {'GB/s' if name == 'copy' else 'GFLOP/s'} |")
    return "\n".join(lines)
