"""A diagnosis of sets of very many classes: its time, its memory, its page, and what it leaves on the disk."""

import argparse
import json
import resource
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from benchmarks.facts import facts

if TYPE_CHECKING:
    from nearsight.models import Classifier

RESULTS = Path(__file__).parent / "results" / "many-classes.json"
SIDE, TILE, STRIDE = 24, 16, 8
# With images of every class, these are larger, and the network has learned a little.
LARGER, STEPS, BATCH, RATE = 32, 250, 256, 1e-2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("--classes", type=int, nargs="+", default=[10, 3000, 10_000], help="how many classes")
    parser.add_argument("--images", type=int, default=40, help="how many images are diagnosed")
    parser.add_argument(
        "--each",
        type=int,
        help="so many images of each class instead, which are diagnosed by a trained network",
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="JSON file of the results")


def run(arguments: argparse.Namespace) -> None:
    """Measure each number of classes in a process of its own, print the table and write the results."""
    work, images = (measured, arguments.images) if arguments.each is None else (measured_set, arguments.each)
    rows = []
    for classes in arguments.classes:
        with get_context("spawn").Pool(1) as pool:
            rows.append(pool.apply(work, (classes, images)))
    side = SIDE if arguments.each is None else LARGER
    settings = {
        "images": arguments.images,
        "each": arguments.each,
        "side": side,
        "tile": TILE,
        "stride": STRIDE,
    }
    result = {"benchmark": "many-classes", "machine": facts(), "settings": settings, "rows": rows}
    arguments.results.parent.mkdir(parents=True, exist_ok=True)
    arguments.results.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{table(rows)}\n\nwritten to {arguments.results}")


def measured(classes: int, images: int) -> dict[str, Any]:
    """Diagnose random images with a network of random weights; return processor seconds, and memory in bytes.

    Memory is how far the peak of the process rises above what it had with the network and the images.
    """
    from nearsight import diagnose

    model = _classifier(classes)
    names = model.classes
    labels = np.random.default_rng(0).integers(classes, size=images)
    pixels = torch.randint(256, (images, 3, SIDE, SIDE), dtype=torch.uint8)
    before = _peak()
    with tempfile.TemporaryDirectory() as directory:
        started = time.process_time()
        diagnose(
            model,
            (pixels, [names[label] for label in labels]),
            stride=STRIDE,
            classes=names,
            out=directory,
            progress=False,
        )
        seconds = time.process_time() - started
        left = sum(file.stat().st_size for file in Path(directory).rglob("*") if file.is_file())
    return {"classes": classes, "seconds": seconds, "memory": _peak() - before, "disk": left}


def measured_set(classes: int, each: int) -> dict[str, Any]:
    """Diagnose some images of each class; return what `measured` does, the size of the page, and the pass alone.

    The images are waves of a class's own colours and lengths, with noise. The network learns for a minute from tiles
    of twice as many others, so that some of the images are right.
    """
    from nearsight import diagnose, evaluate
    from nearsight.allocator import keep_freed_memory

    keep_freed_memory()
    model = _classifier(classes)
    _learn(model, *pictures(classes, 2 * each, seed=1))
    names = model.classes
    pixels, labels = pictures(classes, each, seed=2)
    images = pixels, [names[label] for label in labels]
    evaluate(model, (pixels[:16], images[1][:16]), stride=STRIDE, classes=names, progress=False)
    started = time.process_time()
    evaluate(model, images, stride=STRIDE, classes=names, progress=False)
    evaluated = time.process_time() - started
    before = _peak()
    with tempfile.TemporaryDirectory() as directory:
        started, begun = time.process_time(), time.perf_counter()
        diagnose(model, images, stride=STRIDE, classes=names, out=directory, progress=False)
        seconds, elapsed = time.process_time() - started, time.perf_counter() - begun
        sizes = {file.name: file.stat().st_size for file in Path(directory).rglob("*") if file.is_file()}
    return {
        "classes": classes,
        "each": each,
        "pass": evaluated,
        "seconds": seconds,
        "elapsed": elapsed,
        "memory": _peak() - before,
        "disk": sum(sizes.values()),
        "page": sizes["report.html"],
    }


def pictures(classes: int, each: int, seed: int) -> tuple[Tensor, NDArray[np.int64]]:
    """Return generated images, uint8 (classes × each, 3, side, side), and their classes, int64.

    >>> images, labels = pictures(3, 2, seed=0)
    >>> tuple(images.shape), labels.tolist()
    ((6, 3, 32, 32), [0, 0, 1, 1, 2, 2])
    """
    of_class, random = np.random.default_rng(0), np.random.default_rng(seed)
    colours = of_class.uniform(40, 215, size=(classes, 3, 1, 1))
    lengths = of_class.uniform(0.5, 4, size=(classes, 2, 3, 1, 1))
    labels = np.repeat(np.arange(classes), each)
    down, right = np.mgrid[:LARGER, :LARGER] / LARGER
    found = np.empty((len(labels), 3, LARGER, LARGER), dtype=np.uint8)
    for row, number in enumerate(labels.tolist()):
        turns = lengths[number, 0] * right + lengths[number, 1] * down + random.uniform(size=(3, 1, 1))
        waves = colours[number] + random.uniform(10, 60) * np.sin(2 * np.pi * turns)
        found[row] = np.clip(waves + random.normal(0, 12, size=waves.shape), 0, 255)
    return torch.from_numpy(found), labels


def _learn(model: "Classifier", images: Tensor, labels: NDArray[np.int64]) -> None:
    random = np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    model.train()
    for _ in range(STEPS):
        chosen = random.integers(len(images), size=BATCH)
        top, left = random.integers(LARGER - TILE + 1, size=2)
        tiles = model.preprocessing.normalise(images[chosen, :, top : top + TILE, left : left + TILE])
        loss = functional.cross_entropy(model(tiles), torch.from_numpy(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()


def _classifier(classes: int) -> "Classifier":
    from nearsight.models import Architecture, Classifier, Preprocessing

    torch.manual_seed(0)
    half, names = (0.5, 0.5, 0.5), [f"class {number}" for number in range(classes)]
    architecture = Architecture("airbench", classes=classes, width=0.1)
    return Classifier(architecture.build(), architecture, names, TILE, Preprocessing(half, half)).eval()


def table(rows: list[dict[str, Any]]) -> str:
    """Return the table of what was measured, in Markdown.

    >>> print(table([{"classes": 3000, "seconds": 41.2, "memory": 2**29, "disk": 2**21}]))
    | classes | processor time | memory | on the disk |
    | ---: | ---: | ---: | ---: |
    | 3,000 | 41.2 s | 512 MiB | 2.0 MiB |
    """
    if "page" in rows[0]:
        return _table_of_sets(rows)
    lines = ["| classes | processor time | memory | on the disk |", "| ---: | ---: | ---: | ---: |"]
    lines += [
        f"| {row['classes']:,} | {row['seconds']:.1f} s | {row['memory'] / 2**20:.0f} MiB "
        f"| {row['disk'] / 2**20:.1f} MiB |"
        for row in rows
    ]
    return "\n".join(lines)


def _table_of_sets(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| classes | images of each | evaluation alone | diagnosis | beyond it | page | memory | on the disk |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['classes']:,} | {row['each']} | {row['pass']:.0f} s | {row['seconds']:.0f} s "
        f"| {row['seconds'] - row['pass']:.0f} s | {row['page'] / 1e6:.1f} MB | {row['memory'] / 2**20:.0f} MiB "
        f"| {row['disk'] / 2**20:.0f} MiB |"
        for row in rows
    ]
    return "\n".join(lines)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
