"""What Nearsight does: it finds the shortcut on training images and removes it, without being told anything."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import process_time as cpu_clock

import numpy as np

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.result import DIAGNOSIS
from nearsight.errors import InputError
from nearsight.repair.choosing import Chosen, choose
from nearsight.repair.repairing import repair
from nearsight.runs import Run
from nearsight.settings.choices import RepairMethod
from studies.repair.cases import Case, Known
from studies.repair.figures import Predictions, Row, figures
from studies.shortcuts.networks import CPU
from studies.shortcuts.scoring import OVERLAP, jaccard

# The default, the same trained again, and every method by its name.
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
    """Repairs of one network by `nearsight.repair`, told nothing; `before` is what it says of the views of its case.

    The default diagnoses the training images first, and all others use what it found.
    """

    case: Case
    run: Run
    before: Predictions
    directory: Path

    def row(self, method: str) -> Row:
        """Return the figures of a repair, and of each known shortcut whether it was `found` on training images.

        `seconds` are those of one core; those of the default include the diagnosis, and they are None for what an
        interrupted study had begun. If nothing was found to repair, nothing is changed; if a method does not
        accept the network, or what was found, `refused` says why.
        """
        place, default = self._place(method), self._place(DEFAULT)
        fresh, begun = not place.exists(), cpu_clock()
        kept = default / "diagnosis"
        diagnosis = Diagnosis.load(kept) if method != DEFAULT and (kept / DIAGNOSIS).is_file() else None
        try:
            made = repair(
                self.run,
                self.case.sets,
                bound=self.case.bound(self.run.classifier()),
                method=NAMED[method],
                from_scratch=method == ANEW,
                diagnosis=diagnosis,
                again=False,
                out=place,
                resume=not fresh,
                machine=CPU,
            )
        except InputError as error:
            # For the default: nothing is proven, or nothing that costs something.
            if method != DEFAULT:
                return {"refused": str(error), "known": []}
            return self._row([], self.before, cpu_clock() - begun if fresh else None) | {"said": str(error)}
        seconds = cpu_clock() - begun if fresh else None
        chosen = choose(Diagnosis.load(kept))
        after = self.case.predictions(Run.open(place / "run").classifier())
        return self._row(chosen, after, seconds) | {"how": made.method, "left": list(made.left)}

    def _place(self, method: str) -> Path:
        return self.directory / method.replace(": ", "-").replace(" ", "-")

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
            # The background: what a class of `scenes` has, which is not a plant.
            return known.put_on is None
        right = known.in_train & (self.case.sets["train"].labels == known.class_number)
        return jaccard(chosen.verdict.ruled, np.flatnonzero(right)) >= OVERLAP


def words(chosen: Chosen) -> str:
    """Return the name of a chosen verdict."""
    return "the background" if chosen.verdict is None else chosen.verdict.words
