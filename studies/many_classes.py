"""Do tiles fall behind whole images as there are more classes?

For each seed, twenty classes are divided at random into four sets of five, two of ten and one of twenty; a set of
forty contains them and twenty more. On each set one network is trained on tiles of half the side and one on whole
images, with the same images per class, passes, steps and flips. All are judged on the test images of the same
twenty classes. A line is written for each network as it comes, so that the study can be stopped and continued.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

import nearsight
from nearsight import training
from nearsight.data import ImageSet, ImageSets, MemoryImages
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel
from nearsight.report.figure_file import save_figure
from nearsight.settings import Machine, make_recipe
from nearsight.statistics import Estimate, arm_estimate, crossed_interval, paired_difference
from nearsight.statistics.writing import number, with_interval
from nearsight.write import write_json
from studies.rows import measured_networks, read_rows, write_rows

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DATA = "tiny-imagenet-40"
SIDES = (32, 64)
COUNTS = (5, 10, 20, 40)
# All networks are judged on this many classes.
JUDGED = 20
ARMS = ("whole", "tile")
CPU = Machine(device="cpu", workers=0, checkpoint_seconds=1e6)
FIELDS: dict[str, Any] = {
    "width": 0.125,
    "batch_size": 50,
    "learning_rate": 0.06,
    "crop_padding": 0,
    "validation": 0.0,
    "precision": "float32",
}
RESULTS = "networks.jsonl"
COVERS = "classes and seeds"

Row = dict[str, Any]
Table = NDArray[np.float64]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("many-classes"), help="results, table and figure")
    parser.add_argument("--side", type=int, nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--counts", type=int, nargs="+", default=list(COUNTS), choices=COUNTS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--images", type=int, default=500, help="training images a class")
    parser.add_argument("--passes", type=float, default=4, help="over the training images")
    parser.add_argument("--steps", type=int, help="the same for every network, instead of passes")


def run(arguments: argparse.Namespace) -> None:
    """Train what is not trained yet, write one line per network, and write and print the summary."""
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / RESULTS
    done = measured_networks(lines)
    sets: dict[int, ImageSets] = {}
    for seed in range(arguments.seeds):
        for side in arguments.side:
            for count in arguments.counts:
                for draw, classes in enumerate(class_sets(seed, count)):
                    for arm in ARMS:
                        network = (side, arguments.images, budget(arguments), seed, count, draw, arm)
                        if network in done:
                            continue
                        if side not in sets:
                            sets[side] = at_side(nearsight.load(DATA, validation=0), side)
                        row = measure(sets[side], classes, arm, side, seed, arguments)
                        write_rows(lines, [{"network": network} | row], more=True)
                        print(network, f"{100 * np.mean(list(row['right'].values())):.1f} %", flush=True)
    summary = summarise(read_rows(lines))
    write_json(arguments.out / "many-classes.json", {"study": "many-classes", "summary": summary})
    print(table(summary))
    figure = draw_figure(summary)
    for suffix in (".png", ".svg"):
        save_figure(figure, arguments.out / f"many-classes{suffix}")


def budget(arguments: argparse.Namespace) -> str:
    """Return in words what is the same for the networks of all numbers of classes."""
    return f"{arguments.passes:g} passes" if arguments.steps is None else f"{arguments.steps} steps"


def class_sets(seed: int, count: int) -> list[NDArray[np.int64]]:
    """Return the sets of this many classes that are trained on with a seed: classes by their numbers, sorted.

    >>> [len(classes) for classes in class_sets(0, 5)], [len(classes) for classes in class_sets(0, 40)]
    ([5, 5, 5, 5], [40])
    >>> set(class_sets(0, 10)[0]) == set(class_sets(0, 5)[0]) | set(class_sets(0, 5)[1])
    True

    The classes on which all networks are judged are the same whatever the seed.
    """
    judged = judged_classes()
    if count > JUDGED:
        return [np.arange(count)]
    order = np.random.default_rng([seed, JUDGED]).permutation(judged)
    return [np.sort(part) for part in order.reshape(-1, count)]


def judged_classes() -> NDArray[np.int64]:
    """Return the numbers of the classes on which all networks are judged, drawn once."""
    return np.sort(np.random.default_rng(0).permutation(COUNTS[-1])[:JUDGED])


def at_side(sets: ImageSets, side: int) -> ImageSets:
    """Return a set with its images shrunk to a side by the means of squares of pixels."""
    return ImageSets(sets.name, {split: _shrunk(sets[split], side) for split in ("train", "test")})


def _shrunk(images: ImageSet, side: int) -> ImageSet:
    pixels = images.pixels
    assert pixels is not None
    if pixels.shape[-1] != side:
        parts = [
            torch.nn.functional.avg_pool2d(part.float(), pixels.shape[-1] // side).round().to(torch.uint8)
            for part in pixels.split(1000)
        ]
        pixels = torch.cat(parts)
    return plain(images.name, images.split, images.classes, images.labels, pixels)


def plain(
    name: str, split: str, classes: Sequence[str], labels: NDArray[np.int64], pixels: torch.Tensor
) -> ImageSet:
    """Return images in memory with labels and nothing else."""
    paths = tuple(map(str, range(len(labels))))
    return ImageSet(name, split, tuple(classes), labels, MemoryImages(pixels, paths))


def of_classes(
    images: ImageSet, classes: NDArray[np.int64], only: NDArray[np.int64], most: int | None = None
) -> ImageSet:
    """Return the images of the classes `only`, the first `most` of each, labelled among `classes`."""
    pixels = images.pixels
    assert pixels is not None
    index = np.concatenate([np.flatnonzero(images.labels == label)[:most] for label in only])
    labels = np.searchsorted(classes, images.labels[index])
    names = [images.classes[label] for label in classes]
    return plain(images.name, images.split, names, labels, pixels[torch.from_numpy(index)])


def measure(
    sets: ImageSets, classes: NDArray[np.int64], arm: str, side: int, seed: int, arguments: argparse.Namespace
) -> Row:
    """Train a network on some classes; return how often it is right on each judged class, and what it took."""
    fields = FIELDS | {
        "tile": side // 2 if arm == "tile" else None,
        "seed": seed,
        "epochs": arguments.passes,
        "steps": arguments.steps,
    }
    train = of_classes(sets["train"], classes, classes, arguments.images)
    judged = np.intersect1d(classes, judged_classes())
    with tempfile.TemporaryDirectory() as directory:
        recipe = make_recipe(sets.name, "fast", fields)
        trained = training.train(
            recipe, ImageSets(sets.name, {"train": train}), Path(directory) / "run", machine=CPU
        )
        bound = TiledModel(trained.classifier(), stride=side // 8, device="cpu")
        test = of_classes(sets["test"], classes, judged)
        protocol = "mean-logit" if arm == "tile" else "full-pass"
        found = evaluate(bound, test, protocols=[protocol])
        cost = trained.result["training"]
    right = found.predictions[protocol] == test.labels
    return {
        "right": {
            str(label): float(right[test.labels == place].mean())
            for place, label in enumerate(classes)
            if label in judged
        },
        "steps": cost["steps"],
        "seconds": cost["seconds"],
        "flops": cost["flops"],
    }


def summarise(rows: Sequence[Row]) -> list[Row]:
    """Return for each side, number of images and budget the accuracies, the deficit of the tiles and its slope."""
    return [
        of_setting(setting, [row for row in rows if tuple(row["network"][:3]) == setting])
        for setting in dict.fromkeys(tuple(row["network"][:3]) for row in rows)
    ]


def of_setting(setting: tuple[int, int, str], rows: Sequence[Row]) -> Row:
    """Return the accuracies by number of classes, the tiles' difference to whole images, and its slope."""
    counts = [count for count in COUNTS if _complete(rows, count)]
    shares = {(arm, count): by_class(rows, arm, count) for arm in ARMS for count in counts}
    points = [
        {
            "classes": count,
            "steps": sorted({row["steps"] for row in rows if row["network"][4] == count}),
            **{arm: asdict(_over(arm_estimate(shares[arm, count]))) for arm in ARMS},
            "difference": asdict(_over(paired_difference(shares["tile", count], shares["whole", count]))),
        }
        for count in counts
    ]
    side, images, equal = setting
    found: Row = {"side": side, "tile": side // 2, "images": images, "budget": equal, "points": points}
    if len(counts) > 1:
        found["slope"] = asdict(slope(shares, counts))
        found["slope_of_log_odds"] = asdict(slope_of_log_odds(shares, counts))
    return found


def slope(shares: dict[tuple[str, int], Table], counts: Sequence[int]) -> Estimate:
    """Return by how much the tiles' difference to whole images changes each time the number of classes doubles.

    The least-squares slope against the number of doublings is a weighted sum over the numbers of classes. It is
    calculated for each class and seed, and their mean has the interval of crossed random effects.

    >>> flat, falling = np.full((2, 3), 0.5), np.full((2, 3), 0.4)
    >>> shares = {("whole", 5): flat, ("whole", 10): flat, ("tile", 5): flat, ("tile", 10): falling}
    >>> round(slope(shares, [5, 10]).value, 3)
    -0.1
    """
    sums = {
        arm: sum(weight * shares[arm, count] for weight, count in zip(_weights(counts), counts, strict=True))
        for arm in ARMS
    }
    return _over(paired_difference(sums["tile"], sums["whole"]))


def slope_of_log_odds(shares: dict[tuple[str, int], Table], counts: Sequence[int]) -> Estimate:
    """Return the same slope for the difference in the log odds of being right, also over classes and seeds.

    A difference in points may grow only because fewer images are right with more classes. The log odds are those
    of all judged classes together, and the effect of each class on them is taken to first order, seed by seed;
    the mean has the interval of crossed random effects.

    >>> shares = {(arm, count): np.full((2, 3), 0.5) for arm in ARMS for count in (5, 10)}
    >>> slope_of_log_odds(shares, [5, 10]).value
    0.0
    """

    def odds(found: Table) -> Table:
        share = found.mean(1, keepdims=True)
        linear: Table = np.log(share / (1 - share)) + (found - share) / (share * (1 - share))
        return linear

    table = sum(
        weight * (odds(shares["tile", count]) - odds(shares["whole", count]))
        for weight, count in zip(_weights(counts), counts, strict=True)
    )
    value, half = float(np.mean(table)), crossed_interval(np.asarray(table))
    return Estimate(value, value - half, value + half, np.shape(table)[1], covers=COVERS)


def _weights(counts: Sequence[int]) -> Table:
    """Return the weights that make a slope against doublings of values at these numbers of classes."""
    doublings = np.log2(counts) - np.log2(counts).mean()
    weights: Table = doublings / (doublings @ doublings)
    return weights


def _over(found: Estimate) -> Estimate:
    return replace(found, covers=COVERS)


def by_class(rows: Sequence[Row], arm: str, count: int) -> Table:
    """Return how often the networks of an arm are right, (seeds, judged classes)."""
    found = {
        (row["network"][3], int(label)): right
        for row in rows
        if (row["network"][4], row["network"][6]) == (count, arm)
        for label, right in row["right"].items()
    }
    seeds = sorted({seed for seed, _ in found})
    return np.array([[found[seed, label] for label in judged_classes()] for seed in seeds])


def _complete(rows: Sequence[Row], count: int) -> bool:
    """Tell whether all networks of a number of classes exist, for every seed that has begun."""
    seeds = {row["network"][3] for row in rows}
    there = {tuple(row["network"][3:]) for row in rows}
    return all(
        (seed, count, draw, arm) in there
        for seed in seeds
        for draw in range(len(class_sets(seed, count)))
        for arm in ARMS
    )


def table(summary: Sequence[Row]) -> str:
    """Return a Markdown table: a row for each side, budget and number of classes, and the slopes below it."""
    lines = [
        "| side | tile | images a class | budget | classes | steps | whole images | tiles | difference |",
        "| --: | --: | --: | :-- | --: | --: | --: | --: | --: |",
    ]
    for one in summary:
        for point in one["points"]:
            cells = [one["side"], one["tile"], one["images"], one["budget"], point["classes"]]
            cells.append("–".join(map(str, point["steps"])))
            cells += [with_interval(Estimate(**point[name])) for name in (*ARMS, "difference")]
            lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, "", *slopes(summary)])


