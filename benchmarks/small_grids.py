"""Convolutions on small grids as products: training steps with them and without, on a processor with AMX."""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from benchmarks.step import CPU, build_step

RESULTS = Path(__file__).parent / "results" / "small-grids.json"
# Network, recipe, side of the images or tiles, images per step.
STEPS = (
    ("airbench", "fast", 16, 250),
    ("airbench94", "fast", 32, 250),
    ("airbench94", "airbench94", 32, 2000),
    ("resnet18", "paper", 16, 128),
    ("resnet18", "paper", 32, 128),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--turns", type=int, default=5, help="turns of both ways, after one that warms up")
    parser.add_argument("--first", type=int, default=len(STEPS), help="how many of the steps are timed")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    if not torch.cpu.get_capabilities().get("amx_bf16", False):
        print("this processor has no AMX, so convolutions stay what they are and nothing is measured")
        return
    steps = [measure(*step, turns=arguments.turns) for step in STEPS[: arguments.first]]
    result = {
        "benchmark": "small-grids",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "ceilings": measure_ceilings(CPU),
        "steps": steps,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(result)}\n\nwritten to {arguments.results}")


def measure(
    model: str, recipe: str, size: int, batch: int, *, turns: int, width: float = 1.0
) -> dict[str, Any]:
    """Time a step both ways, in turn; processor seconds on one thread, otherwise elapsed time."""
    steps = {
        products: build_step(model, recipe, size, batch, products=products, width=width)
        for products in (False, True)
    }
    passed: dict[bool, list[float]] = {False: [], True: []}
    for turn in range(turns + 1):
        for products, (step, _) in steps.items():
            took = seconds(step, CPU, processor=torch.get_num_threads() == 1)
            if turn:
                passed[products].append(took)
    return {
        "model": model,
        "size": size,
        "batch": batch,
        "flops": steps[True][1],
        "seconds": {"convolutions": spread(passed[False]), "products": spread(passed[True])},
        "times": spread(ratios(passed[False], passed[True])),
    }


def table(result: Mapping[str, Any]) -> str:
    """Return the steps as a Markdown table: medians of the turns, and their ratio turn by turn with its ends."""
    peak = result["ceilings"]["convolution bfloat16"]
    steps: Sequence[Mapping[str, Any]] = result["steps"]
    lines = [
        "| network | images | in a step | convolutions, ms | products, ms | times as fast | share of peak |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in steps:
        before, after = (step["seconds"][way]["median"] for way in ("convolutions", "products"))
        times = "{median:.2f} ({lowest:.2f} to {highest:.2f})".format_map(step["times"])
        lines.append(
            f"| {step['model']} | {step['size']}×{step['size']} | {step['batch']:,} | {1e3 * before:,.0f} "
            f"| {1e3 * after:,.0f} | {times} | {step['flops'] / after / peak:.0%} |"
        )
    return "\n".join(lines)
