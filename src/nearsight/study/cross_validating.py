"""Cross-validation: a run for each fold, and what all of them show together."""

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nearsight.data.folds import FOLD, FoldedSet, folds_of, of_fold
from nearsight.data.split_list import LISTING, Listing
from nearsight.errors import InputError
from nearsight.evaluation import correctness, evaluate
from nearsight.evaluation.kept_scores import CONTENT
from nearsight.evidence import TiledModel
from nearsight.lock import contents, writes
from nearsight.models.classifier import Network
from nearsight.progress import SILENT, Progress
from nearsight.runs import PREDICTIONS, RECIPE, Run
from nearsight.runs.run import METADATA
from nearsight.schema import numbered
from nearsight.settings import Machine, Recipe
from nearsight.settings.choices import DEFAULT_GRID
from nearsight.statistics import accuracy_estimate, widened_by_folds
from nearsight.study.cross_validation import CrossValidation, FoldedAccuracy
from nearsight.study.kept_runs import evaluated_as, is_evaluated, require_same_images
from nearsight.training import train
from nearsight.training.early_warnings import early_warnings
from nearsight.write import write_table

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "test"


@writes("out")
def cross_validate(
    recipe: Recipe,
    folded: FoldedSet,
    out: Path,
    *,
    network: Network | None = None,
    stride: int | None = None,
    resume: bool = False,
    machine: Machine | None = None,
    progress: Progress = SILENT,
) -> CrossValidation:
    """Train and evaluate a run for each fold in out/fold-N, and leave their joint results in `out`.

    >>> import tempfile
    >>> from nearsight.data.folds import fold_set
    >>> from nearsight.data.sources import held_sets
    >>> import torch
    >>> folded = fold_set(held_sets((torch.rand(40, 3, 8, 8), ["cat", "dog"] * 20)), 2)
    >>> recipe = Recipe(model="airbench", tile=6, width=0.1, steps=2, batch_size=10)
    >>> found = cross_validate(recipe, folded, Path(tempfile.mkdtemp()))
    >>> found.images, found.runs
    (40, ('fold-1', 'fold-2'))

    Each run is as `nearsight train` leaves it, with its fold as the test split. `out` also lists which image is
    in which fold, and has all predictions in predictions.parquet, with the column `fold`, and folds.json. With
    `resume`, finished runs are kept, started ones continued and missing ones made. Raises `InputError` if `out`
    holds something else, and where `train` and `evaluate` do.
    """
    out, machine = Path(out), machine or Machine()
    if machine.devices != 1:
        raise InputError(
            f"a cross-validation trains in one process, got devices {machine.devices}; leave it at 1"
        )
    _claim(out, folded, resume=resume)
    runs, trained_on = [], []
    for fold, place in enumerate(_places(out, folded.count), start=1):
        progress.say(f"fold {fold} of {folded.count}")
        sets = folded.sets_of(fold, recipe.validation, recipe.seed)
        trained_on.append(len(sets["train"]))
        # The folds train on nearly the same number of images, so one warning covers all of them.
        for warning in early_warnings(recipe, sets["train"]) if fold == 1 else ():
            progress.warn(warning)
        run = train(recipe, sets, place, network=network, resume=resume, machine=machine, progress=progress)
        how = evaluated_as(sets[SPLIT], recipe, stride, DEFAULT_GRID)
        if not is_evaluated(run, how):
            bound = TiledModel(run.classifier(network), stride=stride, device=machine.torch_device())
            # The folds are one network, which is described once.
            for note in bound.notes if fold == 1 else ():
                progress.warn(note)
            told = evaluate(bound, sets[SPLIT], workers=machine.decoding_workers(), progress=progress)
            replace(told, settings={**told.settings, CONTENT: how[CONTENT]}).save(place)
        runs.append(run)
    found = _together(recipe, folded, runs, out, float(np.mean(trained_on)))
    _write_predictions(runs, out)
    found.save()
    return found


def listed_folds(out: Path) -> Listing | None:
    """Return which image is in which fold of a cross-validation that was started in a directory; None if none was."""
    listing = Listing.load(out) if any(out.glob(f"{FOLD}*/{RECIPE}")) else None
    return listing if listing is not None and folds_of(listing) else None


