"""Object, background and verdicts on real images: what holds whatever the seed and the network?

Networks of two architectures are trained briefly on tiles of sets whose objects are known, with several seeds
each, and diagnosed on the test images. Results are written as they come, one line per network, so that the study
can be stopped and continued.
"""

import argparse
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

import nearsight
from nearsight import training
from nearsight.data import ImageSets
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reasons.atlas import ClassReasons
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reliance.verdict import FALSE_DISCOVERIES
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.diagnosis.verdicts.verdict import Verdict
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.runs import RESULT, Run
from nearsight.settings import Machine, make_recipe
from nearsight.statistics import Estimate, student_estimate
from nearsight.statistics.writing import MISSING, points, whole_per_cent
from nearsight.write import write_json
from studies.rows import read_rows, write_rows

SETS = ("stl10", "tiny-imagenet-40")
MODELS = ("airbench", "tilenet-pooled")
STRIDE = 16
# Some 30 seconds of one core.
FIELDS: dict[str, Any] = {
    "tile": 32,
    "width": 0.25,
    "steps": 300,
    "batch_size": 64,
    "learning_rate": 0.06,
    "validation": 0.0,
    "precision": "float32",
}
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
# For a class, or for all: shares of evidence and area, accuracies from tiles, and with object or background
# erased.
MEASURES = {
    "accuracy": "right",
    "off_share": "evidence off the object",
    "off_area": "area off it",
    "contrast": "contrast, points",
    "background": "right from background tiles",
    "object": "from tiles on the object",
    "pointing": "strongest tile on it",
    "as_it_is": "right of those asked again",
    "without_object": "without object",
    "without_background": "without background",
}
ALL = "all"
PARTS = ("reasons", "verdicts")
RESULTS = "networks.jsonl"

Row = dict[str, Any]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument(
        "--out", type=Path, default=Path("reliance"), help="results as they come, and the summary"
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3, help="networks of each set and architecture")
    parser.add_argument("--images", type=int, default=600, help="images diagnosed, drawn from test")
    parser.add_argument(
        "--parts", nargs="*", default=list(PARTS), choices=PARTS, help="that are diagnosed beside reliance"
    )
    parser.add_argument("--steps", type=int, default=FIELDS["steps"], help="of training")
    parser.add_argument(
        "--keep-runs", action="store_true", help="keep the trained runs (default: results alone)"
    )


def run(arguments: argparse.Namespace) -> None:
    """Train and diagnose what is not done yet, write one line per network and the summary, and print the tables."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = {row["network"] for row in read_rows(lines)}
    loaded: dict[str, ImageSets] = {}
    # Seeds last, so that a stopped study has as many networks of each set.
    for seed, data, model in product(range(arguments.seeds), arguments.sets, arguments.models):
        name = f"{data}-{model}-{seed}"
        if name in done:
            continue
        if data not in loaded:
            loaded[data] = nearsight.load(data, validation=0)
        row = {"network": name, "set": data, "model": model, "seed": seed}
        classifier = trained(data, model, seed, loaded[data], arguments)
        row |= measure(classifier, loaded[data], arguments.images, arguments.parts)
        write_rows(lines, [row], more=True)
        print(f"{name}: {points(row['accuracy'])} % right", flush=True)
        if not arguments.keep_runs:
            shutil.rmtree(arguments.out / name)
    rows = read_rows(lines)
    write_json(
        arguments.out / "reliance.json",
        {"study": "reliance", "recipe": FIELDS, "networks": len(rows), "summary": summary(rows)},
    )
    print(table(summary(rows)))
    print(verdict_table(rows))


def trained(data: str, model: str, seed: int, sets: ImageSets, arguments: argparse.Namespace) -> Classifier:
    """Return a network by tiles, trained now if it does not exist yet."""
    directory = arguments.out / f"{data}-{model}-{seed}"
    if (directory / RESULT).is_file():
        return Run.open(directory).classifier()
    recipe = make_recipe(data, "fast", FIELDS | {"model": model, "seed": seed, "steps": arguments.steps})
    # A hundred test images, because the diagnosis measures accuracy anyway.
    few = ImageSets(data, {"train": sets["train"], "test": sets["test"].select(np.arange(100))})
    return training.train(recipe, few, directory, resume=True, machine=CPU).classifier()


def measure(classifier: Classifier, sets: ImageSets, images: int, parts: Sequence[str]) -> Row:
    """Return what a diagnosis says of a network: accuracy, one row per class with known objects, and verdicts."""
    found = nearsight.diagnose(
        TiledModel(classifier, stride=STRIDE),
        sets["test"],
        images=images,
        parts=["protocols", "reliance", *parts],
        faithfulness=0,
        progress=False,
    )
    verdicts, reasons = VERDICTS.of(found), REASONS.of(found)
    by_protocol = {row.protocol: row.accuracy.value for row in found["protocols"].rows}
    return {
        "accuracy": by_protocol[found.decision],
        "images": found.images,
        "classes": list(of_classes(found)),
        "verdicts": verdicts and [of_verdict(one, found.classes) for one in verdicts.verdicts],
        "reasons": reasons and [of_reasons(one) for one in reasons.classes if one.reasons],
    }


def of_classes(found: Diagnosis) -> Iterator[Row]:
    """Yield a row for all classes together and for each whose objects are known."""
    reliance = found["reliance"]
    asked = reliance.asked
    rows = zip((reliance.overall, *reliance.classes), (asked.overall, *asked.classes), strict=True)
    for row, region in rows:
        if not row.images:
            continue
        fills = {(fill.side, fill.fill): fill.accuracy for fill in region.fills}
        measured = {name: getattr(row, name) for name in MEASURES if hasattr(row, name)} | {
            "as_it_is": region.original,
            "without_object": fills["object", asked.object_fill],
            "without_background": fills["background", asked.background_fill],
        }
        yield {
            "class": row.name,
            "images": row.images,
            "contrast_believed": row.contrast_q is not None and row.contrast_q <= FALSE_DISCOVERIES,
            "decides": region.verdict,
        } | {name: value.value for name, value in measured.items()}


def of_verdict(one: Verdict, classes: Sequence[str]) -> Row:
    """Return what is kept of a verdict."""
    return {
        "class": classes[one.class_number],
        "verdict": one.verdict,
        "attribute": one.attribute,
        "words": one.words,
        "share": one.share.value,
        "accuracy_with": one.accuracy_with.value,
        "accuracy_without": one.accuracy_without.value,
    }


def of_reasons(found: ClassReasons) -> Row:
    """Return what is kept of a class's reasons: their words, and how much of the main one lies on the object."""
    main = max(found.reasons, key=lambda reason: reason.total_share.value or 0.0)
    on = main.on_object
    return {
        "class": found.name,
        "reasons": [reason.appearance for reason in found.reasons],
        "main": main.appearance,
        "main_share": main.total_share.value,
        "main_on_object": None if on is None else on.value,
        "main_on_object_chance": None if on is None else on.chance,
    }


