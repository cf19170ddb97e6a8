"""What the recipe that is chosen by itself is worth on photographs, beside the named ones.

Networks are trained on some images of a set's training split (STL-10's, or CIFAR-10's): by `auto` without weights
to start from, by `auto` with the weights of a run that was trained on Tiny-ImageNet-40, by `fast` as it is, and
by a few epochs of `standard`. All see tiles of one size and are judged by the mean logit of the tiles of the same
test images. A line is written for each network as it comes, so that the study can be stopped and continued.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import product
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
from nearsight.settings import RECIPES, Recipe
from nearsight.settings.auto import choose_recipe
from nearsight.settings.recipes import with_run_taken
from nearsight.statistics import Estimate, arm_estimate, paired_difference
from nearsight.statistics.writing import three_digits, with_interval
from nearsight.verbs.auto_recipe import facts_of
from nearsight.write import write_json
from studies.many_classes import CPU
from studies.rows import read_rows, write_rows

DATA, BEGUN = "stl10", "tiny-imagenet-40"
SCRATCH, OWN, FAST, STANDARD = "auto", "auto, weights of a run", "fast", "standard"
ARMS = (SCRATCH, OWN, FAST, STANDARD)
RESULTS, TABLE = "networks.jsonl", "recipes.json"

Row = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("recipes"), help="results and table")
    parser.add_argument("--data", default=DATA)
    parser.add_argument("--width", type=float, default=0.5, help="of all quick networks")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=1000, help="photographs that are trained on")
    parser.add_argument("--test-images", type=int, default=1000)
    parser.add_argument("--begun-epochs", type=float, default=4.0, help=f"of the run on {BEGUN}")
    parser.add_argument("--standard-epochs", type=float, default=5.0, help="of the 200 of `standard`")
    parser.add_argument("--most", type=int, help="networks to train now (default: all that are left)")


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, write one line per network, and write and print the summary."""
    torch.set_num_threads(1)
    nearsight.keep_freed_memory()
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = {(row["arm"], row["seed"]) for row in read_rows(lines)}
    left = [one for one in [(BEGUN, 0), *_all(arguments.seeds)] if one not in done]
    for arm, seed in left[: arguments.most]:
        row = _begin(arguments) if arm == BEGUN else _measure(arm, seed, arguments)
        write_rows(lines, [row], more=True)
        print(arm, seed, f"{row['seconds']:.0f} s", f"{_right(row).mean():.2%}", flush=True)
    if arguments.most is not None and arguments.most < len(left):
        return
    summary = summarise(read_rows(lines))
    write_json(arguments.out / TABLE, {"study": "recipes", **summary})
    print(table(summary))


def _all(seeds: int) -> list[tuple[str, int]]:
    # The slowest one, which adds least, comes last.
    return sorted(
        ((arm, seed) for seed, arm in product(range(seeds), ARMS)), key=lambda one: one[0] == STANDARD
    )


def _begin(arguments: argparse.Namespace) -> Row:
    """Train the run from whose weights another arm starts."""
    sets = nearsight.load(BEGUN, validation=0)
    asked = {"pretrained": False, "width": arguments.width}
    chosen = choose_recipe(facts_of(sets["train"], asked, CPU), asked)
    test = sets["test"].select(_drawn(sets["test"], arguments.test_images))
    recipe = replace(chosen, data=BEGUN, epochs=arguments.begun_epochs)
    return {"arm": BEGUN, "seed": 0} | _trained(recipe, sets["train"], test, arguments.out / "begun")


def _measure(arm: str, seed: int, arguments: argparse.Namespace) -> Row:
    sets = nearsight.load(arguments.data, validation=0)
    train = sets["train"].select(_drawn(sets["train"], arguments.images))
    test = sets["test"].select(_drawn(sets["test"], arguments.test_images))
    recipe = recipe_of(arm, train, arguments)
    place = arguments.out / f"{ARMS.index(arm)}-{seed}"
    return {"arm": arm, "seed": seed} | _trained(
        replace(recipe, data=arguments.data, seed=seed), train, test, place
    )


def recipe_of(arm: str, train: ImageSet, arguments: argparse.Namespace) -> Recipe:
    """Return the recipe of an arm for the images that are trained on; all have the tile that `auto` chooses."""
    plain: dict[str, Any] = {"pretrained": False, "width": arguments.width}
    asked = with_run_taken({"weights_of": str(arguments.out / "begun")}) if arm == OWN else plain
    chosen = choose_recipe(facts_of(train, asked, CPU), asked)
    if arm in (SCRATCH, OWN):
        return chosen
    named = replace(RECIPES[arm], tile=chosen.tile)
    if arm == STANDARD:
        return replace(named, epochs=arguments.standard_epochs)
    return replace(named, width=arguments.width)


def _trained(recipe: Recipe, train: ImageSet, test: ImageSet, out: Path) -> Row:
    begun = time.process_time()
    sets = ImageSets(recipe.data, {"train": train})
    trained = training.train(replace(recipe, validation=0.0), sets, out, resume=True, machine=CPU)
    seconds = time.process_time() - begun
    bound = TiledModel(trained.classifier(), stride=recipe.tile and recipe.tile // 2, device="cpu")
    right = evaluate(bound, test, protocols=["mean-logit"]).predictions["mean-logit"] == test.labels
    result = trained.training
    return {
        "seconds": seconds,
        "epochs": result["epochs"],
        "steps": result["steps"],
        "flops": result["flops"],
        "right": "".join(map(str, right.astype(int))),
    }


def _drawn(images: ImageSet, count: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(0).permutation(len(images))[:count])


def _right(row: Row) -> NDArray[np.float64]:
    return np.array(list(row["right"]), dtype=np.float64)


def summarise(rows: Sequence[Row]) -> Row:
    """Return accuracies by arm, what each took, and how far each is from `auto` without weights."""
    of_arm = {arm: [row for row in rows if row["arm"] == arm] for arm in (BEGUN, *ARMS)}
    right = {arm: np.stack([_right(row) for row in found]) for arm, found in of_arm.items() if found}
    return {
        "test_images": right[SCRATCH].shape[1],
        "seeds": len(right[SCRATCH]),
        "arms": [
            {
                "arm": arm,
                "accuracy": asdict(arm_estimate(found)),
                "difference": None
                if arm in (BEGUN, SCRATCH)
                else asdict(paired_difference(found, right[SCRATCH])),
                "seconds": float(np.mean([row["seconds"] for row in of_arm[arm]])),
                **{name: of_arm[arm][0][name] for name in ("epochs", "steps", "flops")},
            }
            for arm, found in right.items()
        ],
    }


def table(summary: Row) -> str:
    """Return a Markdown table: a row for each arm."""
    lines = [
        "| arm | epochs | steps | TFLOP | seconds | accuracy, % (95 %) | points from auto (95 %) |",
        "| --- | --: | --: | --: | --: | --: | --: |",
    ]
    for row in summary["arms"]:
        difference = "–" if row["difference"] is None else with_interval(Estimate(**row["difference"]))
        cells = (
            row["arm"],
            f"{row['epochs']:.3g}",
            f"{row['steps']:,}",
            three_digits(row["flops"] / 1e12),
            f"{row['seconds']:.0f}",
            with_interval(Estimate(**row["accuracy"])),
            difference,
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
