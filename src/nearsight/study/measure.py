"""From the runs of a study to its comparison: every number from the files that the runs left."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSets
from nearsight.data.value_groups import ValueGroups
from nearsight.errors import InputError
from nearsight.evaluation import correctness
from nearsight.runs import Run
from nearsight.settings.protocols import FULL_PASS, PROTOCOLS, SINGLE_TILE
from nearsight.statistics import Estimate, arm_estimate, mcnemar, paired_difference, widened_by_folds
from nearsight.study.arms import Arm
from nearsight.study.compared_groups import compare_groups
from nearsight.study.comparison import Accuracy, ArmResult, Comparison, Cost, Difference, headline, scored_arm
from nearsight.study.settings import Study
from nearsight.study.verdicts import verdict

Correct = Mapping[str, NDArray[np.float64]]


def measure(
    study: Study,
    arms: Sequence[Arm],
    runs: Mapping[str, Sequence[Sequence[Run]]],
    directory: Path,
    sets: ImageSets,
    size: tuple[int, int],
    split: str,
    groups: ValueGroups | None = None,
) -> Comparison:
    """Return the comparison of arms from their evaluated runs, for each seed one, or one for each fold.

    `sets` are those of the first run, and `size` is what the pixel budget refers to; `groups` are those of all tested
    images, one fold after the other. Accuracies, intervals and
    tests are computed from each run's predictions.parquet alone, costs from its result.json. Raises `InputError`
    when two runs were evaluated on different images.
    """
    labels: dict[int, NDArray[np.int64]] = {}
    correct: dict[str, Correct] = {}
    for arm in arms:
        of_seeds = [_right_of_seed(of_seed, protocols_of(arm, study), labels) for of_seed in runs[arm.name]]
        correct[arm.name] = {
            protocol: np.stack([right[protocol] for right in of_seeds]) for protocol in of_seeds[0]
        }
    images = [len(labels[part]) for part in sorted(labels)]
    tested = Tested(np.repeat(np.arange(len(images)), images), float(np.mean(images)) / len(sets["train"]))
    flat = {arm.name: [run for of_seed in runs[arm.name] for run in of_seed] for arm in arms}
    results = tuple(_arm_result(arm, flat[arm.name], correct[arm.name], split, tested) for arm in arms)
    strides = {arm.name: arm.stride for arm in results}
    trained = [run.training for arm in arms for run in flat[arm.name]]
    return Comparison(
        directory=directory,
        data=sets.name,
        split=split,
        images=sum(images),
        training_images=len(sets["train"]),
        classes=len(sets.classes),
        size=size,
        budget=study.budget,
        seeds=study.all_seeds,
        recipe=study.base,
        arms=results,
        differences=tuple(
            _difference(arm, protocol, correct[arm.name], reference, correct[reference.name], strides, tested)
            for arm, reference in pairs(arms)
            for protocol in correct[arm.name]
        ),
        hardware=_distinct(metrics["hardware"] for metrics in trained),
        versions=_distinct(metrics["versions"] for metrics in trained),
        notes=sets.notes,
        folds=study.folds,
        groups=None
        if groups is None
        else compare_groups(
            {arm.name: correct[arm.name][headline(arm.recipe.tile)] for arm in arms},
            {arm.name: headline(arm.recipe.tile) for arm in arms},
            [(arm.name, reference.name) for arm, reference in pairs(arms)],
            np.concatenate([labels[part] for part in sorted(labels)]),
            sets.classes,
            groups,
        ),
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


@dataclass(frozen=True, eq=False)
class Tested:
    """In which fold each image was tested, (images,), and how many images a fold has for each trained on."""

    fold: NDArray[np.int64]
    ratio: float

    def widened(self, known: Estimate, values: NDArray[np.float64], least: float) -> Estimate:
        """Return an estimate over images as wide as folds have it, where there are several."""
        if not self.fold.any():
            return known
        return widened_by_folds(known, values, self.fold, ratio=self.ratio, least=least)


def _right_of_seed(
    runs: Sequence[Run], protocols: Sequence[str], labels: dict[int, NDArray[np.int64]]
) -> Correct:
    """Return how right each image is, by protocol, one fold after the other."""
    parts = [_right_of_run(run, protocols, labels, part) for part, run in enumerate(runs)]
    return {protocol: np.concatenate([right[protocol] for right in parts]) for protocol in protocols}


def _right_of_run(
    run: Run, protocols: Iterable[str], labels: dict[int, NDArray[np.int64]], part: int
) -> Correct:
    """Return how right each image is, by protocol; the first run's labels of a part are kept in `labels`."""
    table = run.predictions()
    own = table["label"].to_numpy()
    if not np.array_equal(own, labels.setdefault(part, own)):
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


def _arm_result(arm: Arm, runs: Sequence[Run], correct: Correct, split: str, tested: Tested) -> ArmResult:
    evaluation = runs[0].result["evaluation"][split]
    tiled = arm.recipe.tile is not None
    return ArmResult(
        name=arm.name,
        tile=arm.recipe.tile,
        augmentation=arm.augmentation,
        headline=headline(arm.recipe.tile),
        accuracies=tuple(
            Accuracy(protocol, tested.widened(arm_estimate(right), right, 0), tuple(right.mean(1).tolist()))
            for protocol, right in correct.items()
        ),
        cost=_cost([run.training for run in runs]),
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
    tested: Tested,
) -> Difference:
    against = headline(reference.recipe.tile)
    right, reference_right = correct[protocol], reference_correct[against]
    interval = tested.widened(paired_difference(right, reference_right), right - reference_right, -1)
    return Difference(
        arm=arm.name,
        protocol=protocol,
        reference=reference.name,
        reference_protocol=against,
        headline=protocol == headline(arm.recipe.tile),
        interval=interval,
        mcnemar=()
        if protocol == SINGLE_TILE or tested.fold.any()
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
