"""How often the intervals of a comparison hold the truth, by the number of seeds and by how much these differ.

Two equally good arms in a probit model: an image's ease is the same for both, each network adds its own random
part to each image, and each seed shifts the accuracy of all images of its network together. How much networks of
one arm disagree is that of a measured comparison. The true difference is 0. The gap is between one arm's networks
on 1,000 images and on the others, all equally easy on average, as for a network that does not over-fit: its true
value is 0 too.

With `--saved`, the intervals of comparisons that were made by an older version are calculated again, from what
their comparison.json holds: the accuracies seed by seed and McNemar's counts. It does not hold how much of the
variation is due to images and how much to one network on one image. All of it is assumed to be due to images,
which is wider.
"""

import argparse
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import multivariate_normal, norm

from nearsight.statistics import Estimate, accuracy_estimate, arm_estimate, gap_estimate, paired_difference
from nearsight.statistics.pairs import crossed_half_width
from nearsight.statistics.writing import points, with_interval
from nearsight.study import Comparison
from nearsight.write import write_json

ACCURACY, DISAGREEMENT = 0.86, 0.106
SEEDS = (1, 2, 3, 5)
# The standard deviation of an arm's accuracy over seeds, as a share.
SPREADS = (0.0, 0.003, 0.006, 0.01, 0.03)
KINDS = ("difference", "accuracy", "gap")
# As many training images as `compare` judges at most.
TRAINING_IMAGES = 1000
Table = NDArray[np.float64]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this study to a parser."""
    parser.add_argument("--out", type=Path, default=Path("coverage.json"), help="the result as JSON")
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=1000, help="comparisons for each number of seeds")
    parser.add_argument(
        "--saved", type=Path, nargs="+", help="directories of comparisons whose intervals are made anew"
    )


def run(arguments: argparse.Namespace) -> None:
    """Simulate, print the table and write the result, or calculate the intervals of comparisons again."""
    if arguments.saved:
        for directory in arguments.saved:
            print("\n".join((f"{directory}:", *made_anew(Comparison.load(directory)))))
        return
    rows = [
        measure(seeds, spread, arguments.images, arguments.repeats)
        for seeds, spread in product(SEEDS, SPREADS)
    ]
    write_json(
        arguments.out,
        {"study": "coverage", "images": arguments.images, "repeats": arguments.repeats, "rows": rows},
    )
    print(table(rows))


def table(rows: list[dict[str, Any]]) -> str:
    """Return a Markdown table: how often the truth is held, with Wilson's interval, and the median width."""
    lines = [
        "| seeds | deviation between seeds, points "
        + "".join(f"| {kind}: held | median width " for kind in KINDS)
        + "|",
        f"|{' --: |' * (2 + 2 * len(KINDS))}",
    ]
    for row in rows:
        cells = [str(row["seeds"]), points(row["spread"])]
        for kind in KINDS:
            found = row[kind]
            ends = f"{points(found['low'], 0)} to {points(found['high'], 0)}"
            cells += [f"{points(found['held'], 0)} % ({ends})", points(found["width"])]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(seeds: int, spread: float, images: int, repeats: int) -> dict[str, Any]:
    """Return how often the intervals of many comparisons contain the truth, and how wide they are."""
    random = np.random.default_rng([seeds, round(1e4 * spread), images])
    found: dict[str, list[Estimate]] = {kind: [] for kind in KINDS}
    for _ in range(repeats):
        ease = random.normal(size=images)
        one, other = (_arm(ease, seeds, spread, random) for _ in range(2))
        found["difference"].append(paired_difference(one, other))
        found["accuracy"].append(arm_estimate(one))
        found["gap"].append(gap_estimate(other[:, :TRAINING_IMAGES], other[:, TRAINING_IMAGES:]))
    truth = {"difference": 0.0, "accuracy": _accuracy(spread), "gap": 0.0}
    return {"seeds": seeds, "spread": spread} | {kind: _judged(found[kind], truth[kind]) for kind in KINDS}


def made_anew(comparison: Comparison) -> Iterator[str]:
    """Yield a line for each arm and difference of a comparison: its value and interval, in points."""
    images = comparison.images
    right = {}
    for arm in comparison.arms:
        found = arm.accuracy(arm.headline)
        assert found is not None
        right[arm.name] = np.array(found.seeds)
        squares = float((right[arm.name] * images).sum())
        yield f"  {arm.label}: {_anew(right[arm.name], squares, images)}"
    for row in comparison.differences:
        if row.headline:
            squares = float(sum(test.only_a + test.only_b for test in row.mcnemar))
            found_anew = _anew(right[row.arm] - right[row.reference], squares, images)
            yield f"  {row.arm} - {row.reference}: {found_anew}"


def _anew(of_seeds: Table, squares: float, images: int) -> str:
    """Return the mean over seeds with its interval; `squares` is the sum of squares over seeds and images."""
    seeds, mean = len(of_seeds), float(of_seeds.mean())
    of_these = images * float(((of_seeds - mean) ** 2).sum())
    between_seeds = of_these / (seeds - 1)
    between_images = (squares - seeds * images * mean**2 - of_these) / (images - 1)
    half = crossed_half_width(between_seeds, between_images, 0.0, seeds=seeds, images=images)
    return with_interval(Estimate(mean, mean - half, mean + half))


def _arm(ease: Table, seeds: int, spread: float, random: np.random.Generator) -> Table:
    """Return how right each image is at each seed, (seeds, images)."""
    shared = _shared()
    of_seed = random.normal(0, _latent(spread), (seeds, 1))
    own = random.normal(size=(seeds, len(ease)))
    latent = norm.ppf(ACCURACY) + of_seed + shared**0.5 * ease + (1 - shared) ** 0.5 * own
    right: Table = (latent > 0).astype(np.float64)
    return right


@cache
def _shared() -> float:
    """Return the share of the latent variance that networks have in common, so that they disagree as measured."""
    least = ACCURACY - DISAGREEMENT / 2

    def over(correlation: float) -> float:
        joint = multivariate_normal([0, 0], [[1, correlation], [correlation, 1]])
        return float(joint.cdf([norm.ppf(ACCURACY)] * 2)) - least

    return float(brentq(over, 0.1, 0.999))


def _latent(spread: float) -> float:
    """Return the deviation of seeds in the latent variable that shifts the accuracy by `spread`, to first order."""
    return spread / float(norm.pdf(norm.ppf(ACCURACY)))


def _accuracy(spread: float) -> float:
    return float(norm.cdf(norm.ppf(ACCURACY) / (1 + _latent(spread) ** 2) ** 0.5))


def _judged(estimates: list[Estimate], truth: float) -> dict[str, float]:
    ends = np.array([estimate.numbers[1:] for estimate in estimates])
    held = accuracy_estimate((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    value, low, high = held.numbers
    return {"held": value, "low": low, "high": high, "width": float(np.median(ends[:, 1] - ends[:, 0]))}
