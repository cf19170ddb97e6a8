"""Columns: how often one is said to go with a class that does not, and how often a planted one is found.

Each set has ten classes and twelve columns of values, numbers, times and gaps that are drawn without regard to
class and answer. A planted camera is in some share of one class and in another share of the others. For sets that
are named, the study asks whether a fact of their files goes with a class.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.loading import read_set
from nearsight.data.value_groups import column_values, value_groups
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.columns import find_columns
from nearsight.diagnosis.columns.association import permutation_tests
from nearsight.diagnosis.columns.find import FALSE_DISCOVERIES
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.settings.protocols import MEAN_LOGIT
from nearsight.statistics import false_discovery
from nearsight.statistics.means import wilson_interval

CLASSES = 10
PLANTED_CLASS = 3
# Shares of the class, and of the others, that have the camera.
PLANTS = ((0.6, 0.1), (0.3, 0.0), (0.2, 0.0))
EACH = (30, 100)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the study."""
    parser.add_argument("--sets", type=int, default=100, help="of each kind (default: 100)")
    parser.add_argument("--data", nargs="+", default=["cifar10", "stl10", "tiny-imagenet-40"])


def run(arguments: argparse.Namespace) -> None:
    """Print in what share of the sets anything is named if nothing is planted, and the plant if it is."""
    for name in arguments.data:
        sets = read_set(name, progress=False)
        images = sets.get("test") or sets["val"]
        named = {one.class_number for one in find_columns(_chosen(images, 0))}
        print(
            f"{name}: {len(images):,} images, {len(named)} of {len(images.classes)} classes named", flush=True
        )
    for each in EACH:
        print(f"{each} images a class")
        found = [_measured(each, seed, None) for seed in range(arguments.sets)]
        for name in ("finder", "class", "accuracy"):
            print(f"  none planted, {name}: {_share(found, name)}", flush=True)
        for plant in PLANTS:
            found = [_measured(each, seed, plant) for seed in range(arguments.sets)]
            for name in ("finder", "class"):
                print(f"  {plant[0]:.0%} against {plant[1]:.0%}, {name}: {_share(found, name)}", flush=True)


def _share(found: list[dict[str, bool]], name: str) -> str:
    count = sum(one[name] for one in found)
    low, high = wilson_interval(count / len(found), len(found))
    return f"{count} of {len(found)} sets, {count / len(found):.1%} ({low:.1%} to {high:.1%})"


def _measured(each: int, seed: int, plant: tuple[float, float] | None) -> dict[str, bool]:
    """Whether the finder and the tests of the part name anything; with a plant, whether they name that."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(CLASSES), each)
    columns = dict(_drawn(len(labels), random))
    if plant is not None:
        has = random.random(len(labels)) < np.where(labels == PLANTED_CLASS, *plant)
        columns["camera"] = np.where(has, "X", "Y").tolist()
    right = random.random(len(labels)) < np.linspace(0.4, 0.95, CLASSES)[labels]
    named = [(one.class_number, one.words) for one in find_columns(_examined(labels, columns, seed))]
    groups = [
        value_groups(column_values(name, pa.chunked_array([values]))).of_image
        for name, values in columns.items()
    ]
    tested = permutation_tests(groups, labels, right.astype(float), seed=seed)
    of_class = false_discovery([one.of_class for one in tested]) <= FALSE_DISCOVERIES
    of_accuracy = false_discovery([one.of_accuracy for one in tested]) <= FALSE_DISCOVERIES
    if plant is not None:
        return {"finder": (PLANTED_CLASS, "camera: X") in named, "class": bool(of_class[-1])}
    return {"finder": bool(named), "class": bool(of_class.any()), "accuracy": bool(of_accuracy.any())}


def _drawn(count: int, random: np.random.Generator) -> Iterator[tuple[str, list[Any]]]:
    for k in range(6):
        yield f"value {k}", random.integers(0, 3 + k, count).astype(str).tolist()
    for k in range(4):
        yield f"number {k}", random.normal(size=count).tolist()
    yield "sparse", [None if share < 0.7 else "x" for share in random.random(count)]
    yield "day", (np.datetime64("2019-01-01") + random.integers(0, 900, count)).tolist()


def _examined(labels: NDArray[np.int64], columns: dict[str, list[Any]], seed: int) -> Examined:
    names = tuple(f"class {number}" for number in range(CLASSES))
    pixels = torch.zeros(len(labels), 3, 1, 1, dtype=torch.uint8)
    held = MemoryImages(pixels, ("",) * len(labels))
    return _chosen(ImageSet("drawn", "test", names, labels, held, columns=pa.table(columns)), seed)


def _chosen(images: ImageSet, seed: int) -> Examined:
    choosing = np.random.default_rng(seed).random(len(images)) < 0.5
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=1, classes=images.classes)
    return Examined(images, Decision(bound, MEAN_LOGIT), images.labels, choosing, seed)
