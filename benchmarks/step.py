"""Where the time of a training step goes: its share of the convolution peak, and its operations by kind."""

import argparse
import json
import resource
import statistics
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch.profiler import ProfilerActivity, profile

from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import seconds
from benchmarks.facts import facts
from nearsight.models import build
from nearsight.models.small_grids import small_grids_as_products
from nearsight.settings import RECIPES, recipe_from_values
from nearsight.training.cost import count_flops
from nearsight.training.optimizers import build_optimizers

RESULTS = Path(__file__).parent / "results" / "step.json"
TURNS = 5
CPU = torch.device("cpu")
# The first of these in an operation's name, or in that of one around it, gives its kind; convolutions on small
# grids are products, and the gradient of a max-pool fills zeros before it adds.
KINDS = {
    "optimizers": ("Optimizer.step",),
    "convolutions": ("_SmallGrid", "convolution", "slow_conv2d"),
    "pooling": ("max_pool2d", "fill_", "amax"),
    "GELU": ("gelu",),
    "BatchNorm": ("batch_norm",),
}
REST = "the rest"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--model", default="airbench", help="network")
    parser.add_argument("--width", type=float, default=1.0, help="factor on its channels")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[32, 16], help="sides of the images in pixels"
    )
    parser.add_argument("--batches", type=int, nargs="+", default=[250, 500, 2000], help="images in a step")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    ceilings = measure_ceilings(CPU)
    steps = [
        measure_step(arguments.model, size, batch, arguments.width)
        for size in arguments.sizes
        for batch in arguments.batches
    ]
    result = {
        "benchmark": "step",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "ceilings": ceilings,
        "model": arguments.model,
        "steps": steps,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(result)}\n\nwritten to {arguments.results}")


def measure_step(model: str, size: int, batch: int, width: float = 1.0) -> dict[str, Any]:
    """Time steps of the recipe `fast` in bfloat16 on noise, and divide one into kinds of operations."""
    step, flops = build_step(model, "fast", size, batch, width=width)
    step()
    one_thread = torch.get_num_threads() == 1
    before = _page_faults()
    passed = [seconds(step, CPU, processor=one_thread) for _ in range(TURNS)]
    faults = (_page_faults() - before) / TURNS
    with profile(activities=[ProfilerActivity.CPU], acc_events=True) as profiled:
        step()
    return {
        "size": size,
        "batch": batch,
        "flops": flops,
        "seconds": statistics.median(passed),
        "page_faults": faults,
        "microseconds": _by_kind(profiled),
    }


def build_step(
    model: str, recipe: str, size: int, batch: int, *, products: bool = True, width: float = 1.0
) -> tuple[Callable[[], None], int]:
    """Return a training step in bfloat16 on noise, and its floating-point operations.

    Without `products`, convolutions on small grids stay convolutions where products would be faster here.
    """
    torch.manual_seed(0)
    network = build(model, 10, width=width)
    flops = count_flops(network, (size, size)) * batch
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    settings = recipe_from_values({"batch_size": batch}, RECIPES[recipe])
    optimizers = build_optimizers(network, settings, torch.bfloat16)
    images = torch.randn(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(10, (batch,))

    def step() -> None:
        small_grids = small_grids_as_products(CPU, torch.bfloat16) if products else nullcontext()
        with torch.autocast("cpu", torch.bfloat16), small_grids:
            logits = network(images).float()
        F.cross_entropy(logits, labels, label_smoothing=settings.label_smoothing).backward()  # type: ignore[no-untyped-call]
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()

    return step, flops


def _page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _by_kind(profiled: profile) -> Mapping[str, float]:
    spent = dict.fromkeys((*KINDS, REST), 0.0)
    for event in profiled.events():
        names, around = [], event
        while around is not None:
            names.append(around.name)
            around = around.cpu_parent
        kinds = (
            kind for kind, parts in KINDS.items() if any(part in name for part in parts for name in names)
        )
        spent[next(kinds, REST)] += event.self_cpu_time_total
    return spent


def table(result: Mapping[str, Any]) -> str:
    """Return the steps as a Markdown table; shares of time are of the step that was divided."""
    peak = result["ceilings"]["convolution bfloat16"]
    kinds = [*KINDS, REST]
    lines = [
        "| images | in a step | ms | GFLOP/s | share of peak | of the convolutions alone | "
        + " | ".join(f"{kind}, % of time" for kind in kinds)
        + " |",
        "| --- | ---: | ---: | ---: | ---: | ---: |" + " ---: |" * len(kinds),
    ]
    for step in result["steps"]:
        spent = step["microseconds"]
        whole = sum(spent.values())
        rate, inside = step["flops"] / step["seconds"], step["flops"] / (spent["convolutions"] / 1e6)
        shares = " | ".join(f"{spent[kind] / whole:.0%}" for kind in kinds)
        lines.append(
            f"| {step['size']}×{step['size']} | {step['batch']:,} | {1e3 * step['seconds']:,.0f} | {rate / 1e9:,.0f} "
            f"| {rate / peak:.0%} | {inside / peak:.0%} | {shares} |"
        )
    return "\n".join(lines)
