"""Does a comparison know whether its arms would gain from twice the steps?

Each network is trained from the start with 20, 40, … steps, and the rule of `compare` is applied to each length:
is it undertrained? The truth is known from the next length: twice the steps raise the accuracy on test images by
more than a point, or do not. The rule was chosen on CIFAR-10 under `fast`; the other settings are held out. A
line is written for each network as it comes, so that the study can be stopped and continued.
"""

import argparse
import csv
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.settings import Machine, make_recipe
from nearsight.study.undertrained import fall_of, is_undertrained
from studies.many_classes import plain
from studies.rows import measured_networks, read_rows, write_rows

LENGTHS = (20, 40, 80, 160, 320, 640, 1280)
ARMS = ("whole", "tile")
# By name: the set, a side in pixels, classes, the recipe from which it starts, and what is changed in it.
SETTINGS: dict[str, tuple[str, int, int, str, dict[str, Any]]] = {
    "cifar10": ("cifar10", 32, 10, "fast", {"learning_rate": 0.06}),
    "tiny-imagenet-40": ("tiny-imagenet-40", 32, 20, "fast", {"learning_rate": 0.06}),
    "stl10": ("stl10", 48, 10, "fast", {"learning_rate": 0.06}),
    "cifar10-sgd": ("cifar10", 32, 10, "standard", {"learning_rate": 0.05}),
}
# The rule was chosen on the first alone.
CHOSEN_ON = "cifar10"
COMMON: dict[str, Any] = {"batch_size": 32, "validation": 0.0, "precision": "float32", "width": 0.125}
TRAINED, TESTED = 1000, 1000
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
RESULTS = "networks.jsonl"

Row = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("undertrained"), help="results and table")
    parser.add_argument("--settings", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--lengths", type=int, nargs="+", default=list(LENGTHS), help="steps, each twice the last"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, write one line per network, and print how often the rule is right."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = measured_networks(lines)
    for seed in range(arguments.seeds):
        for name in arguments.settings:
            sets: ImageSets | None = None
            for arm in ARMS:
                for steps in arguments.lengths:
                    network = (name, arm, seed, steps)
                    if network in done:
                        continue
                    sets = sets or _sets(name)
                    row = measure(sets, name, arm, seed, steps)
                    write_rows(lines, [{"network": network} | row], more=True)
                    print(network, f"{100 * np.mean(unpacked(row['right'])):.1f} %", flush=True)
    print(table(read_rows(lines)))


def table(rows: list[Row]) -> str:
    """Return a Markdown table of the networks whose doubling was trained: what they were called, and which gained."""
    by_network = {tuple(row["network"]): row for row in rows}
    found: dict[tuple[str, str], list[tuple[bool, float]]] = {}
    for (name, arm, seed, steps), row in by_network.items():
        longer = by_network.get((name, arm, seed, 2 * steps))
        if longer is not None:
            gain = unpacked(longer["right"]).mean() - unpacked(row["right"]).mean()
            steps_of, losses = np.array(row["curve"], dtype=np.float64).T
            called = is_undertrained(fall_of([(steps_of, losses)]), row["trained"])
            found.setdefault((name, arm), []).append((called, 100 * float(gain)))
    lines = [
        "| setting | trained on | networks | called undertrained | of them gained over a point | of the others |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    for (name, arm), told in found.items():
        called = [gain for is_called, gain in told if is_called]
        others = [gain for is_called, gain in told if not is_called]
        held = "" if name == CHOSEN_ON else " (held out)"
        lines.append(
            f"| {name}{held} | {arm} | {len(told)} | {len(called)} "
            f"| {sum(gain > 1 for gain in called)} of {len(called)} "
            f"| {sum(gain > 1 for gain in others)} of {len(others)} |"
        )
    return "\n".join(lines)


def _sets(name: str) -> ImageSets:
    data, side, classes, _, _ = SETTINGS[name]
    sets = nearsight.load(data, validation=0, progress=False)
    counts = {"train": TRAINED // classes, "test": TESTED // classes}
    return ImageSets(data, {split: _few(sets[split], side, classes, counts[split]) for split in counts})


def _few(images: ImageSet, side: int, classes: int, each: int) -> ImageSet:
    index = np.concatenate([np.flatnonzero(images.labels == label)[:each] for label in range(classes)])
    pixels = images.pixels
    assert pixels is not None
    chosen = pixels[torch.from_numpy(index)]
    small = torch.nn.functional.avg_pool2d(chosen.float(), chosen.shape[-1] // side)
    names = images.classes[:classes]
    return plain(images.name, images.split, names, images.labels[index], small.round().to(torch.uint8))


def measure(sets: ImageSets, name: str, arm: str, seed: int, steps: int) -> Row:
    """Train one network; return its curve, and on which test and training images it is right."""
    _, side, _, recipe, changed = SETTINGS[name]
    tile = side // 2 if arm == "tile" else None
    model = {"model": "airbench"} if recipe == "standard" else {}
    fields = COMMON | changed | model | {"tile": tile, "seed": seed, "steps": steps, "crop_padding": 0}
    with tempfile.TemporaryDirectory() as directory:
        made = make_recipe(sets.name, recipe, fields)
        trained = training.train(
            made, ImageSets(sets.name, {"train": sets["train"]}), Path(directory) / "run", machine=CPU
        )
        with (trained.directory / "metrics.csv").open() as file:
            curve = [(int(row["step"]), float(row["loss"])) for row in csv.DictReader(file) if row["loss"]]
        bound = TiledModel(trained.classifier(), stride=side // 8, device="cpu")
        protocol = "mean-logit" if tile else "full-pass"
        right = {}
        for split in ("test", "train"):
            found = evaluate(bound, sets[split], protocols=[protocol])
            right[split] = found.predictions[protocol] == sets[split].labels
    return {"curve": curve, "right": packed(right["test"]), "trained": float(right["train"].mean())}


def packed(right: NDArray[np.bool_]) -> str:
    """Return right and wrong answers as text.

    >>> unpacked(packed(np.array([True, False] * 500))).sum()
    np.int64(500)
    """
    return bytes(np.packbits(right)).hex()


def unpacked(text: str) -> NDArray[np.int64]:
    """Return the answers that `packed` turned into text, 0 and 1."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(text), dtype=np.uint8))[:TESTED].astype(np.int64)
