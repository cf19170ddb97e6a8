"""A whole diagnosis of test images of CIFAR-10, with networks of random weights: its time, and what was probed."""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.clock import seconds, spread
from benchmarks.facts import facts
from nearsight.data import load
from nearsight.diagnosis import diagnose
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing

RESULTS = Path(__file__).parent / "results" / "diagnosis.json"
CIFAR10 = Preprocessing((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")
    parser.add_argument("--data", default="cifar10", help="the set whose test images are diagnosed")
    parser.add_argument("--images", type=int, default=200, help="how many of them")
    parser.add_argument("--models", nargs="+", default=["tilenet", "airbench"], help="networks by name")
    parser.add_argument("--tile", type=int, default=16, help="side of the tiles")
    parser.add_argument("--width", type=float, default=1.0, help="factor on the networks' channels")
    parser.add_argument("--repeats", type=int, default=3, help="turns of all networks")


def run(arguments: argparse.Namespace) -> None:
    """Measure, print and write the results; processor time on one thread, otherwise elapsed time."""
    images = load(arguments.data, validation=0, progress=False)["test"]
    images = images.select(np.arange(min(arguments.images, len(images))))
    bounds = {name: _bound(name, images.classes, arguments) for name in arguments.models}
    took: dict[str, list[float]] = {name: [] for name in bounds}
    probes: dict[str, int] = {}
    for _ in range(arguments.repeats):
        for name, classifier in bounds.items():
            bound = TiledModel(classifier)

            def work(bound: TiledModel = bound) -> object:
                return diagnose(bound, images)

            one_thread = torch.get_num_threads() == 1
            took[name].append(seconds(work, torch.device("cpu"), processor=one_thread))
            probes[name] = bound.probes
    result: dict[str, Any] = {
        "benchmark": "diagnosis",
        "machine": facts() | {"threads": torch.get_num_threads()},
        "settings": {
            name: getattr(arguments, name)
            for name in ("data", "images", "models", "tile", "width", "repeats")
        },
        "seconds": {name: spread(values) for name, values in took.items()},
        "probes": probes,
    }
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    for name, values in result["seconds"].items():
        print(
            f"{name}: {values['median']:.1f} s ({values['lowest']:.1f} to {values['highest']:.1f}), "
            f"{probes[name]} probes"
        )
    print(f"written to {arguments.results}")


def _bound(name: str, classes: tuple[str, ...], arguments: argparse.Namespace) -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture(name, len(classes), arguments.width, arguments.tile)
    return Classifier(architecture.build(), architecture, classes, arguments.tile, CIFAR10).eval()