def summary(rows: Sequence[Row]) -> list[Row]:
    """Return for each set, architecture and class the mean of each measure over seeds, and what decides."""
    return [
        of_seeds(data, model, name, rows)
        for data, model in dict.fromkeys((row["set"], row["model"]) for row in rows)
        for name in dict.fromkeys(
            one["class"] for row in rows if row["set"] == data for one in row["classes"]
        )
    ]


def of_seeds(data: str, model: str, name: str, rows: Sequence[Row]) -> Row:
    """Return the mean of each measure of a class over the seeds of an architecture on a set."""
    networks = [row for row in rows if (row["set"], row["model"]) == (data, model)]
    classes = [one for row in networks for one in row["classes"] if one["class"] == name]
    values = {measure: [one[measure] for one in classes] for measure in MEASURES if measure != "accuracy"}
    found: Row = {"set": data, "model": model, "class": name, "seeds": len(classes)}
    if name == ALL:
        values = {"accuracy": [row["accuracy"] for row in networks]} | values
        # For each network, how many classes had each answer.
        found["classes_decide"] = [
            dict(Counter(one["decides"] for one in row["classes"] if one["class"] != ALL)) for row in networks
        ]
    return found | {
        "decides": dict(Counter(one["decides"] for one in classes).most_common()),
        "contrast_believed": sum(one["contrast_believed"] for one in classes),
        "measures": {measure: over_seeds(each) for measure, each in values.items()},
    }


def over_seeds(values: Sequence[float | None]) -> Row:
    """Return the mean with Student's interval over seeds, and the least and the largest value."""
    known = [value for value in values if value is not None]
    found = asdict(student_estimate(known, covers="seeds"))
    return found | {"least": min(known, default=None), "most": max(known, default=None)}


def table(rows: Sequence[Row], shown: int = 10) -> str:
    """Return a Markdown table: a row for each set and architecture, and for its classes if they are few."""
    lines = [
        f"| set | network | class | what decides | {' | '.join(MEASURES.values())} |",
        f"| --- | --- | --- | --- | {' | '.join('---:' for _ in MEASURES)} |",
    ]
    for row in rows:
        beside = [one for one in rows if (one["set"], one["model"]) == (row["set"], row["model"])]
        if row["class"] != ALL and len(beside) > shown:
            continue
        decides = ", ".join(f"{verdict} ({count})" for verdict, count in row["decides"].items())
        cells = [written(row["measures"][name]) if name in row["measures"] else MISSING for name in MEASURES]
        lines.append(f"| {row['set']} | {row['model']} | {row['class']} | {decides} | {' | '.join(cells)} |")
    return "\n".join(lines)


def written(found: Row) -> str:
    """Write a mean over seeds with its interval, and its range.

    >>> written({"value": 0.5, "low": 0.38, "high": 0.62, "n": 3, "least": 0.45, "most": 0.55})
    '50 % (38 to 62), 45–55'
    """
    if found["value"] is None:
        return MISSING
    mean = whole_per_cent(Estimate(found["value"], found["low"], found["high"]))
    return f"{mean}, {points(found['least'], 0)}–{points(found['most'], 0)}"


def verdict_table(rows: Iterable[Row]) -> str:
    """Return a Markdown table of what was found: by set, class and attribute, in how many networks of each kind."""
    found = Counter[tuple[str, str, str, str]]()
    networks: dict[tuple[str, str, str, str], Counter[str]] = {}
    for row in rows:
        for key in {
            (row["set"], one["class"], one["attribute"], one["verdict"]) for one in row["verdicts"] or ()
        }:
            found[key] += 1
            networks.setdefault(key, Counter())[row["model"]] += 1
    lines = ["| set | class | attribute | verdict | networks |", "| --- | --- | --- | --- | --- |"]
    for key, _ in found.most_common():
        of_each = ", ".join(f"{model} {count}" for model, count in sorted(networks[key].items()))
        lines.append(f"| {' | '.join(key)} | {of_each} |")
    return "\n".join(lines)
