"""From a run and a diagnosis of its training images to a new run without the shortcuts, and what that changed."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import cast

import numpy as np

from nearsight import training
from nearsight.data import ImageSets
from nearsight.data.split_list import TRAINED_ON, Listing
from nearsight.data.value_groups import groups_of
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.candidates import TILE
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.diagnosing import diagnose, diagnosed
from nearsight.diagnosis.pictures import ExaminedPictures
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.result import DIAGNOSIS
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.launch import this_command
from nearsight.lock import writes
from nearsight.models.classifier import Network
from nearsight.models.weights_digest import digest_of_weights
from nearsight.numbers import counted
from nearsight.progress import SILENT, Progress, as_a_whole
from nearsight.repair.asked import (
    ASKED,
    Asked,
    Looked,
    begin,
    check_material_of,
    check_place,
    read_asked,
)
from nearsight.repair.choosing import check_names, choose, left_alone, left_to_learn
from nearsight.repair.expected import (
    CHOOSING,
    COMPARING,
    FINDING,
    TRAINING,
    expected_repair,
    parts_of_repair,
)
from nearsight.repair.head import head_of
from nearsight.repair.judging import found_again, judge
from nearsight.repair.last_layer import refit_last_layer
from nearsight.repair.methods import LAST_LAYER, TILES, material_of, planned
from nearsight.repair.result import Cost, Repair, Repaired
from nearsight.repair.shortcut import Shortcut
from nearsight.repair.shortcuts import find_shortcuts, without_reasons
from nearsight.repair.task import Task
from nearsight.repair.tiles import no_tiles, sees_tiles
from nearsight.runs import RESULT, Run
from nearsight.settings import GridKind, Machine
from nearsight.settings.choices import ALL_VERDICTS, RepairMethod
from nearsight.settings.models import CUSTOM
from nearsight.training.material import fingerprint
from nearsight.write import plain

# In the directory of a repair: the diagnosis that chose, and the new run.
DIAGNOSED, RUN = "diagnosis", "run"
# Images that tell whether edits came out as before: if one in twenty is edited, one among these is.
COMPARED = 256


@writes("out")
def repair(
    run: Run,
    sets: ImageSets,
    *,
    bound: TiledModel,
    verdicts: str | Sequence[str] = ALL_VERDICTS,
    method: RepairMethod | None = None,
    from_scratch: bool = False,
    column: str | None = None,
    diagnosis: Diagnosis | None = None,
    again: bool = True,
    out: Path,
    resume: bool = False,
    seed: int = 0,
    machine: Machine | None = None,
    once_diagnosed: Callable[[], None] = lambda: None,
    progress: Progress = SILENT,
) -> Repair:
    """Remove shortcuts from a run: make a new run without them, and evaluate both on the same test images.

    >>> repair(run, sets, bound=TiledModel(run.classifier()), out=Path("repaired")).sentences()  # doctest: +SKIP

    `sets` are the run's own, with the training images that it lists, and `bound` is its classifier. A diagnosis
    of `train` chooses; it is made here unless a `diagnosis` of `train` or `val` is given. `verdicts` is `all`,
    meaning all that are proven, or names such as `deer:1` (`choosing.choose`). `method` is one of
    `methods.METHODS`, by default each shortcut's own; `column` names the groups to balance. Training continues
    from the run's weights, or begins again with `from_scratch`. `again` diagnoses the test images before and
    after. The new run is left in `out`/run, and the diagnosis in `out`/diagnosis; `resume` continues with what
    the same call left there. `seed` fixes what is drawn. `once_diagnosed` is called as soon as `out`/diagnosis is
    written, long before the end.

    Raises `InputError` for bad input; nothing is overwritten then. If nothing is proven, the diagnosis is kept,
    so that `resume` can name what else it found.
    """
    out = Path(out)
    asked = Asked(
        run=run.directory.resolve().name,
        data=sets.name,
        verdicts=(verdicts,) if isinstance(verdicts, str) else tuple(verdicts),
        method=method,
        from_scratch=from_scratch,
        column=column,
        seed=seed,
        looked=Looked(*bound.sides(), bound.grid, sets.reading.value_range),
    )
    _check_run(run, sets, bound, asked)
    check_names(verdicts, sets.classes)
    _check_method(method, column, from_scratch, sets, bound, progress)
    check_place(out, asked, resume, DIAGNOSED)
    if diagnosis is not None:
        _check_diagnosis(diagnosis, run, sets, bound)
        _check_kept(diagnosis, out)
    steps: dict[str, float] = {}
    if progress is not SILENT and not resume:
        expected = expected_repair(
            run,
            sets,
            bound,
            diagnosed=diagnosis is not None,
            finds=diagnosis is None or any(one.verdict is not None for one in choose(diagnosis, verdicts)),
            from_scratch=from_scratch,
            again=again,
            seed=seed,
            machine=machine,
        )
        if sentence := expected.sentence():
            progress.say(sentence)
        steps = expected.steps
    whole = as_a_whole(progress, "repair", steps)
    # What is silent stays so: nobody waits for a time that is measured and not told.
    progress = SILENT if progress is SILENT else whole
    whole.begins(CHOOSING)
    found = diagnosis or _diagnosis(run, sets, bound, out, resume, asked, machine, progress)
    if diagnosis is None:
        once_diagnosed()
    if (found.tile, found.stride, found.grid) != (*bound.sides(), bound.grid):
        bound = bound.at(found.tile, found.stride, cast(GridKind, found.grid))
    chosen, left = choose(found, verdicts), left_alone(found, verdicts)
    for one in chosen:
        progress.say(f"to be removed: {one.name(found.classes)} ({one.words})")
    for sentence in left:
        progress.say(sentence)
    for sentence in left_to_learn(found, chosen):
        progress.warn(sentence)
    decision = Decision(bound, found.decision)
    whole.begins(FINDING)
    shortcuts = find_shortcuts(decision, found, sets, chosen, seed=seed, progress=progress)
    task = Task(bound, sets["train"], shortcuts, column, seed, progress)
    plan = planned(shortcuts, method, column, of_tiles=sees_tiles(bound))
    if from_scratch and LAST_LAYER in plan:
        raise _not_from_scratch()
    made = _Making(run, sets, task, method, from_scratch, out, resume, machine, asked, diagnosis)
    whole.begins(TRAINING)
    new = made.run_by_last_layer() if LAST_LAYER in plan else made.run_by_training()
    after = bound.with_model(new.classifier(_network(bound)))
    test = sets["test"]
    told: list[Diagnosis | None] = []
    whole.begins(COMPARING)
    for network, when in ((bound, "before"), (after, "after")):
        if again:
            progress.say(f"diagnosing the test images, to compare: the network {when} the repair")
        told.append(_diagnosed(network, sets, "test", "", seed, machine, progress) if again else None)
    asked_before, asked_after = (
        None if one is None or one.decision != found.decision else one.predictions for one in told
    )
    judged = judge(
        decision,
        Decision(after, found.decision),
        test,
        shortcuts,
        known=(asked_before, asked_after),
        seed=seed,
        progress=progress,
    )
    before_again, after_again = (None if one is None else found_again(one, test, shortcuts) for one in told)
    result = Repair(
        directory=out,
        run=asked.run,
        data=sets.name,
        classes=sets.classes,
        method=" and ".join(plan),
        from_scratch=from_scratch,
        decision=found.decision,
        chosen_on=_chosen_on(found),
        seed=seed,
        shortcuts=tuple(_repaired(one, sets) for one in shortcuts),
        overall=judged.overall,
        groups=judged.groups,
        moved=judged.moved,
        beside=judged.beside,
        by_class=judged.by_class,
        before=before_again,
        after=after_again,
        cost_before=_cost(run),
        cost=_cost(new) or Cost(0, 0.0, 0),
        notes=found.notes,
        examples=judged.examples,
        pictures=ExaminedPictures(test, bound.resize),
        left=left,
        command=this_command(),
    )
    result.save(out)
    return result


def _check_run(run: Run, sets: ImageSets, bound: TiledModel, asked: Asked) -> None:
    if not run.finished:
        raise InputError(
            f"{run.directory} is not finished, so it cannot be repaired yet; finish its training first"
        )
    classes = diagnosed(bound).classes
    if tuple(sets.classes) != tuple(classes):
        raise InputError(
            f"{sets.name} has other classes than the run, or in another order; give the set that it was trained on"
        )
    for split in ("train", "test"):
        if split not in sets:
            raise InputError(
                f"'{sets.name}' has no split '{split}': training images decide what to repair, and test images "
                f"measure what changed; give a set with both"
            )
    listed = Listing.load(run.directory)
    if listed is not None and not listed.trained_with(Listing.of(sets)):
        there = sum(listed.count(split) for split in TRAINED_ON)
        here = sum(len(sets[split]) for split in TRAINED_ON if split in sets)
        raise InputError(
            f"{run.directory.name} was trained on {counted(there, 'image')} of {sets.name}, and the set now "
            f"gives {here:,}, "
            "or others; put back what was removed or changed, or train a new run"
        )
    if asked.from_scratch and run.recipe.model.startswith(CUSTOM):
        raise InputError(
            "a network of your own cannot be built again here; leave `from_scratch` out, which trains on from the "
            "run's weights"
        )


def _check_method(
    method: RepairMethod | None,
    column: str | None,
    from_scratch: bool,
    sets: ImageSets,
    bound: TiledModel,
    progress: Progress,
) -> None:
    """Raise `InputError` for what a method cannot do whatever the diagnosis finds, before anyone waits for it."""
    planned((), method, column)
    if column is not None:
        groups_of(sets["train"], column, progress)
    if method == LAST_LAYER:
        if from_scratch:
            raise _not_from_scratch()
        head_of(bound)
    if method == TILES and not sees_tiles(bound):
        raise no_tiles()


def _not_from_scratch() -> InputError:
    return InputError(
        "the last layer is fitted to what the run has learned, so `from_scratch` is not possible; leave it out, "
        "or give "
        "`method='swap'`"
    )


def _check_kept(diagnosis: Diagnosis, out: Path) -> None:
    """Raise `InputError` if a repair was begun with another diagnosis than the given one."""
    if (out / DIAGNOSED / DIAGNOSIS).is_file():
        kept = Diagnosis.load(out / DIAGNOSED)
        if json.dumps(plain(kept.to_json())) != json.dumps(plain(diagnosis.to_json())):
            raise InputError(
                f"{out} was begun on another `diagnosis`, which it keeps; leave that out, or choose another `out`"
            )


def _check_diagnosis(diagnosis: Diagnosis, run: Run, sets: ImageSets, bound: TiledModel) -> None:
    if diagnosis.split not in TRAINED_ON:
        raise InputError(
            f"`diagnosis` is of the split '{diagnosis.split}', and test images must not decide what to repair; "
            f"leave it out, or "
            "diagnose the run with `split='train'`"
        )
    if diagnosis.split not in sets:
        raise InputError(
            f"`diagnosis` is of the split '{diagnosis.split}', which '{sets.name}' does not have; leave it out"
        )
    classifier = diagnosed(bound)
    theirs = (Path(diagnosis.model).name, diagnosis.classes, diagnosis.network, diagnosis.trained_tile)
    ours = (
        run.directory.resolve().name,
        classifier.classes,
        classifier.architecture.name,
        classifier.tile,
    )
    if theirs != ours:
        raise InputError(
            f"`diagnosis` is of {diagnosis.model} and not of {run.directory}; give one of this run, or leave it out"
        )
    if diagnosis.weights is not None and diagnosis.weights != digest_of_weights(classifier.network):
        raise InputError(
            f"`diagnosis` is of other weights than those in {run.directory}, which was trained again since, or "
            f"is another run of this name; give one of this run, or leave it out"
        )
    told = VERDICTS.of(diagnosis)
    seen_in = {one.seen_in for one in told.verdicts} if told is not None else set()
    if REASONS.of(diagnosis) is None and TILE in seen_in:
        raise without_reasons()


def _diagnosis(
    run: Run,
    sets: ImageSets,
    bound: TiledModel,
    out: Path,
    resume: bool,
    asked: Asked,
    machine: Machine | None,
    progress: Progress,
) -> Diagnosis:
    place = out / DIAGNOSED
    if resume and (place / DIAGNOSIS).is_file() and ((out / ASKED).is_file() or _is_of(place, asked)):
        kept = Diagnosis.load(place)
        _check_diagnosis(kept, run, sets, bound)
        return kept
    progress.say("diagnosing the run's training images, to find what to remove")
    found = _diagnosed(bound, sets, "train", run.directory.resolve().name, asked.seed, machine, progress)
    # Until all of it is written, nothing says what it is of.
    (place / ASKED).unlink(missing_ok=True)
    found.save(place)
    begin(place, asked)
    return found


def _is_of(place: Path, asked: Asked) -> bool:
    """Whether a diagnosis that proved nothing was made as one would be made now."""
    with suppress(InputError):
        made = read_asked(place)
        return (made.data, made.seed, made.looked) == (asked.data, asked.seed, asked.looked)
    return False


def _diagnosed(
    bound: TiledModel,
    sets: ImageSets,
    split: str,
    name: str,
    seed: int,
    machine: Machine | None,
    progress: Progress,
) -> Diagnosis:
    images = sets[split]
    workers = (machine or Machine()).decoding_workers()
    return diagnose(
        bound,
        images,
        model=name,
        others={other: some for other, some in sets.items() if other != split},
        parts=parts_of_repair(images),
        faithfulness=0,
        seed=seed,
        workers=workers,
        progress=progress,
    )


@dataclass(frozen=True, eq=False)
class _Making:
    """What makes the new run."""

    run: Run
    sets: ImageSets
    task: Task
    method: str | None
    from_scratch: bool
    out: Path
    resume: bool
    machine: Machine | None
    asked: Asked
    given: Diagnosis | None

    def run_by_training(self) -> Run:
        """Train on what the methods make of the training images; a finished run is kept."""
        recipe = self.run.recipe if self.from_scratch else training.fine_tuning(self.run.recipe)
        material = material_of(self.task, self.method)
        if material.silent is not None or material.groups is not None:
            # What is known about an image would be applied to a part of another.
            recipe = replace(recipe, cutmix=None)
        mark = fingerprint(material, COMPARED)
        check_material_of(self.out, mark, RUN)
        self._begin(mark)
        return training.train(
            recipe,
            self.sets,
            self.out / RUN,
            begin=None if self.from_scratch else diagnosed(self.task.bound),
            material=material,
            resume=self.resume,
            machine=self.machine,
            progress=self.task.progress,
        )

    def run_by_last_layer(self) -> Run:
        """Fit the last layer; a finished run is kept."""
        if self.resume and (self.out / RUN / RESULT).is_file():
            return Run.open(self.out / RUN)
        start = perf_counter()
        classifier = refit_last_layer(self.task)
        self._begin()
        # The network has seen no other images than before: what it was trained on says with which tiles to look.
        pixels = self.run.result.get("training", {}).get("pixels_per_image", 0)
        metrics = {"seconds": perf_counter() - start, "pixels_per_image": pixels}
        return training.keep(
            self.run.recipe, self.sets, self.out / RUN, classifier, metrics, resume=self.resume
        )

    def _begin(self, material: str | None = None) -> None:
        """Write what is asked for, and the given diagnosis, once nothing more can be refused."""
        if self.given is not None:
            self.given.save(self.out / DIAGNOSED)
        begin(self.out, replace(self.asked, material=material))


def _network(bound: TiledModel) -> Network | None:
    """Return the network with which a run of a network of your own is opened."""
    classifier = diagnosed(bound)
    return classifier.network if classifier.architecture.name.startswith(CUSTOM) else None


def _repaired(shortcut: Shortcut, sets: ImageSets) -> Repaired:
    counts = [
        int(((images.labels == shortcut.class_number) & (has == having)).sum())
        for images, has in ((sets["train"], shortcut.in_train), (sets["test"], shortcut.in_test))
        for having in (True, False)
    ]
    return Repaired(
        shortcut.class_number, shortcut.number, shortcut.verdict, shortcut.attribute, shortcut.words, *counts
    )


def _cost(run: Run) -> Cost | None:
    told = run.result.get("training", {})
    if not {"steps", "seconds"} <= told.keys():
        return None
    return Cost(int(told["steps"]), float(told["seconds"]), int(told.get("flops", 0)))


def _chosen_on(diagnosis: Diagnosis) -> str:
    count = int(np.sum(np.array(diagnosis.class_images) // 2))
    return (
        f"{count:,} of {counted(diagnosis.images, 'image')} of {diagnosis.split} made the rules, drawn by seed "
        f"{diagnosis.seed}, and the others of {diagnosis.split} tested them; no test image chose anything"
    )
