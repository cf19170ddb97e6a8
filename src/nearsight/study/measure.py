"""From the runs of a study to its comparison: every number comes from the files that the runs left."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nearsight.data import ImageSets
from nearsight.data.value_groups import ValueGroups
from nearsight.errors import InputError
from nearsight.evaluation import correctness
from nearsight.evaluation.result import split_name
from nearsight.launch import this_command
from nearsight.runs import PREDICTIONS, Run
from nearsight.runs.run import read_predictions
from nearsight.settings import Recipe
from nearsight.settings.protocols import FIVE_CROP, FULL_PASS, PROTOCOLS, SINGLE_TILE
from nearsight.statistics import (
    Estimate,
    arm_estimate,
    difference_of_estimates,
    gap_difference,
    gap_estimate,
    mcnemar,
    paired_difference,
    widened_by_folds,
)
from nearsight.statistics.margins import Spread
from nearsight.study.arms import Arm
from nearsight.study.compared_groups import compare_groups
from nearsight.study.comparison import (
    Accuracy,
    ArmResult,
    Augmented,
    Comparison,
    Cost,
    Difference,
    scored_arm,
)
from nearsight.study.pairing import DIFFERENT, STRONGEST, Pair, make_pairs
from nearsight.study.settings import Study
from nearsight.study.undertrained import fall_of, undertrained_note
from nearsight.study.verdicts import verdict
from nearsight.training.metrics_log import training_curve

Correct = Mapping[str, NDArray[np.float64]]
TRAIN = "train"
# What a sentence must say about how its pair was chosen.
_SAID_TOO = {
    DIFFERENT: "; they differ in augmentation too",
    STRONGEST: "; these test images chose it as the strongest of whole images, which favours it",
}


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
    """Return the comparison of arms from their evaluated runs: one for each seed, or one for each fold.

    `sets` are those of the first run, and `size` is what the pixel budget refers to; `groups` are those of all
    tested images, one fold after the other. Accuracies, intervals and tests are computed only from each run's
    predictions for test images and some training images, costs from its result.json. Raises `InputError` if two
    runs were evaluated on different images.
    """
    judged = {arm.name: protocols_of(arm, study) for arm in arms}
    of_test = _right_of_arms(runs, judged, split)
    of_train = _right_of_arms(runs, judged, TRAIN)
    labels, correct, tested = of_test.labels, of_test.correct, of_test.tested(len(sets["train"]))
    flat = {arm.name: [run for of_seed in runs[arm.name] for run in of_seed] for arm in arms}
    results = tuple(
        _arm_result(arm, flat[arm.name], of_test, of_train, split, len(sets["train"])) for arm in arms
    )
    by_name = {arm.name: arm for arm in results}
    accuracies = {
        (name, protocol): float(right.mean()) for name in correct for protocol, right in correct[name].items()
    }
    pairs = make_pairs(arms, judged, accuracies)
    trained = [run.training for arm in arms for run in flat[arm.name]]
    return Comparison(
        directory=directory,
        data=sets.name,
        split=split,
        images=len(labels),
        training_images=len(sets["train"]),
        classes=len(sets.classes),
        size=size,
        budget=study.budget,
        seeds=study.all_seeds,
        recipe=study.base,
        arms=results,
        differences=tuple(_difference(pair, of_test, of_train, by_name, tested) for pair in pairs),
        hardware=_distinct(metrics["hardware"] for metrics in trained),
        versions=_distinct(metrics["versions"] for metrics in trained),
        notes=sets.notes,
        folds=study.folds,
        judged_training_images=of_train.each,
        command=this_command(),
        groups=None
        if groups is None
        else compare_groups(
            {arm.name: correct[arm.name][arm.headline] for arm in arms},
            {arm.name: arm.headline for arm in arms},
            [
                (pair.arm, pair.reference)
                for pair in pairs
                if pair.asked not in ("", STRONGEST)
                and pair.reference_protocol == by_name[pair.reference].headline
            ],
            labels,
            sets.classes,
            groups,
        ),
    )


def protocols_of(arm: Arm, study: Study) -> tuple[str, ...]:
    """Return the protocols of an arm in their usual order: its headline, and for tiles the requested ones.

    Whole images are also judged on five views, because tiles are judged on many.
    """
    if arm.recipe.tile is None:
        return (FULL_PASS, FIVE_CROP)
    asked = {arm.headline, *study.protocols}
    return tuple(protocol for protocol in PROTOCOLS if protocol in asked)


@dataclass(frozen=True, eq=False)
class Tested:
    """In which fold each image was tested, (images,), and how many images a fold has for each trained on."""

    fold: NDArray[np.int64]
    ratio: float

    def widened(self, known: Estimate, values: NDArray[np.float64], least: float) -> Estimate:
        """Return an estimate over images, as wide as folds make it if there are several."""
        if not self.fold.any():
            return known
        return widened_by_folds(known, values, self.fold, ratio=self.ratio, least=least)


@dataclass(frozen=True, eq=False)
class Judged:
    """How right the runs of all arms are on one split: the labels, and (seeds, images) by arm and protocol.

    `sizes` are the images of each fold, one after the other. `shared` says whether all seeds have the same images.
    """

    labels: NDArray[np.int64]
    correct: Mapping[str, Correct]
    sizes: tuple[int, ...]
    shared: bool

    def pair(self, pair: Pair) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how right the two arms of a pair are, each under its protocol, (seeds, images)."""
        return (
            self.correct[pair.arm][pair.protocol],
            self.correct[pair.reference][pair.reference_protocol],
        )

    @property
    def each(self) -> int:
        """How many images a run was judged on."""
        return round(float(np.mean(self.sizes)))

    def tested(self, trained_on: int) -> Tested:
        """Return the folds of the images if `trained_on` images were trained on."""
        fold = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return Tested(fold, float(np.mean(self.sizes)) / trained_on)


