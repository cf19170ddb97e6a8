"""Training time, and arithmetic, to an accuracy: each arm trained for several lengths, each length from scratch."""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from benchmarks.arms import ARMS
from benchmarks.ceilings import measure_ceilings
from benchmarks.clock import seconds
from benchmarks.facts import facts
from nearsight import training
from nearsight.data import ImageSets, load
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.runs import Run
from nearsight.settings import RECIPES, Machine, Recipe, recipe_from_values
from nearsight.settings.machine import Device

RESULTS = Path(__file__).parent / "results"
TRAINING = ("steps", "flops", "training_pixels", "precision")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark to a parser."""
    parser.add_argument("data", choices=sorted(ARMS), help="image set, under NEARSIGHT_DATA")
    names = sorted({arm for arms in ARMS.values() for arm in arms})
    parser.add_argument(
        "--arm", action="append", dest="arms", choices=names, help="arm, by default all; may be repeated"
    )
    parser.add_argument("--epochs", help="lengths, parted by commas, instead of the arm's own")
    parser.add_argument("--seeds", default="0", help="seeds, parted by commas")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="change the arms' recipes"
    )
    parser.add_argument(
        "--held-out",
        type=float,
        default=0.0,
        metavar="SHARE",
        help="for tuning: judge on this share of train, held out, not on the test images",
    )
    parser.add_argument("--results", type=Path, help="JSON lines, a run a line, added to")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where the networks run")


def run(arguments: argparse.Namespace) -> None:
    """Train and judge every arm at every length, and add one line per run to the results."""
    name = f"accuracy-{arguments.data}{'-tuning' if arguments.held_out else ''}.jsonl"
    results: Path = arguments.results or RESULTS / name
    results.parent.mkdir(parents=True, exist_ok=True)
    changes = dict(change.split("=", 1) for change in arguments.set)
    machine = {"facts": facts(), "threads": torch.get_num_threads()}
    machine["ceilings"] = measure_ceilings(torch.device(arguments.device))
    for arm in arguments.arms or ARMS[arguments.data]:
        own = ARMS[arguments.data][arm]
        lengths = own["lengths"] if arguments.epochs is None else map(float, arguments.epochs.split(","))
        if arguments.device == "cuda":
            _load_kernels(
                arm_recipe(arguments.data, own["recipe"], {**own["fields"], **changes}, arguments.held_out)
            )
        for epochs in lengths:
            for seed in map(int, arguments.seeds.split(",")):
                fields = {**own["fields"], **changes, "epochs": float(epochs), "seed": seed}
                recipe = arm_recipe(arguments.data, own["recipe"], fields, arguments.held_out)
                line = {
                    "data": arguments.data,
                    "arm": arm,
                    "recipe": own["recipe"],
                    "fields": own["fields"],
                    "changes": changes,
                    "epochs": epochs,
                    "seed": seed,
                }
                line |= one_run(recipe, arguments.device, own["stride"]) | machine
                with results.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                share = line["flops"] / line["seconds"] / machine["ceilings"]["convolution bfloat16"]
                accuracy = ", ".join(f"{key} {value:.2%}" for key, value in line["accuracy"].items())
                print(
                    f"{arm} {changes or ''} {epochs:g} epochs, seed {seed}: {accuracy}; {line['seconds']:.0f} s, "
                    f"{line['flops'] / 1e12:.1f} TFLOP, {share:.0%} of the convolution peak",
                    flush=True,
                )


def arm_recipe(data: str, base: str, fields: Mapping[str, Any], held_out: float) -> Recipe:
    """Return an arm's recipe, which trains on all images except the held-out share."""
    return recipe_from_values({**fields, "data": data, "validation": held_out}, RECIPES[base])


@lru_cache(maxsize=1)
def _load(data: str, validation: float, seed: int) -> ImageSets:
    return load(data, validation=validation, seed=seed)


def _load_kernels(recipe: Recipe) -> None:
    """Take a few untimed steps: a process takes seconds to load a GPU's kernels when they are first used."""
    sets = ImageSets(recipe.data, {"train": _load(recipe.data, recipe.validation, 0)["train"]})
    with tempfile.TemporaryDirectory() as directory:
        few = replace(recipe, steps=20)
        training.train(few, sets, Path(directory) / "run", machine=Machine(device="cuda"))


def one_run(recipe: Recipe, device: Device, stride: int | None) -> dict[str, Any]:
    """Train by a recipe and return what it cost and how often it is right, on held-out images or the test images.

    Whole images are judged by one full pass, tiles by the mean logit too. `seconds` are those of training with
    what it sets up; the images, and a GPU's kernels, are already loaded. They are processor seconds on one thread
    of a CPU, otherwise elapsed time.
    """
    # If nothing is held out, the seed chooses nothing.
    sets = _load(recipe.data, recipe.validation, recipe.seed if recipe.validation else 0)
    held_out = recipe.validation > 0
    judged = sets["val" if held_out else "test"]
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run"

        def train() -> None:
            # Without validation images; training would pause for them.
            seen = ImageSets(sets.name, {"train": sets["train"]})
            machine = Machine(device=device, checkpoint_seconds=1e9)
            training.train(recipe, seen, out, machine=machine)

        took = seconds(train, torch.device(device), processor=torch.get_num_threads() == 1)
        trained = Run.open(out)
        figures = trained.result["training"]
        protocols = ["full-pass"] if recipe.tile is None else ["full-pass", "mean-logit"]
        found = evaluate(
            TiledModel(trained.classifier(), stride=stride, device=device), judged, protocols=protocols
        )
    return {
        "judged_on": f"{judged.split}, {len(judged)} images",
        "accuracy": {name: found.metrics[name]["accuracy"] for name in protocols},
        "evaluation_seconds": found.settings["seconds"],
        "seconds": took,
        "step_seconds": figures["seconds"],
    } | {name: figures[name] for name in TRAINING}
