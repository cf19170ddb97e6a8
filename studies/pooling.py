"""Which pooling of tiles for which objects? The mean and what looks for the strongest tiles, on small and large ones.

Networks of tiles of 16 pixels are trained on generated scenes of 64 pixels, whose objects fit into a tile or fill
much of the image, on uninformative backgrounds. For each seed and set, one network is trained on one tile of each
image, as usual. From its weights, one network continues in the same way, and others on several tiles that make
one prediction, one for each pooling, all with as many tiles and steps. Each is judged under every protocol on the
same test images. A line is written for each network as it comes, so that the study can be stopped and continued.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.report.figure_file import save_figure
from nearsight.runs import Run
from nearsight.settings import make_recipe
from nearsight.settings.pooled import POOLINGS, Pooling, PoolingName
from nearsight.settings.protocols import FULL_PASS
from nearsight.statistics import Estimate, arm_estimate, paired_difference
from nearsight.statistics.writing import with_interval
from nearsight.write import write_json
from studies.many_classes import CPU
from studies.rows import measured_networks, read_rows, write_rows

SETS = {
    "small": "scenes:shortcut=0,size=0.35",
    "large": "scenes:shortcut=0",
}
TILE, STRIDE, TILES = 16, 8, 8
# As many tiles per step, whatever their number per image.
TILES_OF_STEP = 256
SINGLE = "one tile"
FIELDS: dict[str, Any] = {
    "model": "airbench",
    "width": 0.125,
    "learning_rate": 0.06,
    "crop_padding": 0,
    "precision": "float32",
    "tile": TILE,
    # Two of the tiles of a step.
    "top_k": 0.25,
}
RESULTS = "networks.jsonl"

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Row = dict[str, Any]
Table = NDArray[np.float64]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("pooling"), help="results, table and figure")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=240, help="of the network that all begin with")
    parser.add_argument("--more-steps", type=int, default=120, help="of each that goes on from it")
    parser.add_argument("--test-images", type=int, default=500)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, write one line per network, and write and print the summary."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = measured_networks(lines)
    loaded: dict[str, ImageSets] = {}
    for seed, of, arm in product(range(arguments.seeds), arguments.sets, (SINGLE, *POOLINGS)):
        if (seed, of, arm) in done:
            continue
        if of not in loaded:
            loaded[of] = nearsight.load(SETS[of])
        test = loaded[of]["test"].select(np.arange(arguments.test_images))
        begun = arguments.out / "begun" / f"{of}-{seed}"
        _trained(loaded[of], begun, {"steps": arguments.steps, "seed": seed, "batch_size": TILES_OF_STEP})
        found = measure(loaded[of], test, arm, seed, begun, arguments.more_steps)
        row = {"network": (seed, of, arm)} | found
        write_rows(lines, [row], more=True)
        said = {name: f"{right.count('1') / len(right):.1%}" for name, right in row["right"].items()}
        print(row["network"], f"{row['seconds']:.0f} s", said, flush=True)
    summary = summarise(read_rows(lines))
    steps = {"steps": arguments.steps, "more_steps": arguments.more_steps}
    write_json(arguments.out / "pooling.json", {"study": "pooling", **steps, **summary})
    print(table(summary))
    figure = draw_figure(summary)
    for suffix in (".png", ".svg"):
        save_figure(figure, arguments.out / f"pooling{suffix}")


def _trained(sets: ImageSets, out: Path, fields: Row) -> Run:
    """Train a network, or continue it; what is finished stays."""
    recipe = make_recipe(sets.name, "fast", FIELDS | fields)
    train = ImageSets(sets.name, {"train": sets["train"]})
    return training.train(recipe, train, out, machine=CPU, resume=out.exists())


def measure(sets: ImageSets, test: ImageSet, arm: str, seed: int, begun: Path, steps: int) -> Row:
    """Continue from a network; return which test images are right under every protocol, and what it took."""
    fields: Row = {"steps": steps, "seed": seed, "batch_size": TILES_OF_STEP, "weights_of": str(begun)}
    if arm != SINGLE:
        fields |= {"tiles_per_image": TILES, "batch_size": TILES_OF_STEP // TILES, "pooling": arm}
    with tempfile.TemporaryDirectory() as directory:
        trained = _trained(sets, Path(directory) / "run", fields)
        bound = TiledModel(trained.classifier(), tile=TILE, stride=STRIDE, device="cpu")
        asked = [Pooling(name).protocol for name in POOLINGS if name != "attention" or bound.attends]
        found = evaluate(bound, test, protocols=[FULL_PASS, *asked])
        seconds = trained.result["training"]["seconds"]
    right = {
        name: "".join(map(str, (predicted == test.labels).astype(int)))
        for name, predicted in found.predictions.items()
    }
    return {"seconds": seconds, "right": right}


def summarise(rows: Sequence[Row]) -> Row:
    """Return the accuracies by set, training and protocol, and what each training gains over the mean's."""
    found: dict[tuple[str, str, str], list[list[float]]] = {}
    for row in sorted(rows, key=lambda row: row["network"][0]):
        _, of, arm = row["network"]
        for protocol, right in row["right"].items():
            found.setdefault((of, arm, protocol), []).append([float(digit) for digit in right])
    right = {key: np.array(each) for key, each in found.items()}
    own = {arm: Pooling(arm).protocol for arm in POOLINGS}
    return {
        "seeds": max(len(each) for each in right.values()),
        "test_images": next(iter(right.values())).shape[1],
        "accuracies": [
            {"set": of, "trained": arm, "protocol": protocol, "accuracy": asdict(arm_estimate(each))}
            for (of, arm, protocol), each in right.items()
        ],
        "gains": [
            {"set": of, "pooling": arm, "gain": asdict(_gain(right, of, arm))}
            for of, arm in product(dict.fromkeys(key[0] for key in right), POOLINGS[1:])
            if (of, arm, own[arm]) in right
        ],
    }


