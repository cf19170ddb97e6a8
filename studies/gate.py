"""When do maps of tiles explain a classifier of whole images? Agreement, held against what hiding tiles does.

Networks are trained on whole images, some on permuted labels and some not at all, and evaluated in tiles of
several sizes. The gate's answer is compared with two measures of errors that do not use it: the rank correlation
of a tile's evidence with what the full pass loses without the tile, and how often the wrong prediction changes
when one tile is hidden (the one that speaks most for it, or the one without which it loses most), compared with
the same pixels elsewhere. The study also counts how many labels that a decision on whole images contradicts are
wrong, when one in twenty was changed.
"""

import argparse
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.draw import draw
from nearsight.diagnosis.errors.hidden import changed_by_hiding, covered
from nearsight.diagnosis.faithfulness.curves import rank_correlation
from nearsight.diagnosis.gate.agreement import measure_gate
from nearsight.diagnosis.labels.suspects import label_suspects
from nearsight.diagnosis.removal import removal_maps
from nearsight.evaluation import predict
from nearsight.evaluation.protocols import probabilities
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.runs import RESULT, Run
from nearsight.settings import make_recipe
from nearsight.statistics import Estimate, mean_estimate
from nearsight.statistics.writing import number, points, whole_per_cent, with_interval
from nearsight.write import write_json
from studies.mark import some

SETS: dict[str, dict[str, Any]] = {
    "cifar10": {"epochs": 8, "width": 0.25},
    "stl10": {"epochs": 8, "width": 0.25},
    "scenes": {"epochs": 4, "width": 0.25},
}
MODELS = ("airbench", "resnet9")
FIELDS: dict[str, Any] = {"tile": None, "batch_size": 100, "validation": 0.0}
KINDS = ("trained", "permuted", "untrained")
SHARES = (0.25, 0.375, 0.5, 0.75)
A_CLASS = 500
MOST_HIDDEN = 60
HEAD = (
    "| set | network | tile | right % | predicted alike, chance | kappa | same errors, chance | margins | gate "
    "| evidence and loss, tiles alike | tiles not alike | changed by hiding the first tile, elsewhere | by loss |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: |",
)
WRONG_LABELS = 0.05


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("gate"), help="runs, and the result as JSON")
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--images", type=int, default=500, help="test images looked at")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, evaluate every network in tiles, print the table and write the result."""
    rows, labels = [], []
    print("\n".join(HEAD))
    for name in arguments.sets:
        sets = nearsight.load(name, validation=0)
        test = sets["test"].select(draw(len(sets["test"]), arguments.images, arguments.seed))
        for model, kind in product(arguments.models, KINDS):
            classifier = network(name, model, kind, sets, arguments.seed, arguments.out)
            if kind == "trained":
                labels.append(
                    {"set": name, "network": model} | wrong_labels(classifier, test, arguments.seed)
                )
                print(labels[-1], flush=True)
            for share in SHARES:
                found = look(classifier, test, round(share * test.smallest))
                rows.append({"set": name, "network": f"{model}, {kind}"} | found)
                print(line(rows[-1]), flush=True)
    write_json(arguments.out / "gate.json", {"study": "gate", "recipe": SETS, "rows": rows, "labels": labels})


def network(name: str, model: str, kind: str, sets: ImageSets, seed: int, out: Path) -> Classifier:
    """Return a network of whole images: trained, trained on permuted labels, or with its initial weights."""
    steps = {"steps": 1, "epochs": None, "learning_rate": 1e-9} if kind == "untrained" else {}
    recipe = make_recipe(name, "fast", FIELDS | SETS[name] | {"model": model, "seed": seed} | steps)
    directory = out / f"{name}-{model}-{kind}-{seed}"
    if (directory / RESULT).is_file():
        return Run.open(directory).classifier()
    train = some(sets["train"], A_CLASS, np.random.default_rng(seed))
    if kind == "permuted":
        train = replace(train, labels=np.random.default_rng(seed).permutation(train.labels))
    known = ImageSets(f"{name}, {kind}", {"train": train, "test": sets["test"].select(np.arange(100))})
    return training.train(recipe, known, directory).classifier()


