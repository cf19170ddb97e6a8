"""How often the intervals of a cross-validation hold the truth, where that is known.

First, two real learners. Classes are normal distributions with one covariance, and linear discriminant analysis
with shrinkage is compared with nearest class mean. The truth is each learner's expected score: the mean accuracy,
on many new images, when trained on new sets of the size that a fold leaves.

Then a probit model that is hard on cross-validation: each training image shifts the accuracy on all images
together, by the same amount with every seed. Folds show almost nothing of this, because any two share most of
their training images.
"""

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from nearsight.data.folds import fold_of
from nearsight.statistics import Estimate, accuracy_estimate, paired_difference, widened_by_folds
from nearsight.statistics.writing import points
from nearsight.write import write_json

CLASSES, DIMENSIONS, DISTANCE, SHRINKAGE = 4, 20, 0.5, 0.1
# For the probit model: its arms, and the deviations of images, of images in an arm, and of training with a seed.
ARMS, EASE, TASTE, CHANCE, SEEDS = (0.9, 0.7), 0.7, 0.5, 0.1, 3
TRAINING = (0.0, 0.1, 0.2, 0.4)
TRUTH_SETS, TRUTH_IMAGES = 1000, 4000
# Intervals: over images alone, and seeds if there are several; and widened for folds.
KINDS = ("alone", "widened")
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
    shifted = [
        shift(images, folds, training, arguments.repeats)
        for training, images, folds in product(TRAINING, arguments.images, arguments.folds)
    ]
    result = {"study": "folds", "repeats": arguments.repeats, "learners": rows, "probit": shifted}
    write_json(arguments.out, result)
    held = "intervals that held the truth, their width in points"
    print(f"| images | folds | what | over images alone: {held} | over training sets too |")
    print("| --: | --: | :-- | --: | --: |")
    for row in rows:
        for what in ("accuracy", "difference"):
            alone, both = (
                f"{points(row[what][kind]['held'])} %, {points(row[what][kind]['width'])}" for kind in KINDS
            )
            print(f"| {row['images']} | {row['folds']} | {what} | {alone} | {both} |")
    print(
        "\n| spread by training images, points | images | folds "
        f"| over images and seeds: {held} | over training sets too |"
    )
    print("| --: | --: | --: | --: | --: |")
    for row in shifted:
        cells = (f"{points(row[kind]['held'])} %, {points(row[kind]['width'])}" for kind in KINDS)
        print(f"| {points(row['deviation'])} | {row['images']} | {row['folds']} | {' | '.join(cells)} |")


def measure(images: int, folds: int, repeats: int) -> dict[str, Any]:
    """Return how often the intervals of many cross-validations contain the truth, and how wide they are."""
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
        alone = paired_difference(right[:1], right[1:])
        both = widened_by_folds(alone, right[:1] - right[1:], fold, ratio=ratio)
        found["difference"].append((alone, both))
    return {"images": images, "folds": folds, "truth": truth} | {
        what: {
            kind: _judged([pair[place] for pair in pairs], truth[what]) for place, kind in enumerate(KINDS)
        }
        for what, pairs in found.items()
    }


def shift(images: int, folds: int, training: float, repeats: int) -> dict[str, Any]:
    """Return the same for the difference of two arms in the probit model, with three seeds."""
    random = np.random.default_rng([images, folds, round(100 * training)])
    spread = (1 + EASE**2 + TASTE**2 + CHANCE**2 + training**2) ** 0.5
    truth = float(np.subtract(*norm.cdf(np.array(ARMS) / spread)))
    fold = np.arange(images) % folds
    pairs = []
    for _ in range(repeats):
        ease = random.normal(0, EASE, images)
        right = np.stack([_probit(mean + ease, fold, training, random) for mean in ARMS])
        alone = paired_difference(right[0], right[1])
        pairs.append((alone, widened_by_folds(alone, right[0] - right[1], fold, ratio=1 / (folds - 1))))
    rest = (spread**2 - training**2) ** 0.5
    accuracies = norm.cdf((ARMS[0] + random.normal(0, training, 100_000)) / rest)
    return {"images": images, "folds": folds, "truth": truth, "deviation": float(accuracies.std())} | {
        kind: _judged([pair[place] for pair in pairs], truth) for place, kind in enumerate(KINDS)
    }


def _probit(ease: Table, fold: NDArray[np.int64], training: float, random: np.random.Generator) -> Table:
    """Return how right each image is at each seed, (seeds, images), of one arm."""
    images = len(ease)
    ease = ease + random.normal(0, TASTE, images)
    influence = random.normal(size=images)
    sums = np.bincount(fold, influence)
    shown = images - np.bincount(fold)
    of_fold = training * (influence.sum() - sums) / shown**0.5
    of_seed = random.normal(0, CHANCE, (SEEDS, len(sums)))
    latent = ease + (of_fold + of_seed)[:, fold] + random.normal(size=(SEEDS, images))
    right: Table = (latent > 0).astype(np.float64)
    return right


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
    # A third of the spread is common to all dimensions, which nearest mean does not take into account.
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
