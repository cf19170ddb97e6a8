"""Clean classes that look alike throughout: crops of one photograph, drawn textures, subjects of one colour.

Images of such a class share a cast, a contrast or a grain, because that is what they picture. How often does a
diagnosis call it a shortcut, or a suspect? No image is edited. Half of the photographs, drawings and categories were
kept from whoever changed the rules (`--held-out`). Networks with permuted labels and untrained ones go beside.
Results are written as they come, a line a network.
"""

import argparse
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch.nn import functional

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.diagnosis.attributes import find_whole_image_attributes
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.evidence import TiledModel
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, make_recipe
from studies.photographs import rate
from studies.rows import read_rows, unmeasured, write_rows
from studies.shortcuts.scoring import SHORTCUT, Row

Array = NDArray[np.float32]
Random = np.random.Generator
# One image of a class, float32 (side, side, 3) from 0 to 255.
Drawing = Callable[[], Array]

CLASSES = 6
# Images of a class that are tested, of all.
TESTED = 0.4
TILE, STRIDE = 16, 16
RESULTS = "textures.jsonl"
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
LABELS = ("true", "permuted", "untrained")
# A suspect that would be a shortcut if it could not be what its images picture.
PICTURED = "pictured"
# The shares of a photograph at its edges that are left out, where frames are, and that are tested.
EDGE, TESTED_PART = 0.06, 0.4
# How the category of a coloured class is chosen from: the mean colour of an image times this.
SUBJECTS = ((-1, 0, 1), (1, -0.5, -0.5), (-1, -1, -1), (1, 1, 1), (-0.5, 1, -0.5), (0.5, 0.5, -1))
# Of a category's images, those farthest in the direction of its colour, or as many as are needed.
FARTHEST = 0.25


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("textures"), help="runs and results")
    parser.add_argument("--held-out", action="store_true", help="the sets that were kept back")
    parser.add_argument("--networks", type=int, default=24, help="networks, in a fixed order")
    parser.add_argument(
        "--attributes",
        action="store_true",
        help="look for attributes and edits of whole images alone: faster",
    )
    parser.add_argument("--again", action="store_true", help="diagnose again, with the runs that are there")
    parser.add_argument("--minutes", type=float, default=None, help="begin no other network after so many")


