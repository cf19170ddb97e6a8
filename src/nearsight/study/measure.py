"""From the runs of a study to its comparison: every number from the files that the runs left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSets
from nearsight.errors import InputError
from nearsight.evaluation import correctness
from nearsight.runs import Run
from nearsight.settings.protocols import FULL_PASS, PROTOCOLS, SINGLE_TILE
from nearsight.statistics import arm_estimate, mcnemar, paired_difference
from nearsight.study.arms import Arm
from nearsight.study.comparison import Accuracy, ArmResult, Comparison, Cost, Difference, headline, scored_arm
from nearsight.study.settings import Study
from nearsight.study.verdicts import verdict

Correct = Mapping[str, NDArray[np.float64]]


def measure(
    study: Study,
    arms: Sequence[Arm],
    runs: Mapping[str, Sequence[Run]],
    directory: Path,
    sets: ImageSets,
    size: tuple[int, int],
    split: str,
) -> Comparison:
    """Return the comparison of arms from their evaluated runs, one a seed and in the order of the seeds.

    `size` is what the pixel budget refers to. Accuracies, intervals and tests are computed from each run's
    predictions.parquet alone, costs from its result.json. Raises `InputError` when two runs were evaluated
    on different images.
    """
    labels: list[NDArray[np.int64]] = []
    correct: dict[str, Correct] = {}
    for arm in arms:
        of_seeds = [_right_of_run(run, protocols_of(arm, study), labels) for run in runs[arm.name]]
        correct[arm.name] = {
            protocol: np.stack([right[protocol] for right in of_seeds]) for protocol in of_seeds[0]
        }
    results = tuple(_arm_result(arm, runs[arm.name], correct[arm.name], split) for arm in arms)
    strides = {arm.name: arm.stride for arm in results}
    trained = [run.result["training"] for arm in arms for run in runs[arm.name]]
    return Comparison(
        directory=directory,
        data=sets.name,
        split=split,
        images=len(labels[0]),
        training_images=len(sets["train"]),
        classes=len(sets.classes),
        size=size,
        budget=study.budget,
        seeds=study.all_seeds,
        recipe=study.base,
        arms=results,
        differences=tuple(
            _difference(arm, protocol, correct[arm.name], reference, correct[reference.name], strides)
            for arm, reference in pairs(arms)
            for protocol in correct[arm.name]
        ),
        hardware=_distinct(metrics["hardware"] for metrics in trained),
        versions=_distinct(metrics["versions"] for metrics in trained),
        notes=sets.notes,
    )


def protocols_of(arm: Arm, study: Study) -> tuple[str, ...]:
    """Return the protocols of an arm in their usual order: its headline, and for tiles those asked for."""
    if arm.recipe.tile is None:
        return (FULL_PASS,)
    asked = {headline(arm.recipe.tile), *study.protocols}
    return tuple(protocol for protocol in PROTOCOLS if protocol in asked)


def pairs(arms: Sequence[Arm]) -> Iterator[tuple[Arm, Arm]]:
    """Yield each arm with the one it is held against: every arm of whole images, or else the largest tile.

    >>> from nearsight.study.arms import make_arms
    >>> from nearsight.settings import Recipe
    >>> [(a.name, b.name) for a, b in pairs(make_arms(Recipe(), [8, 16], "steps", (16, 16)))]
    [('tile-8', 'tile-16')]
    """
    whole = [arm for arm in arms if arm.recipe.tile is None]
    for reference in whole:
        yield from ((arm, reference) for arm in arms[arms.index(reference) + 1 :])
    if not whole:
        yield from ((arm, arms[-1]) for arm in arms[:-1])


def _right_of_run(run: Run, protocols: Iterable[str], labels: list[NDArray[np.int64]]) -> Correct:
    """Return how right each image is, by protocol; the first run's labels are kept in `labels`."""
    table = run.predictions()
    own = table["label"].to_numpy()
    if not labels:
        labels.append(own)
    if not np.array_equal(own, labels[0]):
        raise InputError(
            f"{run.directory} was evaluated on other images than the runs before it; "
            "arms are compared image by image, so their test split must be the same"
        )
    return {
        protocol: correctness(
            protocol,
            table[f"{protocol}.scores"].combine_chunks().flatten().to_numpy().reshape(len(own), -1),
            own,
        )
        for protocol in protocols
    }


def _arm_result(arm: Arm, runs: Sequence[Run], correct: Correct, split: str) -> ArmResult:
    evaluation = runs[0].result["evaluation"][split]
    tiled = arm.recipe.tile is not None
    return ArmResult(
        name=arm.name,
        tile=arm.recipe.tile,
        augmentation=arm.augmentation,
        headline=headline(arm.recipe.tile),
        accuracies=tuple(
            Accuracy(protocol, arm_estimate(right), tuple(right.mean(1).tolist()))
            for protocol, right in correct.items()
        ),
        cost=_cost([run.result["training"] for run in runs]),
        stride=evaluation["stride"] if tiled else None,
        tiles_per_image=evaluation["tiles"] / evaluation["images"] if tiled else None,
    )


def _cost(metrics: Sequence[Mapping[str, Any]]) -> Cost:
    of_seed: dict[str, Any] = {
        name: tuple(of_seed[name] for of_seed in metrics)
        for name in ("seconds", "peak_memory_bytes", "precision")
    }
    same = ("parameters", "steps", "epochs", "images_seen", "pixels_per_image", "training_pixels", "flops")
    return Cost(**{name: metrics[0][name] for name in same}, **of_seed)


def _difference(
    arm: Arm,
    protocol: str,
    correct: Correct,
    reference: Arm,
    reference_correct: Correct,
    strides: Mapping[str, int | None],
) -> Difference:
    against = headline(reference.recipe.tile)
    right, reference_right = correct[protocol], reference_correct[against]
    interval = paired_difference(right, reference_right)
    return Difference(
        arm=arm.name,
        protocol=protocol,
        reference=reference.name,
        reference_protocol=against,
        headline=protocol == headline(arm.recipe.tile),
        interval=interval,
        mcnemar=()
        if protocol == SINGLE_TILE
        else tuple(mcnemar(ours, theirs) for ours, theirs in zip(right, reference_right, strict=True)),
        verdict=verdict(
            scored_arm(arm.name, protocol, strides[arm.name]),
            scored_arm(reference.name, against, strides[reference.name]),
            interval,
        ),
    )


def _distinct(values: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)
