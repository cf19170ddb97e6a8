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
from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.repair.choosing import Chosen, choose
from nearsight.repair.last_layer import refit_last_layer
from nearsight.repair.methods import LAST_LAYER, material_of
from nearsight.repair.repairing import repair
from nearsight.repair.shortcuts import find_shortcuts
from nearsight.repair.task import Task
from nearsight.runs import RESULT, Run
from nearsight.settings.choices import RepairMethod
from studies.repair.cases import Case, Known
from studies.repair.figures import Predictions, Row, figures
from studies.shortcuts.networks import CPU
from studies.shortcuts.scoring import OVERLAP, jaccard

# The default, and every method by its name.
DEFAULT = "ours"
NAMED: dict[str, RepairMethod] = {
    "ours: swap": "swap",
    "ours: tiles": "tiles",
    "ours: last-layer": "last-layer",
    "ours: groups": "groups",
}


@dataclass(frozen=True, eq=False)
class Repairs:
    """Repairs of one network, `before` of which is what it says of the views of its case.

    The default is made as a user makes it; the methods by name take away what it chose.
    """

    case: Case
    run: Run
    before: Predictions
    directory: Path

    def row(self, method: str) -> Row:
        """Return the figures of a repair, and of each known shortcut whether it was `found` on training images.

        `seconds` are of one core; those of the default hold the diagnosis. Where nothing was found to repair, nothing
        is changed; where a method does not take the network, or what was found, `refused` says why.
        """
        begun = cpu_clock()
        if method == DEFAULT:
            try:
                how = self._by_default()
            except InputError as error:
                return self._row([], self.before, cpu_clock() - begun) | {"said": str(error)}
            after = Run.open(self.directory / DEFAULT / "run").classifier()
        elif not self.repaired:
            return self._row([], self.before, 0.0)
        else:
            how, task = NAMED[method], self.task
            begun = cpu_clock()
            try:
                after = self._by(how, task)
            except InputError as error:
                return {"refused": str(error), "known": []}
        seconds = cpu_clock() - begun
        return self._row(self.chosen, self.case.predictions(after), seconds) | {"how": how}

    @property
    def repaired(self) -> bool:
        """Whether the default found something to repair."""
        return (self.directory / DEFAULT / "run" / RESULT).is_file()

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """What chose."""
        return Diagnosis.load(self.directory / DEFAULT / "diagnosis")

    @cached_property
    def chosen(self) -> Sequence[Chosen]:
        """The verdicts that are taken away."""
        return choose(self.diagnosis)

    @cached_property
    def task(self) -> Task:
        """What a method is given."""
        bound = self.case.bound(self.run.classifier())
        found = find_shortcuts(Decision.of(bound), self.diagnosis, self.case.sets, self.chosen)
        return Task(bound, self.case.sets["train"], found)

    def _by_default(self) -> str:
        made = repair(
            self.run,
            self.case.sets,
            bound=self.case.bound(self.run.classifier()),
            again=False,
            out=self.directory / DEFAULT,
            resume=True,
            machine=CPU,
        )
        return made.method

    def _by(self, method: RepairMethod, task: Task) -> Classifier:
        if method == LAST_LAYER:
            return refit_last_layer(task)
        run = training.train(
            training.fine_tuning(self.run.recipe),
            self.case.sets,
            self.directory / method,
            begin=self.run.classifier(),
            material=material_of(task, method),
            resume=True,
            machine=CPU,
        )
        return run.classifier()

    def _row(self, chosen: Sequence[Chosen], after: Predictions, seconds: float) -> Row:
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
