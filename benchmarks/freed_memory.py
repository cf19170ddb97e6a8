"""What handing freed memory back to the system costs: training steps with glibc's own settings, and with ours."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clock import ratios, spread
from benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results" / "freed-memory.json"
# glibc's own limit, written out, which keeps `keep_freed_memory` from changing anything.
WAYS: dict[str, dict[str, str]] = {"kept": {}, "handed back": {"MALLOC_MMAP_MAX_": "65536"}}
STEPS = ["32:250", "32:2000", "96:125"]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--model", default="airbench94", help="network")
    parser.add_argument("--width", type=float, default=1.0, help="factor on its channels")
    parser.add_argument("--steps", nargs="+", default=STEPS, metavar="SIDE:IMAGES", help="steps to time")
    parser.add_argument("--turns", type=int, default=3, help="processes for each way, turn about")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    steps = []
    for side, images in (step.split(":") for step in arguments.steps):
        passed: dict[str, list[Mapping[str, Any]]] = {way: [] for way in WAYS}
        for _ in range(arguments.turns):
            for way, environment in WAYS.items():
                passed[way].append(one_process(arguments, side, images, environment))
        steps.append({"size": int(side), "batch": int(images), "passed": passed})
    result = {"benchmark": "freed-memory", "machine": facts(), "model": arguments.model, "steps": steps}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(steps)}\n\nwritten to {arguments.results}")


def one_process(
    arguments: argparse.Namespace, side: str, images: str, environment: Mapping[str, str]
) -> dict[str, Any]:
    """Time a training step in a process of its own; returns its seconds, page faults and share of the peak."""
    with tempfile.TemporaryDirectory() as directory:
        results = Path(directory) / "step.json"
        given = [
            "--model",
            arguments.model,
            "--width",
            str(arguments.width),
            "--sizes",
            side,
            "--batches",
            images,
        ]
        given += ["--results", str(results)]
        subprocess.run(
            [sys.executable, "-m", "benchmarks", "step", *given],
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        result = json.loads(results.read_text())
    [step] = result["steps"]
    peak = result["ceilings"]["convolution bfloat16"]
    return {name: step[name] for name in ("seconds", "page_faults")} | {
        "share_of_peak": step["flops"] / step["seconds"] / peak
    }


def table(steps: Sequence[Mapping[str, Any]]) -> str:
    """Return the steps as a Markdown table: medians of the turns, and the ratio turn by turn with its ends."""
    lines = [
        "| images | in a step | handed back, ms | page faults | share of peak | kept, ms | page faults "
        "| share of peak | kept over handed back |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for step in steps:
        cells = [f"{step['size']}×{step['size']}", f"{step['batch']:,}"]
        for way in ("handed back", "kept"):
            middle = {
                name: spread([one[name] for one in step["passed"][way]])["median"]
                for name in ("seconds", "page_faults", "share_of_peak")
            }
            cells += [
                f"{1e3 * middle['seconds']:,.0f}",
                f"{middle['page_faults']:,.0f}",
                f"{middle['share_of_peak']:.0%}",
            ]
        kept, back = ([one["seconds"] for one in step["passed"][way]] for way in ("kept", "handed back"))
        ratio = spread(ratios(kept, back))
        cells.append(f"{ratio['median']:.2f} ({ratio['lowest']:.2f} to {ratio['highest']:.2f})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