def _places(out: Path, folds: int) -> list[Path]:
    return [out / f"{FOLD}{fold}" for fold in range(1, folds + 1)]


def _claim(out: Path, folded: FoldedSet, *, resume: bool) -> None:
    """Prepare a directory for a cross-validation and list its folds there, or accept one with as many folds."""
    if out.is_file():
        raise InputError(f"{out} is a file; choose another `out`")
    listed = listed_folds(out)
    if listed is None:
        if {entry.name for entry in contents(out)} - {LISTING}:
            raise InputError(f"{out} is not empty and holds no cross-validation; choose another `out`")
        out.mkdir(parents=True, exist_ok=True)
        folded.listing().save(out)
    elif folds_of(listed) != folded.count:
        raise InputError(
            f"{out} already holds a cross-validation of {folds_of(listed)} folds, got {folded.count}; choose "
            "another `out`"
        )
    elif not resume:
        raise InputError(
            f"{out} already holds a cross-validation; give `resume=True`, or choose another `out`"
        )
    else:
        now = folded.listing()
        for fold, place in enumerate(_places(out, folded.count), start=1):
            if not Run(place).finished:
                require_same_images(out, of_fold(listed, fold), of_fold(now, fold))


def _together(
    recipe: Recipe, folded: FoldedSet, runs: Sequence[Run], out: Path, trained_on: float
) -> CrossValidation:
    of_all = [set(run.outline["evaluation"][SPLIT]["protocols"]) for run in runs]
    tables = [
        _tested(run, protocols, int(np.count_nonzero(folded.number == fold)))
        for fold, (run, protocols) in enumerate(zip(runs, of_all, strict=True), start=1)
    ]
    sizes = [len(table) for table in tables]
    fold = np.repeat(np.arange(len(runs)), sizes)
    accuracies = []
    for protocol in runs[0].outline["evaluation"][SPLIT]["protocols"]:
        if not all(protocol in of_run for of_run in of_all):
            continue
        right = np.concatenate(
            [
                correctness(
                    protocol,
                    table[f"{protocol}.scores"].combine_chunks().flatten().to_numpy().reshape(len(table), -1),
                    table["label"].to_numpy(),
                )
                for table in tables
            ]
        )
        ratio = float(np.mean(sizes)) / trained_on
        accuracies.append(
            FoldedAccuracy(
                protocol,
                widened_by_folds(accuracy_estimate(right), right[None], fold, ratio=ratio, least=0),
                tuple(float(right[fold == number].mean()) for number in range(len(runs))),
            )
        )
    return CrossValidation(
        directory=out,
        data=folded.whole.name,
        images=len(fold),
        classes=len(folded.whole.classes),
        recipe=recipe,
        runs=tuple(run.directory.name for run in runs),
        sizes=tuple(sizes),
        accuracies=tuple(accuracies),
        notes=folded.whole.notes,
    )


def _tested(run: Run, protocols: Collection[str], images: int) -> "pa.Table":
    """Return a run's predictions; raises `InputError` if they are not those of its fold under its protocols."""
    table = run.predictions()
    if len(table) != images or not {f"{name}.scores" for name in protocols} <= set(table.column_names):
        raise InputError(
            f"{run.directory / PREDICTIONS} does not hold the predictions of the fold's {images:,} images; remove "
            "it, and give `resume=True`"
        )
    return table


def _write_predictions(runs: Sequence[Run], out: Path) -> None:
    """Write the predictions of all runs as one table, one row per image, with the fold in which it was tested."""
    import pyarrow as pa

    parts = []
    for number, run in enumerate(runs, start=1):
        table = run.predictions().replace_schema_metadata(None)
        names = ["data.fold" if name == "fold" else name for name in table.column_names]
        fold = pa.array(np.full(len(table), number))
        parts.append(table.rename_columns(names).add_column(1, "fold", fold))
    table = pa.concat_tables(parts, promote_options="permissive")
    table = table.set_column(0, "index", pa.array(np.arange(len(table))))
    settings = {"data": runs[0].outline["evaluation"][SPLIT].get("data"), "folds": len(runs)}
    table = table.replace_schema_metadata({METADATA: json.dumps(numbered("predictions", settings))})
    write_table(out / PREDICTIONS, table)