def slopes(summary: Sequence[Row]) -> Iterator[str]:
    """Yield a line for each side and budget: the slope of the difference, in points a doubling."""
    for one in summary:
        if "slope" in one:
            written = with_interval(Estimate(**one["slope"]))
            odds = with_interval(Estimate(**one["slope_of_log_odds"]), number)
            yield (
                f"{one['side']} pixels, {one['budget']}: {written} points each time the classes double; "
                f"{odds} in log odds"
            )


def draw_figure(summary: Sequence[Row]) -> "Figure":
    """Draw the accuracies, and the tiles' difference to whole images, against the number of classes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    for place, one in enumerate(summary):
        classes = [point["classes"] for point in one["points"]]
        label = f"{one['side']} px, {one['budget']}"
        for arm, style in zip(ARMS, ("--", "-"), strict=True):
            values = [100 * point[arm]["value"] for point in one["points"]]
            left.plot(classes, values, style, marker="o", color=f"C{place}", label=f"{label}: {arm}")
        means, lows, highs = (
            [100 * point["difference"][name] for point in one["points"]] for name in ("value", "low", "high")
        )
        # Side by side, so that no interval hides another.
        moved = [count * 1.04**place for count in classes]
        ends = [np.subtract(means, lows), np.subtract(highs, means)]
        right.errorbar(moved, means, ends, fmt="o-", capsize=3, color=f"C{place}", label=label)
    right.axhline(0, color="0.6", linewidth=0.8)
    left.set_ylabel("accuracy, %")
    right.set_ylabel("tiles less whole images, points")
    for axes in (left, right):
        axes.set_xscale("log", base=2)
        axes.set_xticks(COUNTS, [str(count) for count in COUNTS])
        axes.set_xlabel("classes")
        axes.legend(fontsize="small", frameon=False)
    return figure
