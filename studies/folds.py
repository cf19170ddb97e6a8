"""How often the intervals of a cross-validation hold the truth: two real learners on data of known distribution.

Classes are normal distributions with one covariance. Nearest class mean and linear discriminant analysis with
shrinkage are compared by cross-validation. The truth is what each expects to score: the mean accuracy, on many new
images, of the learner trained on new sets of the size that a fold leaves.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data.folds import fold_of
from nearsight.statistics import Estimate, accuracy_estimate, paired_difference, widened_by_folds
from nearsight.statistics.writing import points
from nearsight.write import write_json

CLASSES, DIMENSIONS, DISTANCE, SHRINKAGE = 4, 20, 0.5, 0.1
TRUTH_SETS, TRUTH_IMAGES = 1000, 4000
Table = NDArray[np.float64]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("folds-study.json"), help="the result as JSON")
    parser.add_argument("--images", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--folds", type=int, nargs="+", default=[5, 10])
    parser.add_argument("--repeats", type=int, default=1000, help="cross-validations for each of them")


def run(arguments: argparse.Namespace) -> None:
    """Simulate, print the table and write the result."""
    rows = [
        measure(images, folds, arguments.repeats)
        for images, folds in product(arguments.images, arguments.folds)
    ]
    write_json(arguments.out, {"study": "folds", "repeats": arguments.repeats, "rows": rows})
    print("| images | folds | what | over images alone: held, width | with training sets: held, width |")
    print("| --: | --: | :-- | --: | --: |")
    for row in rows:
        for what in ("accuracy", "difference"):
            alone, both = (
                f"{points(row[what][kind]['held'])} %, {points(row[what][kind]['width'])}"
                for kind in ("images", "folds")
            )
            print(f"| {row['images']} | {row['folds']} | {what} | {alone} | {both} |")


def measure(images: int, folds: int, repeats: int) -> dict[str, Any]:
    """Return how often the intervals of many cross-validations hold the truth, and how wide they are."""
    random = np.random.default_rng([images, folds])
    means = random.normal(size=(CLASSES, DIMENSIONS)) * DISTANCE
    expected = _truth(means, images - images // folds, random)
    truth = {"accuracy": expected[0], "difference": expected[0] - expected[1]}
    found: dict[str, list[tuple[Estimate, Estimate]]] = {"accuracy": [], "difference": []}
    for _ in range(repeats):
        labels = np.arange(images) % CLASSES
        pixels = _draw(means, labels, random)
        names = [str(number) for number in random.integers(2**60, size=images)]
        fold = fold_of(names, [str(label) for label in labels], folds)
        right = _cross_validated(pixels, labels, fold)
        ratio = 1 / (folds - 1)
        alone = accuracy_estimate(right[0])
        found["accuracy"].append((alone, widened_by_folds(alone, right[:1], fold, ratio=ratio, least=0)))
        alone = paired_difference(right[:1], right[1:], samples=1000)
        both = widened_by_folds(alone, right[:1] - right[1:], fold, ratio=ratio)
        found["difference"].append((alone, both))
    return {"images": images, "folds": folds, "truth": truth} | {
        what: {
            kind: _judged([pair[place] for pair in pairs], truth[what])
            for place, kind in enumerate(("images", "folds"))
        }
        for what, pairs in found.items()
    }


def _judged(estimates: list[Estimate], truth: float) -> dict[str, float]:
    ends = np.array([estimate.numbers[1:] for estimate in estimates])
    held = (ends[:, 0] <= truth) & (truth <= ends[:, 1])
    return {"held": float(held.mean()), "width": float((ends[:, 1] - ends[:, 0]).mean())}


def _truth(means: Table, size: int, random: np.random.Generator) -> Table:
    labels = np.arange(TRUTH_IMAGES) % CLASSES
    found = []
    for _ in range(TRUTH_SETS):
        own = np.arange(size) % CLASSES
        learnt = _learn(_draw(means, own, random), own)
        pixels = _draw(means, labels, random)
        found.append([(_predict(pixels, one) == labels).mean() for one in learnt])
    expected: Table = np.mean(found, axis=0)
    return expected


def _draw(means: Table, labels: NDArray[np.int64], random: np.random.Generator) -> Table:
    # A third of the spread is common to all dimensions, which nearest mean does not know of.
    own = random.normal(size=(len(labels), DIMENSIONS))
    shared = random.normal(size=(len(labels), 1))
    drawn: Table = means[labels] + own * (2 / 3) ** 0.5 + shared * (1 / 3) ** 0.5
    return drawn


def _cross_validated(pixels: Table, labels: NDArray[np.int64], fold: NDArray[np.int64]) -> Table:
    right = np.zeros((2, len(labels)))
    for number in range(1, fold.max() + 1):
        test = fold == number
        for learner, learnt in enumerate(_learn(pixels[~test], labels[~test])):
            right[learner, test] = _predict(pixels[test], learnt) == labels[test]
    return right


def _learn(pixels: Table, labels: NDArray[np.int64]) -> tuple[tuple[Table, Table], tuple[Table, Table]]:
    """Return the means and the inverse covariance of a discriminant analysis, and of nearest class mean."""
    means = np.stack([pixels[labels == k].mean(0) for k in range(CLASSES)])
    within = pixels - means[labels]
    covariance = within.T @ within / len(pixels)
    covariance = (1 - SHRINKAGE) * covariance + SHRINKAGE * np.eye(DIMENSIONS)
    return (means, np.linalg.inv(covariance)), (means, np.eye(DIMENSIONS))


def _predict(pixels: Table, learnt: tuple[Table, Table]) -> NDArray[np.int64]:
    means, inverse = learnt
    scores = pixels @ inverse @ means.T - 0.5 * np.einsum("kd,de,ke->k", means, inverse, means)
    best: NDArray[np.int64] = scores.argmax(1)
    return best