def run(arguments: argparse.Namespace) -> None:
    """Draw, train and diagnose each network that was not measured yet, and print the rates."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    trials = design(arguments.networks, held_out=arguments.held_out)
    for trial in unmeasured(trials, lines, again=arguments.again, minutes=arguments.minutes):
        with attributes_alone() if arguments.attributes else nullcontext():
            row = measured(trial, arguments.out)
        write_rows(lines, [row], more=True)
        print(f"{trial.name}: {row['accuracy']:.2f}, {row['told']}", flush=True)
    print(table(read_rows(lines)))


@dataclass(frozen=True)
class Trial:
    """A set and its network: so many `images` of each class of `side` pixels, of one of `KINDS`."""

    kind: str
    side: int
    images: int
    whole: bool
    labels: str
    seed: int
    held_out: bool = False

    @property
    def name(self) -> str:
        """A name for its directory."""
        network = "whole" if self.whole else "tile"
        return f"{self.kind}-{self.side}x{self.images}-{network}-{self.labels}-{self.seed}"


def design(networks: int, *, held_out: bool = False) -> list[Trial]:
    """Return the networks in the order in which they are measured; of each six, four have true labels."""
    found = []
    for i in range(networks):
        turn, place = divmod(i, len(KINDS))
        labels = LABELS[(0, 0, 1, 0, 0, 2)[(i + turn) % 6]]
        images = (60, 240)[(turn + place) % 2]
        side = 32 if place == 3 else (48, 96)[(turn + place // 2) % 2]
        whole = (turn // 2 + place) % 2 == 0
        found.append(Trial(list(KINDS)[place], side, images, whole, labels, 1000 * held_out + i, held_out))
    return found


def measured(trial: Trial, out: Path) -> Row:
    """Train the network of a trial where it is not there yet, diagnose it, and return what was told."""
    sets = drawn(trial)
    directory = out / trial.name
    if not (directory / RESULT).is_file():
        shutil.rmtree(directory, ignore_errors=True)
        training.train(make_recipe("textures", "fast", _fields(trial)), sets, directory, machine=CPU)
    classifier = Run.open(directory).classifier()
    begun = time.process_time()
    bound = TiledModel(classifier, tile=TILE, stride=STRIDE)
    found = diagnose(bound, sets["test"], others={"train": sets["train"]}, parts=["verdicts"], faithfulness=0)
    verdicts: Any = found.get("verdicts")
    predictions: Any = found.predictions
    return asdict(trial) | {
        "name": trial.name,
        "seconds": time.process_time() - begun,
        "accuracy": float(np.mean(np.equal(predictions, sets["test"].labels))),
        "told": [
            {
                "class": found.classes[one.class_number],
                "word": one.verdict,
                "attribute": one.attribute,
                "words": one.words,
                "share": one.share.value,
                "pictured": one.pictured,
            }
            for one in (verdicts.verdicts if verdicts else ())
        ],
    }


@contextmanager
def attributes_alone() -> Iterator[None]:
    """Look for attributes of whole images and for traces of edits, and for nothing else."""
    finders = {"attributes": find_whole_image_attributes}
    with (
        patch("nearsight.diagnosis.verdicts.finders.FINDERS", finders),
        patch("nearsight.diagnosis.attributes.find.find_groups", return_value=()),
    ):
        yield


def _fields(trial: Trial) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tile": None if trial.whole else TILE,
        "resize_short": 32 if trial.whole and trial.side > 48 else None,
        "width": 0.25,
        "steps": 100 if trial.whole else 200,
        "batch_size": 64,
        "learning_rate": 0.06,
        "validation": 0.0,
        "precision": "float32",
        "seed": trial.seed,
        "flip": "none",
    }
    return fields | ({"steps": 1, "learning_rate": 0.0} if trial.labels == "untrained" else {})


def drawn(trial: Trial) -> ImageSets:
    """Return the training and test images of a trial, the same at each call."""
    makes = KINDS[trial.kind](trial, np.random.default_rng([trial.seed, 1]))
    tested = round(TESTED * trial.images)
    counts = {"train": trial.images - tested, "test": tested}
    sets = {}
    for number, (split, count) in enumerate(counts.items()):
        images = np.stack([make() for both in makes for make in [both[number]] for _ in range(count)])
        pixels = torch.from_numpy(np.clip(np.rint(images), 0, 255).astype(np.uint8)).permute(0, 3, 1, 2)
        labels = np.repeat(np.arange(CLASSES), count)
        if trial.labels == "permuted":
            labels = np.random.default_rng([trial.seed, 2, number]).permutation(labels)
        names = tuple(f"{split}/{i:04}.png" for i in range(len(labels)))
        classes = tuple(f"{trial.kind} {k + 1}" for k in range(CLASSES))
        sets[split] = ImageSet("textures", split, classes, labels, MemoryImages(pixels.contiguous(), names))
    return ImageSets("textures", sets)


# --- Crops of photographs ---


@cache
def _photographs() -> list[Array]:
    images = next(iter(nearsight.load("imagenet-sample", validation=0, progress=False).values()))
    return [images.image(i).permute(1, 2, 0).numpy().astype(np.float32) for i in range(len(images))]


def _crops(trial: Trial, random: Random, of_class: int) -> list[tuple[Drawing, Drawing]]:
    """Return what cuts training and test images out of different parts of the same photographs of each class.

    Images of 48 pixels are crops of 96, halved, and have lost the traces of JPEG; those of 96 pixels have them.
    """
    chosen = 2 * random.permutation(len(_photographs()) // 2) + trial.held_out
    of_classes = chosen[: CLASSES * of_class].reshape(CLASSES, of_class)
    found = []
    for some in of_classes:
        photographs = [_photographs()[k] for k in some]
        found.append((_crop(photographs, trial.side, random, 0), _crop(photographs, trial.side, random, 1)))
    return found


def _crop(photographs: Sequence[Array], side: int, random: Random, part: int) -> Drawing:
    cut = 96

    def draw() -> Array:
        pixels = photographs[int(random.integers(len(photographs)))]
        edge = round(EDGE * min(pixels.shape[:2]))
        pixels = pixels[edge:-edge, edge:-edge]
        if pixels.shape[0] > pixels.shape[1]:
            pixels = pixels.swapaxes(0, 1)
        middle = max(cut, min(pixels.shape[1] - cut, round((1 - TESTED_PART) * pixels.shape[1])))
        pixels = pixels[:, :middle] if part == 0 else pixels[:, middle:]
        top, left = (int(random.integers(have - cut + 1)) for have in pixels.shape[:2])
        cropped = pixels[top : top + cut, left : left + cut]
        factor = cut // side
        return np.asarray(cropped.reshape(side, factor, side, factor, 3).mean((1, 3)), dtype=np.float32)

    return draw


# --- Drawn textures ---


def _textures(trial: Trial, random: Random) -> list[tuple[Drawing, Drawing]]:
    kinds = list(TEXTURES)[trial.held_out :: 2]
    makes = [_texture(TEXTURES[kinds[k % len(kinds)]], trial.side, random) for k in range(CLASSES)]
    return [(make, make) for make in makes]


def _texture(relief: Callable[[int, float, Random], Array], side: int, random: Random) -> Drawing:
    """Return what draws images of one texture: its colours, scale, contrast and grain are fixed, light varies."""
    dark = random.uniform(30, 150, 3)
    colours = dark, dark + random.uniform(20, 100) * random.dirichlet((3, 3, 3)) * 3
    scale, noise, soft = random.uniform(4, 12), random.uniform(1, 8), random.uniform(0.3, 1)

    def draw() -> Array:
        height = gaussian_filter(relief(side, scale, random), soft)[:, :, None]
        light = random.uniform(0.85, 1.1) + random.uniform(-0.1, 0.1) * np.linspace(-1, 1, side)[:, None]
        picture = (colours[0] + (colours[1] - colours[0]) * height) * light
        return np.asarray(picture + random.normal(0, noise, picture.shape), dtype=np.float32)

    return draw


def _grid(side: int, random: Random, turned: float) -> tuple[Array, Array]:
    """Return coordinates in pixels, shifted at random and turned by up to so many radians."""
    angle, shift = random.uniform(-turned, turned), random.uniform(0, 100, 2)
    down, right = np.mgrid[:side, :side].astype(np.float32) + shift[:, None, None]
    return down * np.cos(angle) - right * np.sin(angle), down * np.sin(angle) + right * np.cos(angle)


def _woven(side: int, scale: float, random: Random) -> Array:
    down, right = _grid(side, random, 0.3)
    over = (np.floor(down / scale) + np.floor(right / scale)) % 2 == 0
    threads = np.where(over, np.sin(np.pi * (down / scale % 1)), np.sin(np.pi * (right / scale % 1)))
    return np.asarray(threads, dtype=np.float32)


def _clouds(side: int, scale: float, random: Random) -> Array:
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)) + 1 / side
    noise = np.fft.ifft2(np.fft.fft2(random.normal(size=(side, side))) / frequency ** (scale / 6)).real
    return np.asarray(0.5 + 0.2 * noise / noise.std(), dtype=np.float32)


def _spotted(side: int, scale: float, random: Random) -> Array:
    down, right = np.mgrid[:side, :side]
    picture = np.zeros((side, side), dtype=np.float32)
    for top, left in random.uniform(0, side, (round(0.4 * (side / scale) ** 2), 2)):
        picture[np.hypot(down - top, right - left) < random.uniform(0.3, 0.7) * scale] = 1
    return picture


def _bricks(side: int, scale: float, random: Random) -> Array:
    down, right = _grid(side, random, 0.1)
    row = np.floor(down / scale)
    along = (right / (2 * scale) + row % 2 / 2) % 1
    return np.asarray((down / scale % 1 > 0.15) & (along > 0.08), dtype=np.float32)


def _scratched(side: int, scale: float, random: Random) -> Array:
    down, right = np.mgrid[:side, :side]
    picture = np.full((side, side), 0.2, dtype=np.float32)
    for _ in range(round(60 / scale)):
        angle, shift = random.normal(0.5, 0.2), random.uniform(-side, side)
        away = np.abs(down * np.cos(angle) - right * np.sin(angle) - shift)
        picture = np.maximum(picture, np.clip(1.2 - away, 0, 1).astype(np.float32))
    return picture


def _cells(side: int, scale: float, random: Random) -> Array:
    down, right = np.mgrid[:side, :side]
    seeds = random.uniform(0, side, (max(3, round((side / scale) ** 2 / 3)), 2))
    away = np.sort(np.hypot(down[:, :, None] - seeds[:, 0], right[:, :, None] - seeds[:, 1]), 2)
    return np.asarray(np.clip((away[:, :, 1] - away[:, :, 0]) / 3, 0, 1), dtype=np.float32)


def _gradient(side: int, scale: float, random: Random) -> Array:
    down, right = _grid(side, random, 0.5)
    return np.asarray(0.5 + 0.5 * np.sin((down + 0.3 * right) / (scale * 6)), dtype=np.float32)


def _rippled(side: int, scale: float, random: Random) -> Array:
    down, right = _grid(side, random, 0.4)
    return np.asarray(0.5 + 0.5 * np.sin(down / scale * 2 + 2 * np.sin(right / scale / 3)), dtype=np.float32)


# Every second one, beginning with the second, was held out.
TEXTURES: dict[str, Callable[[int, float, Random], Array]] = {
    "woven": _woven,
    "clouds": _clouds,
    "spotted": _spotted,
    "bricks": _bricks,
    "scratched": _scratched,
    "cells": _cells,
    "gradient": _gradient,
    "rippled": _rippled,
}


# --- Subjects of one colour ---


@cache
def _pictures(held_out: bool) -> tuple[ImageSet, torch.Tensor]:
    """Return images of many categories and their pixels, 32 to a side."""
    if not held_out:
        images = nearsight.load("cifar10", validation=0, progress=False)["test"]
        return images, torch.stack([images.image(i) for i in range(len(images))])
    images = nearsight.load("tiny-imagenet-40", validation=0, progress=False)["train"]
    whole = torch.stack([images.image(i) for i in range(len(images))]).float()
    return images, functional.avg_pool2d(whole, 2).round().to(torch.uint8)


def _coloured(trial: Trial, random: Random) -> list[tuple[Drawing, Drawing]]:
    """Return what draws the bluest images of a category, the darkest of another, and so on: none is edited."""
    images, pixels = _pictures(trial.held_out)
    categories = random.permutation(len(images.classes))[:CLASSES]
    found = []
    for number, colour in zip(categories, random.permutation(np.array(SUBJECTS)), strict=True):
        mine = pixels[torch.from_numpy(np.flatnonzero(images.labels == number))].float()
        farthest = max(trial.images, round(FARTHEST * len(mine)))
        order = np.argsort(-(mine.mean((2, 3)).numpy() @ colour))[:farthest]
        chosen = mine[random.permutation(order)].permute(0, 2, 3, 1).numpy()
        tested = round(TESTED * len(chosen))
        found.append((_in_turn(chosen[tested:]), _in_turn(chosen[:tested])))
    return found


def _in_turn(images: Array) -> Drawing:
    left = iter(images)
    return lambda: next(left)


KINDS: dict[str, Callable[[Trial, Random], list[tuple[Drawing, Drawing]]]] = {
    "photograph": lambda trial, random: _crops(trial, random, 1),
    "photographs": lambda trial, random: _crops(trial, random, 3),
    "texture": _textures,
    "coloured": _coloured,
}


def table(rows: Sequence[Row]) -> str:
    """Return Markdown: how many classes of each kind had a shortcut, a suspect alone, or one without the rule."""
    lines = [
        "| classes of | classes | networks | right | shortcut | suspect alone | shortcut without the rule |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for name, mine in _groups(rows):
        words = [
            {
                one["word"] if not one["pictured"] else PICTURED
                for one in row["told"]
                if one["class"].endswith(f" {k + 1}")
            }
            for row in mine
            for k in range(CLASSES)
        ]
        if mine:
            right = 100 * float(np.mean([row["accuracy"] for row in mine]))
            cells = (
                rate([SHORTCUT in one for one in words]),
                rate([bool(one) and SHORTCUT not in one for one in words]),
                rate([not one.isdisjoint((SHORTCUT, PICTURED)) for one in words]),
            )
            lines.append(f"| {name} | {len(words)} | {len(mine)} | {right:.0f} % | {' | '.join(cells)} |")
    return "\n".join(lines)


def _groups(rows: Sequence[Row]) -> Iterator[tuple[str, list[Row]]]:
    true = [row for row in rows if row["labels"] == "true"]
    for kind in KINDS:
        yield kind, [row for row in true if row["kind"] == kind]
    yield "all with true labels", true
    for labels in LABELS[1:]:
        yield labels, [row for row in rows if row["labels"] == labels]
