"""The truth test: does measured background reliance follow a shortcut of known strength, and predict what it costs?

Networks are trained on `scenes` at several strengths of the shortcut between class and background, and diagnosed on
images like those they were trained on. Nothing of `shuffled` and `swapped`, where class and background are torn
apart, is seen by the diagnosis; the drop of accuracy from `test` to `swapped` is what it is held against.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

import nearsight
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reasons.main_reason import off_object
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.runs import RESULT, Run
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, whole_per_cent
from nearsight.write import write_json

SHORTCUTS = (0.0, 0.5, 0.9, 1.0)
# Fixed before any result: the share of evidence off the object beyond its share of the area.
MEASURE = "excess"
SHOWN = ("off_share", "excess", "background", "pointing")
FIELDS: dict[str, Any] = {
    "recipe": "fast",
    "tile": 16,
    "width": 0.25,
    "epochs": 2,
    "batch_size": 100,
    "learning_rate": 0.06,
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("truth"), help="runs, and the result as JSON")
    parser.add_argument("--shortcuts", type=float, nargs="+", default=list(SHORTCUTS))
    parser.add_argument("--seeds", type=int, default=3, help="networks for each strength of the shortcut")
    parser.add_argument("--images", type=int, default=None, help="images diagnosed (default: all of test)")


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, diagnose, print the table and write the result."""
    rows = [
        measure(shortcut, seed, arguments.images, arguments.out)
        for shortcut in arguments.shortcuts
        for seed in range(arguments.seeds)
    ]
    models = [
        {name: asdict(value) if isinstance(value, Estimate) else value for name, value in row.items()}
        for row in rows
    ]
    result = {"study": "truth", "recipe": FIELDS, "images": arguments.images, "models": models} | judge(rows)
    write_json(arguments.out / "truth.json", result)
    print(table(rows))
    print(json.dumps({name: result[name] for name in ("rank_correlation", "p", "rises")}))


def measure(shortcut: float, seed: int, images: int | None, out: Path) -> dict[str, Any]:
    """Train one network, and return its accuracies on all three splits and what the diagnosis says of it."""
    data = f"scenes:shortcut={shortcut:g},seed={seed}"
    directory = out / f"shortcut-{shortcut:g}-seed-{seed}"
    finished = (directory / RESULT).is_file()
    trained = Run.open(directory) if finished else nearsight.train(data, out=directory, seed=seed, **FIELDS)
    classifier, sets = trained.classifier(), nearsight.load(data)
    bound = TiledModel(classifier)
    accuracy = {
        split: evaluate(bound, sets[split], protocols=["mean-logit"]).metrics["mean-logit"]["accuracy"]
        for split in ("test", "shuffled", "swapped")
    }
    found = nearsight.diagnose(classifier, sets["test"], images=images, faithfulness=0)
    return {
        "shortcut": shortcut,
        "seed": seed,
        "accuracy": accuracy,
        "drop": accuracy["test"] - accuracy["swapped"],
    } | reliance_measures(found)


def reliance_measures(found: Diagnosis) -> dict[str, Any]:
    """Return what a diagnosis says of object and background."""
    row = found["reliance"].overall
    verdicts = [off_object(reasons) for reasons in found["reasons"].classes]
    return {
        **{name: getattr(row, name) for name in ("off_share", "excess", "background", "object", "pointing")},
        "background_is_main_reason": sum(bool(verdict) for verdict in verdicts),
        "classes": len(verdicts),
    }


def judge(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rank correlation of measured reliance and the drop, and whether the means rise with the shortcut."""
    from scipy.stats import spearmanr

    reliance = np.array([row[MEASURE].value for row in rows])
    found = spearmanr(reliance, [row["drop"] for row in rows])
    strengths = np.array([row["shortcut"] for row in rows])
    means = [float(reliance[strengths == strength].mean()) for strength in np.unique(strengths)]
    return {
        "measure": MEASURE,
        "rank_correlation": float(found.statistic),
        "p": float(found.pvalue),
        "means": means,
        "rises": bool(np.all(np.diff(means) > 0)),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table, a row a network."""
    lines = [
        "| shortcut | seed | test % | shuffled % | swapped % | drop | evidence off the object % | beyond its area "
        "| background alone % | pointing % | background is the main reason |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for row in rows:
        accuracies = " | ".join(points(value) for value in row["accuracy"].values())
        measures = " | ".join(whole_per_cent(row[name]) for name in SHOWN)
        lines.append(
            f"| {row['shortcut']:g} | {row['seed']} | {accuracies} | {points(row['drop'])} "
            f"| {measures} "
            f"| {row['background_is_main_reason']} of {row['classes']} |"
        )
    return "\n".join(lines)