def _right_of_arms(
    runs: Mapping[str, Sequence[Sequence[Run]]], protocols: Mapping[str, Sequence[str]], split: str
) -> Judged:
    """Read how right each run is on each image of a split.

    All arms of a seed and fold must have the same images; on the test split all seeds must, too. Training splits
    may differ between seeds, because the validation split does. If their sizes differ too, because each class must
    be on both sides and groups are not cut, as many images of each count as the smallest has.
    """
    labels: dict[tuple[int, int], NDArray[np.int64]] = {}
    read = {
        name: [
            [
                _right_of_run(run, protocols[name], split, labels, (seed if split == TRAIN else 0, fold))
                for fold, run in enumerate(of_seed)
            ]
            for seed, of_seed in enumerate(of_arm)
        ]
        for name, of_arm in runs.items()
    }
    least: dict[int, int] = {}
    for (_, fold), row in labels.items():
        least[fold] = min(len(row), least.get(fold, len(row)))

    def spread(rows: NDArray[Any], fold: int) -> NDArray[Any]:
        # They may be sorted by class.
        return rows[np.arange(least[fold]) * len(rows) // least[fold]]

    found = {
        name: {
            protocol: np.stack(
                [
                    np.concatenate([spread(right[protocol], fold) for fold, right in enumerate(parts)])
                    for parts in of_arm
                ]
            )
            for protocol in protocols[name]
        }
        for name, of_arm in read.items()
    }
    of_first = [spread(labels[0, fold], fold) for seed, fold in sorted(labels) if not seed]
    shared = all(np.array_equal(row, labels[0, fold]) for (_, fold), row in labels.items())
    return Judged(np.concatenate(of_first), found, tuple(map(len, of_first)), shared)


def _right_of_run(
    run: Run,
    protocols: Iterable[str],
    split: str,
    labels: dict[tuple[int, int], NDArray[np.int64]],
    part: tuple[int, int],
) -> Correct:
    """Return how right each image is, by protocol; the first run's labels of a part are kept in `labels`."""
    table, _ = read_predictions(run.directory / split_name(PREDICTIONS, split))
    own = table["label"].to_numpy()
    if not np.array_equal(own, labels.setdefault(part, own)):
        raise InputError(
            f"{run.directory} was evaluated on other images than the runs before it; "
            "arms are compared image by image, so their test splits must be the same"
        )
    return {
        protocol: correctness(
            protocol,
            table[f"{protocol}.scores"].combine_chunks().flatten().to_numpy().reshape(len(own), -1),
            own,
        )
        for protocol in protocols
    }


def _arm_result(
    arm: Arm, runs: Sequence[Run], of_test: Judged, of_train: Judged, split: str, trained_on: int
) -> ArmResult:
    evaluation = runs[0].outline["evaluation"][split]
    tiled = arm.recipe.tile is not None
    return ArmResult(
        name=arm.name,
        tile=arm.recipe.tile,
        augmentation=arm.augmentation,
        headline=arm.headline,
        accuracies=tuple(
            _accuracy(protocol, right, of_train.correct[arm.name][protocol], of_test, of_train, trained_on)
            for protocol, right in of_test.correct[arm.name].items()
        ),
        cost=_cost([run.training for run in runs]),
        stride=evaluation["stride"] if tiled else None,
        tiles_per_image=evaluation["tiles"] / evaluation["images"] if tiled else None,
        augmented=Augmented(
            arm.recipe.flip,
            None if tiled else arm.recipe.crop_padding,
            arm.recipe.cutout,
            arm.recipe.cutmix,
            arm.recipe.resized_crop,
            arm.recipe.augmentation,
            arm.recipe.mixup,
            _begun_from(arm.recipe),
        ),
        fall=fall_of([training_curve(run.directory) for run in runs]),
    )


def _begun_from(recipe: Recipe) -> str:
    if recipe.weights_of is not None:
        return f"weights of {recipe.weights_of}"
    return f"published weights of {recipe.model}" if recipe.pretrained else ""


def _accuracy(
    protocol: str,
    right: NDArray[np.float64],
    known: NDArray[np.float64],
    of_test: Judged,
    of_train: Judged,
    trained_on: int,
) -> Accuracy:
    """Return an accuracy from how right the test images are and how right training images are, (seeds, images)."""
    tested = of_test.tested(trained_on).widened(arm_estimate(right), right, 0)
    plain = arm_estimate(known, same_images=of_train.shared)
    trained = of_train.tested(trained_on).widened(plain, known, 0)
    return Accuracy(
        protocol,
        tested,
        tuple(right.mean(1).tolist()),
        trained,
        tuple(known.mean(1).tolist()),
        difference_of_estimates(trained, tested)
        if len(of_test.sizes) > 1
        else gap_estimate(known, right, same_images=of_train.shared),
    )


def _cost(metrics: Sequence[Mapping[str, Any]]) -> Cost:
    of_seed: dict[str, Any] = {
        name: tuple(of_seed[name] for of_seed in metrics)
        for name in ("seconds", "peak_memory_bytes", "precision")
    }
    same = ("parameters", "steps", "epochs", "images_seen", "pixels_per_image", "training_pixels", "flops")
    # For runs that an earlier version trained, it is not known.
    optimizer = metrics[0].get("optimizer_flops")
    return Cost(**{name: metrics[0][name] for name in same}, optimizer_flops=optimizer, **of_seed)


def _difference(
    pair: Pair, of_test: Judged, of_train: Judged, arms: Mapping[str, ArmResult], tested: Tested
) -> Difference:
    right, reference_right = of_test.pair(pair)
    interval = tested.widened(paired_difference(right, reference_right), right - reference_right, -1)
    said = verdict(
        scored_arm(pair.arm, pair.protocol, arms[pair.arm].stride),
        scored_arm(pair.reference, pair.reference_protocol, arms[pair.reference].stride),
        interval,
    )
    return Difference(
        arm=pair.arm,
        protocol=pair.protocol,
        reference=pair.reference,
        reference_protocol=pair.reference_protocol,
        headline=bool(pair.asked),
        interval=interval,
        mcnemar=()
        if pair.protocol == SINGLE_TILE or tested.fold.any()
        else tuple(mcnemar(ours, theirs) for ours, theirs in zip(right, reference_right, strict=True)),
        verdict=f"{said}{_SAID_TOO.get(pair.asked, '')}{_undertrained(arms[pair.arm], arms[pair.reference])}",
        asked=pair.asked,
        spread=None if tested.fold.any() else Spread.of(right - reference_right),
        gap=None if tested.fold.any() else _difference_of_gaps(pair, of_test, of_train),
    )


def _difference_of_gaps(pair: Pair, of_test: Judged, of_train: Judged) -> Estimate:
    ours, theirs = zip(of_train.pair(pair), of_test.pair(pair), strict=True)
    return gap_difference(ours, theirs, same_images=of_train.shared)


def _undertrained(*arms: ArmResult) -> str:
    return undertrained_note([arm.label for arm in arms if arm.undertrained])


def _distinct(values: Iterable[dict[str, Any]]) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = []
    for value in values:
        if value not in found:
            found.append(value)
    return tuple(found)
