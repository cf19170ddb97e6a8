"""Removal maps of a full pass: windows of feature maps against whole passes in batches, and Captum's Occlusion."""

import argparse
import json
import os
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import timm
import torch
from torch import Tensor, nn

from benchmarks.clock import ratios, seconds, spread
from benchmarks.facts import facts
from nearsight.evidence import TiledModel
from nearsight.evidence.removable import Box, Removable, boxes_seen
from nearsight.evidence.removing import plain_logits

RESULTS = Path(__file__).parent / "results" / "removal.json"
OURS, PLAIN = "windows", "batches"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--networks", nargs="+", default=["resnet18", "resnet50"], help="networks of timm")
    parser.add_argument("--side", type=int, default=224, help="side of the image in pixels")
    parser.add_argument("--tile", type=int, default=32, help="side of what is taken away")
    parser.add_argument("--stride", type=int, default=16, help="pixels from tile to tile")
    parser.add_argument(
        "--evaluations", type=int, nargs="+", default=[1, 8], help="perturbations_per_eval of Occlusion"
    )
    parser.add_argument("--repeats", type=int, default=3, help="turns of all ways")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    result: dict[str, Any] = {
        "benchmark": "removal",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "settings": {name: getattr(arguments, name) for name in ("side", "tile", "stride", "repeats")},
        "maps": [measure(name, arguments) for name in arguments.networks],
    }
    result["machine"]["load_average_at_end"] = os.getloadavg()
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    if not find_spec("captum"):
        print("Captum is not installed and was left out: pip install -e '.[bench]'")
    print(f"{table(result)}\n\nwritten to {arguments.results}")


def measure(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Time the ways to one image's map, in turn, in CPU seconds on one thread, otherwise in elapsed time.

    The bound model has been used before, so that what it finds out once is not timed.
    """
    torch.manual_seed(0)
    network = timm.create_model(name).eval()
    image = torch.randn(1, 3, arguments.side, arguments.side)
    bound = TiledModel(network, tile=arguments.tile, stride=arguments.stride)
    bound.full_pass(image)
    boxes = boxes_seen(bound.grid_of(image[0]), Box(0, 0, arguments.side, arguments.side))
    mean = image.mean((2, 3), keepdim=True).expand_as(image)
    removable = Removable(image.contiguous(memory_format=torch.channels_last), mean, list(boxes.values()))

    def ours() -> Tensor:
        [found] = bound.removal_maps(image, protocol="full-pass")
        return found.logits.flatten(1).T

    def plain() -> Tensor:
        logits = plain_logits(bound._ready, removable, range(len(removable)))
        return logits[0] - logits[1:]

    ways: dict[str, Callable[[], object]] = {OURS: ours, PLAIN: plain}
    if find_spec("captum"):
        for count in arguments.evaluations:
            ways[f"occlusion, {count} at once"] = partial(_occlusion, network, image, arguments, count)
    passed: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(arguments.repeats + 1):
        for way, work in ways.items():
            took = seconds(work, image.device, processor=torch.get_num_threads() == 1)
            if turn:  # the first turn warms up
                passed[way].append(took)
    return {
        "model": name,
        "tiles": len(boxes),
        "largest_difference": float((ours() - plain()).abs().max()),
        "refused": [reason for reason in bound._ready.windows.values() if reason],
        "seconds": {way: spread(values) for way, values in passed.items()},
        "times_as_fast_as": {
            way: spread(ratios(values, passed[OURS])) for way, values in passed.items() if way != OURS
        },
    }


def _occlusion(network: nn.Module, image: Tensor, arguments: argparse.Namespace, count: int) -> Tensor:
    from captum.attr import Occlusion

    with torch.inference_mode():
        found: Tensor = Occlusion(network).attribute(
            image,
            sliding_window_shapes=(3, arguments.tile, arguments.tile),
            strides=(3, arguments.stride, arguments.stride),
            target=0,
            baselines=image.mean((2, 3), keepdim=True).expand_as(image),
            perturbations_per_eval=count,
        )
    return found


def table(result: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    ways = list(result["maps"][0]["times_as_fast_as"])
    lines = [
        f"| network | tiles | windows, s | {' | '.join(f'times {way}' for way in ways)} | largest difference |",
        f"| --- | ---: | ---: | {' | '.join('---:' for _ in ways)} | ---: |",
    ]
    for one in result["maps"]:
        times = " | ".join(
            "{median:.3g} ({lowest:.3g} to {highest:.3g})".format_map(one["times_as_fast_as"][way])
            for way in ways
        )
        took = one["seconds"][OURS]["median"]
        lines.append(
            f"| {one['model']} | {one['tiles']} | {took:.3g} | {times} | {one['largest_difference']:.1g} |"
        )
    return "\n".join(lines)
