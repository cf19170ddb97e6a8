"""The truth test: does measured background reliance follow a shortcut of known strength, and predict what it costs?

Networks are trained on `scenes` with several strengths of the shortcut between class and background, and
diagnosed on images like those they were trained on. The diagnosis does not see `shuffled` and `swapped`, where
class and background are separated; it is compared with the drop of accuracy from `test` to `swapped`. There are
also networks that learned nothing, trained on permuted labels or not at all: about these nothing may be
concluded.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import nearsight
from nearsight import training
from nearsight.data import ImageSets
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reliance.verdict import BACKGROUND, BOTH, INDIFFERENT, NOT_KNOWN, OBJECT
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.progress import SILENT
from nearsight.runs import RESULT, Run
from nearsight.settings import make_recipe
from nearsight.statistics import Estimate
from nearsight.statistics.writing import points, whole_per_cent
from nearsight.training.prepare import build_classifier
from nearsight.write import write_json

SHORTCUTS = (0.0, 0.5, 0.9, 1.0)
# Fixed before any result: the share of evidence off the object in excess of its share of the area.
MEASURE = "excess"
SHOWN = ("off_share", "excess", "contrast", "background", "pointing")
VERDICTS = (OBJECT, BOTH, INDIFFERENT, BACKGROUND, NOT_KNOWN)
NULLS = ("permuted", "untrained")
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
    parser.add_argument("--stride", type=int, default=None, help="of the tiles (default: a quarter of them)")
    parser.add_argument(
        "--nulls", type=int, default=1, help="of each kind, for each strength of the shortcut"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, diagnose, print the table and write the result."""
    rows = [
        measure(shortcut, seed, arguments)
        for shortcut in arguments.shortcuts
        for seed in range(arguments.seeds)
    ]
    nulls = [row for shortcut in arguments.shortcuts for row in null_rows(shortcut, arguments)]
    result = {
        "study": "truth",
        "recipe": FIELDS,
        "images": arguments.images,
        "stride": arguments.stride,
        "models": [plain(row) for row in rows],
        "nulls": [plain(row) for row in nulls],
    } | judge(rows)
    write_json(arguments.out / "truth.json", result)
    print(table(rows))
    print(null_table(nulls))
    print(json.dumps({name: result[name] for name in ("rank_correlation", "p", "rises")}))


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON holds it."""
    return {name: asdict(value) if isinstance(value, Estimate) else value for name, value in row.items()}


def data_name(shortcut: float, seed: int) -> str:
    """Return the name of the scenes of one strength of the shortcut."""
    return f"scenes:shortcut={shortcut:g},seed={seed}"


def measure(shortcut: float, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train one network, and return its accuracies on all three splits and what the diagnosis says about it."""
    data = data_name(shortcut, seed)
    directory = arguments.out / f"shortcut-{shortcut:g}-seed-{seed}"
    finished = (directory / RESULT).is_file()
    trained = Run.open(directory) if finished else nearsight.train(data, out=directory, seed=seed, **FIELDS)
    classifier, sets = trained.classifier(), nearsight.load(data)
    bound = TiledModel(classifier, stride=arguments.stride)
    accuracy = {
        split: evaluate(bound, sets[split], protocols=["mean-logit"]).metrics["mean-logit"]["accuracy"]
        for split in ("test", "shuffled", "swapped")
    }
    return {
        "shortcut": shortcut,
        "seed": seed,
        "accuracy": accuracy,
        "drop": accuracy["test"] - accuracy["swapped"],
    } | diagnosed(classifier, sets, arguments)


def null_rows(shortcut: float, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield what the diagnosis says of networks that learned nothing, on images of one strength of the shortcut."""
    if not arguments.nulls:
        return
    sets = nearsight.load(data_name(shortcut, 0))
    fields = {name: value for name, value in FIELDS.items() if name != "recipe"} | {"validation": 0.0}
    for seed in range(arguments.nulls):
        recipe = make_recipe(sets.name, FIELDS["recipe"], fields | {"seed": seed})
        directory = arguments.out / f"permuted-{shortcut:g}-seed-{seed}"
        labels = np.random.default_rng(seed).permutation(sets["train"].labels)
        permuted = ImageSets(sets.name, {"train": replace(sets["train"], labels=labels)})
        finished = (directory / RESULT).is_file()
        trained = Run.open(directory) if finished else training.train(recipe, permuted, directory)
        untrained, _ = build_classifier(replace(recipe, seed=1000 + seed), sets["train"], SILENT)
        for kind, classifier in zip(NULLS, (trained.classifier(), untrained.eval()), strict=True):
            yield {"shortcut": shortcut, "seed": seed, "kind": kind} | diagnosed(classifier, sets, arguments)


def diagnosed(classifier: Classifier, sets: ImageSets, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a diagnosis says about object and background."""
    found = nearsight.diagnose(
        classifier, sets["test"], images=arguments.images, stride=arguments.stride, parts=["reliance"]
    )
    return reliance_measures(found)


def reliance_measures(found: Diagnosis) -> dict[str, Any]:
    """Return what a diagnosis says about object and background, of all classes together and for how many alone."""
    reliance = found["reliance"]
    row, asked = reliance.overall, reliance.asked
    contrasts = [one for one in reliance.classes if one.contrast_q is not None]
    return {
        **{name: getattr(row, name) for name in (*SHOWN, "object")},
        "contrasts_clear_of_0": sum(not one.contrast.low < 0 < one.contrast.high for one in contrasts),
        "contrasts_believed": sum(one.contrast_q <= 0.05 for one in contrasts),
        "verdict": asked.overall.verdict,
        "verdicts": {verdict: len(asked.of(verdict)) for verdict in VERDICTS},
        "right": asked.overall.original,
        "interventions": {f"{fill.side}, {fill.fill}": asdict(fill.accuracy) for fill in asked.overall.fills},
        "classes": len(reliance.classes),
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
    """Return a Markdown table, one row per network."""
    lines = [
        "| shortcut | seed | test % | shuffled % | swapped % | drop | evidence off the object | beyond its area "
        "| contrast | background tiles alone | pointing | what decides | object / both / indifferent / background "
        "/ not known |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for row in rows:
        accuracies = " | ".join(points(value) for value in row["accuracy"].values())
        measures = " | ".join(whole_per_cent(row[name]) for name in SHOWN)
        lines.append(
            f"| {row['shortcut']:g} | {row['seed']} | {accuracies} | {points(row['drop'])} "
            f"| {measures} | {row['verdict']} | {_counts(row)} |"
        )
    return "\n".join(lines)


def null_table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table, one row per network that learned nothing."""
    lines = [
        "| network | shortcut of the images | seed | beyond its area | contrast | contrasts of classes clear of 0 "
        "| believed at 5 % of false discoveries | what decides | classes with a verdict |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: |",
    ]
    for row in rows:
        given = row["classes"] - row["verdicts"][NOT_KNOWN]
        lines.append(
            f"| {row['kind']} | {row['shortcut']:g} | {row['seed']} | {whole_per_cent(row['excess'])} "
            f"| {whole_per_cent(row['contrast'])} | {row['contrasts_clear_of_0']} of {row['classes']} "
            f"| {row['contrasts_believed']} of {row['classes']} | {row['verdict']} | {given} of {row['classes']} |"
        )
    return "\n".join(lines)


def _counts(row: dict[str, Any]) -> str:
    return " / ".join(str(row["verdicts"][verdict]) for verdict in VERDICTS)
