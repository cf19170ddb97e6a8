"""Compare: arms × seeds under a budget, trained, evaluated and measured, resumable run by run."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from nearsight.data import ImageSet, ImageSets, load, require_tile
from nearsight.errors import InputError, unknown_name
from nearsight.evaluation import PROTOCOLS, evaluate
from nearsight.models import build, reach
from nearsight.runs import PREDICTIONS, Run
from nearsight.study.arms import Arm, Budget, make_arms, order_tiles, reference_size
from nearsight.study.comparison import Comparison
from nearsight.study.measure import measure, protocols_of
from nearsight.study.settings import RUNS, Study, claim_study
from nearsight.training import Machine, Recipe, Reporter, Silent, train
from nearsight.training.batches import training_size

SPLIT = "test"
GRID = "covering"


def compare(
    base: Recipe,
    sets: ImageSets | Callable[[int], ImageSets],
    out: Path,
    *,
    tiles: Iterable[int | None] = (16, 24, None),
    seeds: int = 3,
    budget: Budget = "steps",
    protocols: Iterable[str] | None = None,
    stride: int | None = None,
    resume: bool = False,
    machine: Machine | None = None,
    reporter: Reporter | None = None,
) -> Comparison:
    """Train and evaluate every arm at every seed, and leave runs/ARM/seed-N and comparison.json in `out`.

    >>> import tempfile
    >>> base = Recipe(data="digits", model="airbench", width=0.1, steps=2, batch_size=64)
    >>> found = compare(base, load("digits"), Path(tempfile.mkdtemp()), tiles=[6, None], seeds=1)
    >>> [arm.name for arm in found.arms], found.images
    (['full', 'full+standard', 'tile-6'], 359)

    `sets` is one set for all seeds, or gives that of a seed, as `sets_by_seed` does where the validation cut
    follows the seed. `tiles` holds None for whole images; `protocols` are those of the tile arms, to which
    mean-logit always belongs; `stride` is by default a quarter of each tile. Every arm has the same seeds;
    the arms of one seed come before the next seed, so that an unfinished comparison is paired.

    With `resume`, finished runs are kept, begun ones continued and missing ones made. Raises `InputError`
    when `out` holds something else or an arm cannot be trained, before anything is written, and
    `Interrupted` after SIGINT or SIGTERM, with a checkpoint written.
    """
    out, machine, reporter = Path(out), machine or Machine(), reporter or Silent()
    if machine.devices != 1:
        raise InputError(f"a comparison trains in one process, got devices {machine.devices}; leave it at 1")
    study = Study(
        replace(base, tile=None), order_tiles(tiles), seeds, budget, _chosen(protocols), stride
    )
    sets_of = sets if callable(sets) else lambda _seed: sets
    first = sets_of(base.seed)
    size = reference_size(base, study.tiles, first["train"])
    arms = make_arms(study.base, study.tiles, budget, size)
    _require_trainable(arms, first)
    planned = [
        (arm, replace(arm.recipe, seed=seed), out / RUNS / arm.name / f"seed-{seed}")
        for seed in study.all_seeds
        for arm in arms
    ]
    claim_study(out, study, {place: recipe for _, recipe, place in planned}, resume=resume)
    runs: dict[str, list[Run]] = {arm.name: [] for arm in arms}
    for number, (arm, recipe, place) in enumerate(planned, start=1):
        reporter.say(f"{arm.name}, seed {recipe.seed} (run {number} of {len(planned)})")
        of_seed = sets_of(recipe.seed)
        run = train(recipe, of_seed, place, resume=True, machine=machine, reporter=reporter)
        _evaluate(run, arm, study, of_seed[SPLIT], machine, reporter)
        runs[arm.name].append(run)
    comparison = measure(study, arms, runs, first, size, SPLIT)
    comparison.save(out)
    return comparison


def sets_by_seed(recipe: Recipe) -> Callable[[int], ImageSets]:
    """Return what loads a recipe's data for a seed; where nothing is cut by seed, it is loaded once.

    >>> sets_of = sets_by_seed(Recipe(data="digits"))
    >>> sets_of(0).notes == sets_of(1).notes
    False

    Only the sets of the last seed asked for are held.
    """
    held: dict[int, ImageSets] = {}

    def sets_of(seed: int) -> ImageSets:
        if seed not in held:
            if held and not any("seed" in note for sets in held.values() for note in sets.notes):
                return next(iter(held.values()))
            held.clear()
            held[seed] = load(recipe.data, validation=recipe.validation, seed=seed)
        return held[seed]

    return sets_of


def _chosen(protocols: Iterable[str] | None) -> tuple[str, ...]:
    asked = set(PROTOCOLS if protocols is None else protocols)
    for protocol in sorted(asked - set(PROTOCOLS)):
        raise unknown_name("protocol", protocol, PROTOCOLS)
    return tuple(protocol for protocol in PROTOCOLS if protocol in asked)


def _require_trainable(arms: Iterable[Arm], sets: ImageSets) -> None:
    """Raise before hours of training what would stop an arm at its start or its evaluation."""
    images = sets[SPLIT]
    for arm in arms:
        recipe = arm.recipe
        side = min(training_size(sets["train"], recipe))
        if recipe.tile is not None and recipe.resize_short is None:
            require_tile(images, recipe.tile)
        with torch.random.fork_rng(devices=[]):
            network = build(recipe.model, len(images.classes), width=recipe.width, tile=side)
        reach(network, side, name=recipe.model)


def _evaluate(
    run: Run, arm: Arm, study: Study, images: ImageSet, machine: Machine, reporter: Reporter
) -> None:
    tile, protocols = arm.recipe.tile, protocols_of(arm, study)
    wanted: dict[str, Any] = {"data": images.name, "split": images.split, "images": len(images)}
    if tile is not None:
        stride = study.stride if study.stride is not None else max(1, tile // 4)
        wanted |= {"tile": tile, "stride": stride, "grid": GRID}
    if _is_evaluated(run, wanted, protocols):
        return
    reporter.say(f"evaluating {arm.name} on {len(images):,} images of {images.name} {images.split}")
    cuda = machine.device == "auto" and torch.cuda.is_available()
    device = "cuda" if cuda else "cpu" if machine.device == "auto" else machine.device
    evaluate(
        run.classifier(),
        images,
        protocols=protocols,
        stride=wanted.get("stride"),
        grid=GRID,
        device=device,
        workers=0 if images.pixels is not None else machine.decoding_workers(),
    ).save(run.directory)


def _is_evaluated(run: Run, wanted: Mapping[str, Any], protocols: Iterable[str]) -> bool:
    """Whether both result.json and predictions.parquet hold these protocols under these settings."""
    held = run.result.get("evaluation", {}).get(SPLIT, {})
    if not set(protocols) <= set(held.get("protocols", ())) or not (run.directory / PREDICTIONS).is_file():
        return False
    table = run.predictions()
    columns = {f"{protocol}.scores" for protocol in protocols}
    return columns <= set(table.column_names) and all(
        settings.get(name) == value for settings in (held, _settings(table)) for name, value in wanted.items()
    )
