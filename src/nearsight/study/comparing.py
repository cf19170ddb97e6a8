"""Compare: arms × seeds under a budget, trained, evaluated and measured, resumable run by run."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nearsight.data import ImageSet, ImageSets, require_tile
from nearsight.data.folds import FOLD, FoldedSet
from nearsight.data.split_list import Listing
from nearsight.data.value_groups import ValueGroups, checked_groups, column_of, column_values, groups_of
from nearsight.errors import InputError, unknown_name
from nearsight.evaluation import evaluate
from nearsight.evaluation.expected import FullPass, expected_of
from nearsight.evaluation.five_crop import FiveCrop, Shifts
from nearsight.evaluation.kept_scores import CONTENT
from nearsight.evaluation.whole_on_tiles import TileAnswers, seconds_of_asking, sizes_to_ask
from nearsight.evidence import TiledModel
from nearsight.launch import by_itself
from nearsight.lock import writes
from nearsight.models import Classifier
from nearsight.numbers import counted, whole
from nearsight.progress import SAID_SECONDS, SILENT, Progress, duration
from nearsight.progress.shortening import LONG_SECONDS
from nearsight.runs import Run
from nearsight.settings import Budget, GridKind, Machine, Recipe
from nearsight.settings.choices import DEFAULT_BUDGET, DEFAULT_SEEDS, DEFAULT_TILES
from nearsight.settings.pooled import no_attention
from nearsight.settings.protocols import ATTENTION, FIVE_CROP, FULL_PASS, PROTOCOLS, USUAL
from nearsight.study.arms import Arm, make_arms, order_arms, reference_size, usual_arms, usual_padding
from nearsight.study.asking_about_tiles import ask_run, measure_on_tiles
from nearsight.study.comparison import Comparison
from nearsight.study.kept_runs import evaluated_as, is_evaluated, require_same_images
from nearsight.study.measure import measure, protocols_of
from nearsight.study.settings import RUNS, Study, claim_study
from nearsight.together import all_processes
from nearsight.training import train
from nearsight.training.batches import training_size
from nearsight.training.early_warnings import early_warnings, require_readable
from nearsight.training.layout import lay_out
from nearsight.training.prepare import build_classifier
from nearsight.training.step_time import seconds_of_step
from nearsight.training.training_run import total_steps

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "test"
GRID: GridKind = "covering"
TRIAL_IMAGES = 64
# The most of its training images on which a run is judged. With one seed, they show its accuracy to some points.
MOST_TRAINING_IMAGES = 1000


@writes("out")
def compare(
    base: Recipe,
    sets: ImageSets | Callable[[int], ImageSets] | FoldedSet,
    out: Path,
    *,
    arms: Iterable[str] | None = None,
    tiles: Iterable[int | None] | None = None,
    seeds: int = DEFAULT_SEEDS,
    budget: Budget = DEFAULT_BUDGET,
    protocols: Iterable[str] | None = None,
    stride: int | None = None,
    groups: str | None = None,
    on_tiles: int = 0,
    resume: bool = True,
    machine: Machine | None = None,
    progress: Progress = SILENT,
) -> Comparison:
    """Train and evaluate every arm at every seed, and leave runs/ARM/seed-N and comparison.json in `out`.

    >>> import tempfile
    >>> from nearsight.data import load
    >>> base = Recipe(data="digits", model="airbench", width=0.1, steps=2, batch_size=64)
    >>> found = compare(base, load("digits"), Path(tempfile.mkdtemp()), arms=["full", "tile-6"], seeds=1)
    >>> [arm.name for arm in found.arms], found.images
    (['full', 'tile-6'], 365)

    `sets` is one set for all seeds, or a function that gives that of a seed, if the validation split depends on
    the seed. If the set is in folds, every arm is trained and tested on each fold at each seed, in
    runs/ARM/seed-N/fold-K, and intervals cover the choice of training sets. `arms` are names as `order_arms`
    takes them, by default the `usual_arms` of `tiles`; `tiles` contains None for whole images and is 16, 24 and
    whole images by default. `protocols` are those of the tile arms; mean-logit, or the pooling that they are
    trained by, is always among them. Whole images are judged in one pass and on five views. `stride` is by
    default a quarter of each tile. Every run is judged on the test images and on some that it was trained on
    (`some_training_images`). Every arm has the same seeds, and all arms of one seed come before the next seed, so
    that an unfinished comparison is paired. `groups` is a column of the set, or a fact of its files such as
    `file.format`, by which the arms are also compared; it changes no run. On `on_tiles` test images, drawn with a
    fixed seed, the arms of whole images are asked about tiles (`ask_run`). `progress` is told what is done for
    every run.

    The same call resumes: finished runs are kept, started ones continued and missing ones made. With `resume`
    false, only a new directory is accepted. Raises `InputError` before anything is written if `out` holds
    something else or an arm cannot be trained, and `Interrupted` after SIGINT or SIGTERM, with a checkpoint
    written.
    """
    out, machine = Path(out), machine or Machine()
    if machine.devices != 1:
        raise InputError(
            f"each run of a comparison is trained in one process, got devices {machine.devices}; leave it at 1, and "
            "start several processes (torchrun) to train several runs at once"
        )
    on_tiles = whole("on_tiles", on_tiles)
    if on_tiles < 0:
        raise InputError(f"on_tiles must be a number of images, 0 for none, got {on_tiles}")
    folds = sets.count if isinstance(sets, FoldedSet) else None
    study = Study(
        replace(base, tile=None),
        _named(base, arms, tiles),
        seeds,
        budget,
        _chosen(protocols, base),
        stride,
        folds,
    )
    sets_of = _held(sets, base.validation)
    first = sets_of(base.seed, 1)
    size = reference_size(base, study.arms, first["train"])
    if groups is not None:
        # Before anything is trained for nothing.
        groups_of(first[SPLIT], groups)
    made = make_arms(study.base, study.arms, budget, size)
    sides = sorted({arm.recipe.tile for arm in made if arm.recipe.tile is not None})
    asking = None if not on_tiles else (sides, -(-on_tiles // (folds or 1)))
    expected = _require_trainable(made, first, study, asking, None if progress is SILENT else machine)
    planned = [
        Planned(arm, replace(arm.recipe, seed=seed), fold, _place(out, arm, seed, fold if folds else None))
        for seed in study.all_seeds
        for fold in range(1, (folds or 1) + 1)
        for arm in made
    ]

    def claim() -> None:
        claim_study(out, study, {one.place: one.recipe for one in planned}, resume=resume)
        now = sets.listing() if isinstance(sets, FoldedSet) else Listing.of(first)
        listed = Listing.load(out)
        if listed is None:
            now.save(out)
        elif not all(_finished(one.place) for one in planned):
            require_same_images(out, listed, now)

    def make(one: Planned, progress: Progress) -> MadeRun:
        of_seed = sets_of(one.recipe.seed, one.fold)
        run = train(one.recipe, of_seed, one.place, resume=True, machine=machine, progress=progress)
        # The seeds and folds of an arm are one network, which is described once.
        first_of_arm = one.recipe.seed == study.all_seeds[0] and one.fold == 1
        _evaluate(run, one.arm, study, of_seed, machine, progress, tell=first_of_arm)
        answers = None
        if on_tiles and one.arm.recipe.tile is None:
            bound = TiledModel(run.classifier(), device=machine.torch_device())
            most = -(-on_tiles // (folds or 1))
            answers = ask_run(
                run, bound, of_seed[SPLIT], of_seed["train"], sides, most=most, progress=progress
            )
        return MadeRun(one, run, answers)

    def measured() -> Comparison:
        runs: dict[str, list[list[Run]]] = {arm.name: [[] for _ in study.all_seeds] for arm in made}
        asked: dict[str, list[list[TileAnswers]]] = {}
        values: dict[int, pa.ChunkedArray] = {}
        # If there are several processes, the others made some of the runs, which are complete by now.
        every = own if len(own) == len(planned) else [make(one, SILENT) for one in planned]
        for found in every:
            seed, fold, name = found.planned.recipe.seed, found.planned.fold, found.planned.arm.name
            runs[name][seed - base.seed].append(found.run)
            if found.answers is not None:
                asked.setdefault(name, [[] for _ in study.all_seeds])[seed - base.seed].append(found.answers)
            if groups is not None and fold not in values:
                values[fold] = column_of(sets_of(seed, fold)[SPLIT], groups, progress)
        grouped = None if groups is None else _grouped(groups, [values[fold] for fold in sorted(values)])
        comparison = measure(study, made, runs, out, first, size, SPLIT, grouped)
        ratio = comparison.images / (folds or 1) / comparison.training_images
        told = (measure_on_tiles(name, answers, sides, ratio) for name, answers in asked.items())
        comparison = replace(comparison, on_tiles=tuple(told))
        comparison.save()
        return comparison

    with all_processes() as processes:
        processes.first_does(claim)
        # Folds are announced as they come.
        for note in sets.whole.notes if isinstance(sets, FoldedSet) else first.notes:
            progress.say(note)
        for warning in early_warnings(base, first["train"]):
            progress.warn(warning)
        if not all(_finished(one.place) for one in planned):
            processes.first_does(partial(require_readable, first[SPLIT], progress))
        own: list[MadeRun] = []
        with by_itself():
            processes.each(
                lambda: own.extend(_made(processes.dealt(planned), make, folds, expected, progress))
            )
            comparison = processes.first_does(measured)
    return Comparison.load(out) if comparison is None else comparison


@dataclass(frozen=True)
class Planned:
    """A run of a comparison: its arm, its recipe with the seed, its fold (1 where there are none), its directory."""

    arm: Arm
    recipe: Recipe
    fold: int
    place: Path


@dataclass(frozen=True)
class MadeRun:
    """A run that is trained and evaluated, and its answers about tiles, if it was asked."""

    planned: Planned
    run: Run
    answers: TileAnswers | None


def _made(
    planned: Sequence[Planned],
    make: Callable[[Planned, Progress], MadeRun],
    folds: int | None,
    expected: Mapping[str, float] | None,
    progress: Progress,
) -> Iterator[MadeRun]:
    """Make runs one after the other, and say for each which it is and how long everything will still take.

    `expected` are the estimated seconds of a run of each arm, if known.
    """
    taken: dict[str, list[float]] = {}
    warned = False
    for number, one in enumerate(planned, start=1):
        of_folds = f", fold {one.fold} of {folds}" if folds else ""
        coming = [later.arm.name for later in planned[number - 1 :] if not _finished(later.place)]
        left = seconds_left(taken, coming, expected)
        to_go = "" if left is None or left < SAID_SECONDS else f", about {duration(left)} to go"
        progress.say(
            f"{one.arm.name}, seed {one.recipe.seed}{of_folds} (run {number} of {len(planned)}{to_go})"
        )
        if left is not None and left > LONG_SECONDS and not warned:
            warned = True
            progress.warn(
                f"the comparison has about {duration(left)} to go; to shorten it, give fewer `seeds`, "
                "`arms`, `epochs` or `steps`; what is done is kept"
            )
        begun = time.monotonic()
        found = make(one, progress)
        # Of a run that was begun before, this is the rest.
        taken.setdefault(one.arm.name, []).append(max(time.monotonic() - begun, _seconds_of(found.run)))
        yield found


def seconds_left(
    taken: Mapping[str, Sequence[float]], coming: Sequence[str], expected: Mapping[str, float] | None = None
) -> float | None:
    """Return the seconds that the remaining runs will take; None if there is nothing to estimate them from.

    >>> seconds_left({"full": [60.0], "tile-16": [20.0, 30.0]}, ["full", "tile-16"])
    85.0
    >>> seconds_left({}, ["full", "tile-16"], expected={"full": 40.0, "tile-16": 10.0})
    50.0
    >>> seconds_left({"full": [60.0]}, ["tile-16", "full"], expected={"full": 40.0, "tile-16": 10.0})
    75.0

    A run takes the mean time of the finished runs of its arm. If there are none, it takes the time `expected` for
    the arm, scaled by how much longer or shorter the finished arms took than expected; without that, the mean of
    the finished arms.
    """
    expected = expected or {}
    mean = {arm: sum(seconds) / len(seconds) for arm, seconds in taken.items()}
    both = [arm for arm in mean if expected.get(arm)]
    off_by = sum(mean[arm] for arm in both) / sum(expected[arm] for arm in both) if both else 1.0
    guesses = {arm: seconds * off_by for arm, seconds in expected.items()} | mean
    if not guesses:
        return None
    usual = sum(guesses.values()) / len(guesses)
    return sum(guesses.get(arm, usual) for arm in coming)


def _seconds_of(run: Run) -> float:
    evaluated = run.outline.get("evaluation", {}).values()
    return float(run.training["seconds"]) + sum(float(one.get("seconds", 0)) for one in evaluated)


def some_training_images(sets: ImageSets) -> ImageSet:
    """Return the training images on which a run is judged: as many as the test set has, at most 1,000.

    They are drawn evenly and with a fixed seed, so that all runs on the same training images have the same ones.
    """
    images = sets["train"]
    most = min(MOST_TRAINING_IMAGES, len(sets[SPLIT]))
    return images.select(np.sort(np.random.default_rng(0).permutation(len(images))[:most]))


def _named(base: Recipe, arms: Iterable[str] | None, tiles: Iterable[int | None] | None) -> tuple[str, ...]:
    if arms is None:
        return usual_arms(base, DEFAULT_TILES if tiles is None else tiles)
    if tiles is not None:
        raise InputError("`arms` name their tiles, and `tiles` were given too; leave either out")
    return order_arms(arms)


def _grouped(name: str, values: "Sequence[pa.ChunkedArray]") -> ValueGroups:
    """Return the groups that a column makes of the images of all folds."""
    import pyarrow as pa

    joined = pa.concat_tables([pa.table({name: one}) for one in values], promote_options="permissive")
    return checked_groups(column_values(name, joined[name]))


def _finished(place: Path) -> bool:
    return place.is_dir() and Run(place).finished


def _place(out: Path, arm: Arm, seed: int, fold: int | None) -> Path:
    of_seed = out / RUNS / arm.name / f"seed-{seed}"
    return of_seed if fold is None else of_seed / f"{FOLD}{fold}"


def _held(
    sets: ImageSets | Callable[[int], ImageSets] | FoldedSet, validation: float
) -> Callable[[int, int], ImageSets]:
    """Return a function that gives the sets of a seed and fold, and keeps the last ones while they are needed."""
    if isinstance(sets, ImageSets):
        return lambda _seed, _fold: sets
    held: list[tuple[int, int, ImageSets]] = []

    def sets_of(seed: int, fold: int) -> ImageSets:
        if not held or held[0][1] != fold or (held[0][0] != seed and held[0][2].splits_follow_seed):
            held[:] = []
            found = sets.sets_of(fold, validation, seed) if isinstance(sets, FoldedSet) else sets(seed)
            held.append((seed, fold, found))
        return held[0][2]

    return sets_of


def _chosen(protocols: Iterable[str] | None, base: Recipe) -> tuple[str, ...]:
    asked = set(USUAL if protocols is None else protocols)
    for protocol in sorted(asked - set(PROTOCOLS)):
        raise unknown_name("protocol", protocol, PROTOCOLS)
    if ATTENTION in asked and base.pooling != "attention":
        raise no_attention()
    return tuple(protocol for protocol in PROTOCOLS if protocol in asked)


def _require_trainable(
    arms: Iterable[Arm],
    sets: ImageSets,
    study: Study,
    asking: tuple[Sequence[int], int] | None,
    machine: Machine | None,
) -> dict[str, float]:
    """Raise before anything is written what would stop an arm at its start or its evaluation.

    Returns about how many seconds the training and the evaluation of each arm take on a machine, by name; nothing
    without a machine. `asking` are the tiles that whole images are asked about, and on how many images.
    """
    images, test = sets["train"], sets[SPLIT]
    few = images.select(np.arange(min(len(images), TRIAL_IMAGES)))
    seconds: dict[str, float] = {}
    for arm in arms:
        training_size(images, arm.recipe)
        if arm.recipe.tile is not None and arm.recipe.resize_short is None:
            require_tile(test, arm.recipe.tile)
        classifier, size = build_classifier(arm.recipe, few, SILENT)
        if machine is not None:
            device = machine.torch_device()
            network = classifier.network.to(device)
            lay_out(network, size)
            step = seconds_of_step(network, arm.recipe, size, device)
            seconds[arm.name] = step * total_steps(arm.recipe, len(images))
            seconds[arm.name] += _seconds_of_evaluation(classifier, arm, sets, study, machine)
            if asking is not None and arm.recipe.tile is None:
                bound, (sides, most) = TiledModel(classifier, device=device), asking
                sizes = sizes_to_ask(bound, test, sides)
                seconds[arm.name] += seconds_of_asking(bound, test, images, sizes, most=most)
    return seconds


def _seconds_of_evaluation(
    classifier: Classifier, arm: Arm, sets: ImageSets, study: Study, machine: Machine
) -> float:
    """Return about how many seconds a run of an arm is evaluated, as `_evaluate` does."""
    classifier.network.eval()
    tile, protocols = arm.recipe.tile, protocols_of(arm, study)
    bound = TiledModel(
        classifier, stride=None if tile is None else study.stride, grid=GRID, device=machine.torch_device()
    )
    passes: list[FullPass] = [bound] if FULL_PASS in protocols else []
    if FIVE_CROP in protocols:
        passes.append(FiveCrop(bound, _shifts(study)))
    costs = [
        expected_of(
            bound,
            images,
            passes=passes,
            of_tiles=None if tile is None else bound.cost,
            workers=machine.decoding_workers(),
        )
        for images in (sets[SPLIT], some_training_images(sets))
    ]
    return sum(cost.seconds for cost in costs if cost is not None)


def _shifts(study: Study) -> Shifts:
    return Shifts(usual_padding(study.base), study.base.crop_fill)


def _evaluate(
    run: Run,
    arm: Arm,
    study: Study,
    sets: ImageSets,
    machine: Machine,
    progress: Progress,
    *,
    tell: bool,
) -> None:
    """Judge a run on the test images, and on some that it was trained on, unless that is already done."""
    protocols, shifts = protocols_of(arm, study), _shifts(study)
    stride = None if arm.recipe.tile is None else study.stride
    wanted = shifts.settings() if FIVE_CROP in protocols else {}
    judged = [
        (images, how)
        for images in (sets[SPLIT], some_training_images(sets))
        if not is_evaluated(run, (how := evaluated_as(images, arm.recipe, stride, GRID)) | wanted, protocols)
    ]
    if not judged:
        return
    bound = TiledModel(run.classifier(), stride=stride, grid=GRID, device=machine.torch_device())
    for note in bound.notes if tell else ():
        progress.warn(note)
    for images, how in judged:
        progress.say(
            f"evaluating {arm.name} on {counted(len(images), 'image')} of {images.name} {images.split}"
        )
        found = evaluate(
            bound,
            images,
            protocols=[protocol for protocol in protocols if protocol != FIVE_CROP],
            shifts=shifts if FIVE_CROP in protocols else None,
            workers=machine.decoding_workers(),
            progress=progress,
        )
        replace(found, settings={**found.settings, CONTENT: how[CONTENT]}).save(run.directory)
