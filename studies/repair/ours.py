"""What Nearsight does: it finds the shortcut on training images and takes it away, told nothing of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from time import process_time as cpu_clock

import numpy as np

from nearsight import training
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.diagnosing import diagnose
from nearsight.diagnosis.result import DIAGNOSIS
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.repair.choosing import Chosen, choose
from nearsight.repair.last_layer import refit_last_layer
from nearsight.repair.methods import LAST_LAYER, material_of, planned
from nearsight.repair.shortcuts import find_shortcuts
from nearsight.repair.task import Task
from nearsight.repair.tiles import sees_tiles
from nearsight.runs import Run
from nearsight.settings.choices import RepairMethod
from studies.repair.cases import Case, Known
from studies.repair.figures import Predictions, Row, figures
from studies.shortcuts.networks import CPU
from studies.shortcuts.scoring import OVERLAP, jaccard

# The default, the same trained anew, and every method by its name.
DEFAULT, ANEW = "ours", "ours: from scratch"
NAMED: dict[str, RepairMethod | None] = {
    DEFAULT: None,
    ANEW: None,
    "ours: swap": "swap",
    "ours: tiles": "tiles",
    "ours: last-layer": "last-layer",
    "ours: groups": "groups",
}


@dataclass(frozen=True, eq=False)
class Repairs:
    """Repairs of one network, `before` of which is what it says of the views of its case.

    They take the steps of `nearsight.repair`: all verdicts that are proven, on the run's training images alone. What
    they are of is looked for once, for all methods.
    """

    case: Case
    run: Run
    before: Predictions
    directory: Path

    def row(self, method: str) -> Row:
        """Return the figures of a repair, and of each known shortcut whether it was `found` on training images.

        `seconds` are of one core; those of the default hold the diagnosis and what was looked for again, None what
        another method trained alike. Where nothing was found to repair, nothing is changed; where a method does not
        take the network, or what was found, `refused` says why.
        """
        begun, known = cpu_clock(), (self.directory / "diagnosis").exists()
        try:
            chosen, task = self.chosen, self.task
        except InputError as error:
            took = None if known else cpu_clock() - begun
            return self._row([], self.before, took) | {"said": str(error)}
        if method != DEFAULT:
            begun, known = cpu_clock(), False
        try:
            how, after, fresh = self._made(NAMED[method], task, anew=method == ANEW)
        except InputError as error:
            return {"refused": str(error), "known": []}
        seconds = cpu_clock() - begun if fresh and not known else None
        return self._row(chosen, self.case.predictions(after), seconds) | {"how": how}

    @cached_property
    def bound(self) -> TiledModel:
        """The network, as it is diagnosed and repaired."""
        return self.case.bound(self.run.classifier())

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What chooses."""
        place, train = self.directory / "diagnosis", self.case.sets["train"]
        if (place / DIAGNOSIS).is_file():
            return Diagnosis.load(place)
        parts = ["reasons", "verdicts", *(["reliance"] if train.has_regions else [])]
        found = diagnose(self.bound, train, parts=parts, faithfulness=0)
        found.save(place)
        return found

    @cached_property
    def chosen(self) -> Sequence[Chosen]:
        """The verdicts that are taken away."""
        return choose(self.diagnosis)

    @cached_property
    def task(self) -> Task:
        """What a method is given."""
        found = find_shortcuts(Decision.of(self.bound), self.diagnosis, self.case.sets, self.chosen)
        return Task(self.bound, self.case.sets["train"], found)

    def _made(self, method: RepairMethod | None, task: Task, *, anew: bool) -> tuple[str, Classifier, bool]:
        """Return which methods were taken, the classifier, and whether it was made now."""
        plan = planned(task.shortcuts, method, of_tiles=sees_tiles(self.bound))
        how = " and ".join(plan)
        if LAST_LAYER in plan:
            if anew:
                raise InputError("the last layer is fitted on what the network has learned")
            return how, refit_last_layer(task), True
        place = self.directory / (how.replace(" ", "-") + ("-anew" if anew else ""))
        fresh = not place.exists()
        run = training.train(
            self.run.recipe if anew else training.fine_tuning(self.run.recipe),
            self.case.sets,
            place,
            begin=None if anew else self.run.classifier(),
            material=material_of(task, method),
            resume=True,
            machine=CPU,
        )
        return how, run.classifier(), fresh

    def _row(self, chosen: Sequence[Chosen], after: Predictions, seconds: float | None) -> Row:
        row = figures(self.case, self.before, after)
        known = [
            figure | {"found": any(self._is(one, known) for one in chosen)}
            for figure, known in zip(row["known"], self.case.known, strict=True)
        ]
        named = [f"{one.name(self.case.sets.classes)}: {words(one)}" for one in chosen]
        return row | {"known": known, "seconds": seconds, "chosen": named}

    def _is(self, chosen: Chosen, known: Known) -> bool:
        """Whether a chosen verdict is of the known shortcut, by its class and its training images."""
        if chosen.class_number != known.class_number:
            return False
        if chosen.verdict is None:
            # The background: what a class of `scenes` has, and no plant.
            return known.put_on is None
        right = known.in_train & (self.case.sets["train"].labels == known.class_number)
        return jaccard(chosen.verdict.images, np.flatnonzero(right)) >= OVERLAP


def words(chosen: Chosen) -> str:
    """Return what a chosen verdict is called."""
    return "the background" if chosen.verdict is None else chosen.verdict.words
