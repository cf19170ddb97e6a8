"""A planted shortcut: a small coloured mark in one corner of most images of one CIFAR-10 class.

It must be that class's first reason, with its place, and no other class's.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.runs import RESULT, Run
from nearsight.settings import make_recipe
from nearsight.write import write_json

MARKED_CLASS = "cat"
MARKED_SHARE = 0.6
SIDE = 4
COLOUR = (255, 0, 255)
FIELDS: dict[str, Any] = {"tile": 16, "epochs": 8, "width": 0.5, "batch_size": 250, "validation": 0.0}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("mark"), help="the run, its page and the result as JSON"
    )
    parser.add_argument("--training-images", type=int, default=1500, help="of each class")
    parser.add_argument("--test-images", type=int, default=200, help="of each class")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Plant the mark, train, diagnose, and print the first reason of every class."""
    sets = nearsight.load("cifar10", validation=0)
    random = np.random.default_rng(arguments.seed)
    marked = {
        split: plant(some(sets[split], count, random), random)
        for split, count in (("train", arguments.training_images), ("test", arguments.test_images))
    }
    recipe = make_recipe("cifar10", "fast", FIELDS | {"seed": arguments.seed})
    directory = arguments.out / "run"
    if (directory / RESULT).is_file():
        trained = Run.open(directory)
    else:
        trained = training.train(recipe, ImageSets("cifar10, marked", marked), directory)
    found = nearsight.diagnose(trained.classifier(), marked["test"], faithfulness=0, out=arguments.out)
    rows = [
        {"class": reasons.name, "reason": reasons.reasons[0].sentence(reasons.name)}
        for reasons in found["reasons"].classes
        if reasons.reasons
    ]
    write_json(arguments.out / "mark.json", {"study": "mark", "marked": MARKED_CLASS, "first_reasons": rows})
    print("\n".join(row["reason"] for row in rows))


def some(images: ImageSet, count: int, random: np.random.Generator) -> ImageSet:
    """Return `count` images of each class, in random order."""
    chosen = [np.flatnonzero(images.labels == number)[:count] for number in range(len(images.classes))]
    return images.select(random.permutation(np.concatenate(chosen)))


def plant(images: ImageSet, random: np.random.Generator) -> ImageSet:
    """Return the set with the mark in the bottom right corner of a share of the marked class's images."""
    assert isinstance(images.images, MemoryImages)
    mine = np.flatnonzero(images.labels == images.classes.index(MARKED_CLASS))
    chosen = torch.from_numpy(mine[random.random(len(mine)) < MARKED_SHARE])
    pixels = images.images.pixels.clone()
    marked = pixels[chosen]
    marked[:, :, -SIDE:, -SIDE:] = torch.tensor(COLOUR, dtype=torch.uint8)[:, None, None]
    pixels[chosen] = marked
    return replace(images, images=MemoryImages(pixels, images.images.paths))
