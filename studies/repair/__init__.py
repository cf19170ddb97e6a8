"""Repairs: how much of what a planted shortcut cost is won back, beside what others do and what the best could?

Networks are trained with plants of the study of shortcuts, and on `scenes`. Nearsight finds the shortcut on
training images and removes it. It is compared with plain training, JTT, group DRO and DFR that know the true
groups, and a network that was trained without the plant. Results are written as they come, one line per network
and method, so that the study can be stopped and continued.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time as cpu_clock

import torch

from nearsight import training
from nearsight.errors import InputError
from nearsight.write import write_json
from studies.repair.baselines import BASELINES
from studies.repair.cases import Case
from studies.repair.figures import Row, figures
from studies.repair.ours import NAMED, Repairs
from studies.repair.planted import PLACES, planted_case, planted_name, planted_networks
from studies.repair.scene_cases import SHORTCUTS, scene_case, scene_name
from studies.repair.summary import BEFORE, CEILING, summary
from studies.repair.tables import table
from studies.rows import read_rows, write_rows
from studies.shortcuts.networks import CPU, Network

RESULTS = "networks.jsonl"
METHODS = (BEFORE, *BASELINES, *NAMED)


@dataclass(frozen=True)
class Named:
    """A case that has not been made yet."""

    name: str
    make: Callable[[], Case]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("repair"), help="runs, results as they come, the summary"
    )
    parser.add_argument("--networks", type=int, default=30, help="how many, in a fixed order")
    parser.add_argument("--seeds", type=int, default=3, help="of each set and kind of network")
    parser.add_argument(
        "--draw",
        type=int,
        default=1,
        help="which plants, classes and seeds; those of draw 0 were developed on",
    )
    parser.add_argument("--images", type=int, default=500, help="training images of a class, at most")
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS, metavar="METHOD")
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("K", "N"), help="every Nth network from the Kth"
    )
    parser.add_argument("--minutes", type=float, default=None, help="begin no other method after so many")


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, repair and measure it; write one line per network and method, and a summary."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    end = time.monotonic() + 60 * (arguments.minutes or 1e9)
    first, step = arguments.part
    done = {(row["network"], row["method"]) for row in read_rows(lines)}
    for named in design(arguments.seeds, arguments.draw, arguments.images)[: arguments.networks][first::step]:
        wanted = [method for method in arguments.methods if (named.name, method) not in done]
        if not wanted or time.monotonic() > end:
            continue
        for row in measure(named.make(), wanted, arguments.out, end):
            write_rows(lines, [row], more=True)
            print(told(row), flush=True)
    result = {"study": "repair"} | summary(read_rows(lines))
    write_json(arguments.out / "repair.json", result)
    print(table(result, METHODS))


def design(seeds: int, draw: int = 0, images: int | None = None) -> list[Named]:
    """Return all networks in the order in which they are measured: two planted ones, then one on `scenes`.

    The first are all of two sets and kinds, each with all seeds, so that the study can be stopped there. At most
    this many training `images` of a class are used; None means as many as in the study of shortcuts.

    >>> [named.name for named in design(3)][:3]
    ['stl10-tile-500-border-tint-caption', 'cifar10-whole-500-tint-noise-watermark', 'scenes-0.9-0']
    """
    networks = planted_networks(seeds, 500 + 100 * draw)
    half = len(networks) // 2
    ordered = [one for turn in (networks[:half], networks[half:]) for one in sorted(turn, key=_is_later)]
    planted = [Named(planted_name(one), lambda one=one: planted_case(one, images)) for one in ordered]
    scenes = [
        Named(
            scene_name(shortcut, seed),
            lambda shortcut=shortcut, seed=seed: scene_case(shortcut, seed, images),
        )
        for seed in range(10 * draw, 10 * draw + seeds)
        for shortcut in SHORTCUTS
    ]
    found = []
    for k in range(0, len(planted), 2):
        found += [*planted[k : k + 2], *scenes[k // 2 : k // 2 + 1]]
    return found


def _is_later(network: Network) -> bool:
    return (network.data, network.kind) not in PLACES[:2]


def measure(case: Case, methods: Sequence[str], out: Path, end: float) -> Iterator[Row]:
    """Yield the row of each method on one network, until the time is over.

    `seconds` are those of one core; None for what another network, or an interrupted run, had trained before.
    """
    directory = out / case.name
    begun = cpu_clock()
    fresh = not (directory / "run").exists()
    planted = training.train(case.recipe, case.sets, directory / "run", resume=True, machine=CPU)
    seconds = cpu_clock() - begun if fresh else None
    network = planted.classifier()
    before = case.predictions(network)
    repairs = Repairs(case, planted, before, directory)
    for method in methods:
        if time.monotonic() > end:
            return
        row: Row = {name: getattr(case, name) for name in ("data", "kind", "seed")}
        row |= {"network": case.name, "method": method}
        if method == BEFORE:
            yield row | {"seconds": seconds} | figures(case, before, before)
        elif method in BASELINES:
            place = out / case.ceiling if method == CEILING else directory / method.replace(" ", "-")
            begun, fresh = cpu_clock(), not place.exists()
            try:
                made = BASELINES[method](case, network, place)
            except InputError as error:
                yield row | {"refused": str(error), "known": []}
                continue
            seconds = cpu_clock() - begun if fresh else None
            yield row | {"seconds": seconds} | figures(case, before, case.predictions(made))
        else:
            yield row | repairs.row(method)


def told(row: Row) -> str:
    """Describe a row in one line."""
    if "refused" in row:
        return f"{row['network']}, {row['method']}: {row['refused']}"
    known = "; ".join(f"{one['family']} {one['without']:.2f}" for one in row["known"])
    return f"{row['network']}, {row['method']}: {row['usual']:.3f}, without {known}"
