"""Everything that is measured on an accelerator, one after another."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import torch

from benchmarks import accuracy, accuracy_table, ceilings, evidence, maps

RESULTS = Path(__file__).parent / "results" / "accelerator"
TARGETS = "85,90,91,94"
# Arms of CIFAR-10, their lengths in epochs, and seeds.
RUNS = (
    ("airbench94", "4,8,16", "0,1,2"),
    ("whole", "2,8,16", "0,1,2"),
    ("16 to whole", "4,8,16", "0,1,2"),
    ("tile 16", "32", "0,1,2"),
    ("all tiles of 16", "16", "0"),
    ("whole, twice as wide", "16", "0,1"),
    ("resnet18", "3,10,40", "0"),
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--device", default="cuda", help="the accelerator")
    parser.add_argument("--results", type=Path, default=RESULTS, help="directory of the results")


def run(arguments: argparse.Namespace) -> None:
    """Measure ceilings, maps and training times on the device, and print every table."""
    if torch.device(arguments.device).type == "cuda" and not torch.cuda.is_available():
        raise SystemExit(f"device {arguments.device} is not here; run this on a machine that has it")
    for benchmark, given in plan(arguments.device, arguments.results):
        parser = argparse.ArgumentParser()
        benchmark.add_options(parser)
        benchmark.run(parser.parse_args(given))


def plan(device: str, results: Path) -> Iterable[tuple[ModuleType, list[str]]]:
    """Yield the benchmarks with their arguments, short ones first.

    >>> [benchmark.__name__ for benchmark, _ in plan("cuda", Path("out"))][:3]
    ['benchmarks.ceilings', 'benchmarks.maps', 'benchmarks.evidence']
    """
    on = ["--device", device]
    yield ceilings, [*on, "--results", str(results / "ceilings.json")]
    yield maps, [*on, "--results", str(results / "maps.json")]
    for images in (1, 64):
        yield (
            evidence,
            [*on, "--images", str(images), "--results", str(results / f"evidence-{images}-images.json")],
        )
    lines = str(results / "accuracy-cifar10.jsonl")
    for arm, lengths, seeds in RUNS:
        yield (
            accuracy,
            ["cifar10", "--arm", arm, "--epochs", lengths, "--seeds", seeds, *on, "--results", lines],
        )
    yield accuracy_table, [lines, "--targets", TARGETS]
