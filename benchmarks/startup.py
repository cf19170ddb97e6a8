"""Starting up: the bare interpreter, the import of the package, the help of its commands, a first evidence map."""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.clock import spread
from benchmarks.facts import facts

RESULTS = Path(__file__).parent / "results" / "startup.json"
BARE = "python -c pass"
FIRST_MAP = (
    "import torch; from nearsight.evidence import evidence; from nearsight.models import build; "
    "evidence(build('tilenet', 10, tile=16).eval(), torch.zeros(1, 3, 32, 32), tile=16)"
)
COMMANDS: dict[str, Sequence[str]] = {
    BARE: ("-c", "pass"),
    "import nearsight": ("-c", "import nearsight"),
    "nearsight --help": ("-m", "nearsight", "--help"),
    "nearsight data --help": ("-m", "nearsight", "data", "--help"),
    "nearsight train --help": ("-m", "nearsight", "train", "--help"),
    "import torch": ("-c", "import torch"),
    "import torch, evidence of one image": ("-c", FIRST_MAP),
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--repeats", type=int, default=15, help="turns of all commands")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print the table and write the results."""
    result = measure(arguments.repeats)
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(result)}\n\nwritten to {arguments.results}")


def measure(repeats: int) -> dict[str, Any]:
    """Start every command in a process of its own, in turn, after a turn that fills the file cache."""
    machine = facts()
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    for turn in range(repeats + 1):
        for name, command in COMMANDS.items():
            once = _started(command)
            if turn:
                taken[name].append(once)
    commands = {
        name: {
            "seconds": spread([clock for clock, _ in those]),
            "cpu_seconds": spread([processor for _, processor in those]),
            "cpu_seconds_over_bare": spread(
                [mine - bare for (_, mine), (_, bare) in zip(those, taken[BARE], strict=True)]
            ),
        }
        for name, those in taken.items()
    }
    machine["load_average_at_end"] = os.getloadavg()
    return {"benchmark": "startup", "machine": machine, "repeats": repeats, "commands": commands}


def _started(command: Sequence[str]) -> tuple[float, float]:
    before, begun = _children(), time.perf_counter()
    subprocess.run([sys.executable, *command], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun, _children() - before


def _children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def table(result: dict[str, Any]) -> str:
    """Return the results as a Markdown table: medians, with the lowest and the highest."""
    lines = [
        "| command | CPU s | CPU s over the bare interpreter | s by the clock |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, figures in result["commands"].items():
        cells = [_range(figures[key]) for key in ("cpu_seconds", "cpu_seconds_over_bare", "seconds")]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _range(figures: dict[str, float]) -> str:
    return f"{figures['median']:.3f} ({figures['lowest']:.3f} to {figures['highest']:.3f})"