def look(classifier: Classifier, images: ImageSet, tile: int) -> dict[str, Any]:
    """Return what the gate says about tiles of a size, and what hiding tiles says."""
    bound = TiledModel(classifier, tile=tile, stride=tile // 2)
    decision, tiles = Decision(bound, "full-pass"), Decision(bound, "mean-logit")
    whole, by_tiles = (how.scores(images.image(i) for i in range(len(images))) for how in (decision, tiles))
    gate = measure_gate("full-pass", whole, by_tiles, images.labels)
    ours = predict(whole)
    wrong = np.flatnonzero(ours != images.labels)[:MOST_HIDDEN]
    orders = hidden_orders(decision, images, ours, wrong)
    return {
        "tile": tile,
        "accuracy": float((ours == images.labels).mean()),
        "open": gate.open,
        "agreement": asdict(gate.agreement),
        "kappa": asdict(gate.kappa),
        "on_errors": asdict(gate.on_errors),
        "margins": asdict(gate.margins),
        "correlation": {
            name: asdict(
                mean_estimate([order.correlation for order in orders if order.alike == alike], chance=0.0)
            )
            for name, alike in (("agreeing", True), ("others", False))
        },
        "hiding": {
            name: asdict(
                changed_by_hiding(decision, ((o.image, o.pixels[name], o.prediction) for o in orders))[1]
            )
            for name in ("tiles", "removal")
        },
    }


@dataclass(frozen=True)
class Order:
    """An error: whether its tiles predict the same, how evidence goes with loss, and the first tile of each order."""

    image: Tensor
    prediction: int
    alike: bool
    correlation: float
    pixels: dict[str, Tensor]


def hidden_orders(
    decision: Decision, images: ImageSet, predictions: NDArray[np.int64], places: NDArray[np.int64]
) -> list[Order]:
    """Return for some errors the tile that speaks most for the wrong class, and that without which it loses most."""
    found = []
    for place in places.tolist():
        image = decision.bound.resize(images.image(place))
        prediction, label = int(predictions[place]), int(images.labels[place])
        [evidence], [lost] = decision.bound.maps([image]), removal_maps(decision, [image])
        leads = [(one.logits[prediction] - one.logits[label]).flatten() for one in (evidence, lost)]
        pixels = [covered(evidence.grid, [int(lead.argmax())]) for lead in leads]
        found.append(
            Order(
                image,
                prediction,
                alike=evidence.predicted() == prediction,
                correlation=rank_correlation(leads[0].tolist(), leads[1].double().numpy()),
                pixels=dict(zip(("tiles", "removal"), pixels, strict=True)),
            )
        )
    return found


def wrong_labels(classifier: Classifier, images: ImageSet, seed: int) -> dict[str, int]:
    """Return how many labels the full pass contradicts, with all labels as they are and with some changed."""
    random = np.random.default_rng(seed)
    scores = Decision(TiledModel(classifier), "full-pass").scores(images.image(i) for i in range(len(images)))
    changed = random.random(len(images)) < WRONG_LABELS
    others = (images.labels + random.integers(1, len(images.classes), len(images))) % len(images.classes)

    def listed(labels: NDArray[np.int64]) -> list[int]:
        found = label_suspects(probabilities("full-pass", scores), predict(scores), labels, images.paths())
        return [suspect.index for suspect in found]

    among = listed(np.where(changed, others, images.labels))
    return {
        "images": len(images),
        "changed": int(changed.sum()),
        "listed": len(among),
        "listed_and_changed": int(changed[among].sum()),
        "listed_where_none_is_changed": len(listed(images.labels)),
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of the Markdown table."""
    kappa, margins, agreeing, others = (
        with_interval(Estimate(**found), number)
        for found in (
            row["kappa"],
            row["margins"],
            row["correlation"]["agreeing"],
            row["correlation"]["others"],
        )
    )
    alike, errors, tiles, removal = (
        beside_chance(Estimate(**found))
        for found in (row["agreement"], row["on_errors"], row["hiding"]["tiles"], row["hiding"]["removal"])
    )
    cells = (
        row["set"], row["network"], str(row["tile"]), points(row["accuracy"], 0), alike, kappa, errors, margins,
        "open" if row["open"] else "closed", agreeing, others, tiles, removal,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def beside_chance(found: Estimate) -> str:
    """Write a share with the value of chance after it."""
    chance = "" if found.chance is None else f", {points(found.chance, 0)}"
    return f"{whole_per_cent(found)}{chance}"