def _gain(right: dict[tuple[str, str, str], Table], of: str, arm: PoolingName) -> Estimate:
    ours, theirs = right[of, arm, Pooling(arm).protocol], right[of, "mean", Pooling("mean").protocol]
    both = min(len(ours), len(theirs))
    return paired_difference(ours[:both], theirs[:both])


def table(summary: Row) -> str:
    """Return Markdown tables: a row for each way of training, a column for each protocol."""
    protocols = [FULL_PASS, *(Pooling(name).protocol for name in POOLINGS)]
    of = {(row["set"], row["trained"], row["protocol"]): row["accuracy"] for row in summary["accuracies"]}
    gains = {(row["set"], row["pooling"]): row["gain"] for row in summary["gains"]}
    lines: list[str] = []
    for name in dict.fromkeys(row["set"] for row in summary["accuracies"]):
        lines += [
            f"`{SETS[name]}`",
            "",
            f"| trained by | {' | '.join(protocols)} | own pooling minus the mean, points |",
            f"| --- |{' --: |' * (len(protocols) + 1)}",
        ]
        for arm in (SINGLE, *POOLINGS):
            cells = [_cell(of.get((name, arm, protocol))) for protocol in protocols]
            lines.append(f"| {arm} | {' | '.join(cells)} | {_cell(gains.get((name, arm)))} |")
        lines.append("")
    return "\n".join(lines)


def _cell(estimate: Row | None) -> str:
    return "–" if estimate is None else with_interval(Estimate(**estimate))


def draw_figure(summary: Row) -> "Figure":
    """Draw the accuracy of each way of training under its own protocol, for each set."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["set"] for row in summary["accuracies"]))
    figure = Figure(figsize=(3.6 * len(names), 3.2), layout="constrained")
    arms = (SINGLE, *POOLINGS)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        for place, arm in enumerate(arms):
            protocol = Pooling("mean" if arm == SINGLE else arm).protocol
            for row in summary["accuracies"]:
                if (row["set"], row["trained"], row["protocol"]) == (name, arm, protocol):
                    value, low, high = (100 * row["accuracy"][end] for end in ("value", "low", "high"))
                    axes.errorbar(
                        value, place, xerr=[[value - low], [high - value]], fmt="o", capsize=3, color="C0"
                    )
        axes.set_yticks(range(len(arms)), arms)
        axes.invert_yaxis()
        axes.set_xlabel("accuracy, %")
        axes.set_title(f"{name} objects", fontsize="medium")
    return figure
