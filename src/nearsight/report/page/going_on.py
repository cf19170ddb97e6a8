"""How a reader of a page goes on from there: the next command, and why."""

import shlex
from dataclasses import dataclass

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.reliance.verdict import BACKGROUND
from nearsight.diagnosis.verdicts.part import VERDICTS
from nearsight.repair import Repair
from nearsight.settings.choices import DEFAULT_SPLIT


@dataclass(frozen=True)
class Step:
    """A command that can be typed, and in a few words what it is for."""

    command: str
    why: str


def repairable(diagnosis: Diagnosis) -> int:
    """Return how many shortcuts a diagnosis proves, with the backgrounds that decide.

    >>> repairable(Diagnosis.load("diagnoses/scenes"))  # doctest: +SKIP
    1

    It is 0 for images that are read part by part, which cannot be repaired.
    """
    found, reliance = VERDICTS.of(diagnosis), RELIANCE.of(diagnosis)
    if found is not None and found.left_out:
        return 0
    asked = () if reliance is None or reliance.asked is None else reliance.asked.classes
    return (0 if found is None else len(found.shortcuts)) + sum(row.verdict == BACKGROUND for row in asked)


def after_diagnosis(diagnosis: Diagnosis) -> tuple[Step, ...]:
    """Return what can be done after a diagnosis of a run; nothing for one that a command did not make of a run.

    >>> after_diagnosis(Diagnosis.load("diagnoses/scenes"))  # doctest: +SKIP
    (Step(command='nearsight repair runs/scenes', why='trains a new run without what is proven'),)
    """
    typed = shlex.split(diagnosis.command) if diagnosis.command else []
    if typed[1:2] != ["diagnose"] or any(one.startswith("--model") for one in typed):
        return ()
    run = shlex.quote(diagnosis.model)
    # A network of whole images has no tile of its own.
    tile = "" if diagnosis.tile == diagnosis.trained_tile else f" --tile {diagnosis.tile}"
    given = f"{tile} --stride {diagnosis.stride}"
    look = Step(f"nearsight heatmap {run} IMAGE{tile}", "what speaks for each class in one image")
    found, of_test = VERDICTS.of(diagnosis), diagnosis.split == DEFAULT_SPLIT
    if repairable(diagnosis):
        why = "trains a new run without what is proven"
        if of_test:
            return Step(f"nearsight repair {run}{given}", f"{why} on its training images"), look
        return Step(
            f"nearsight repair {run} --diagnosis DIR", f"{why}; DIR is the directory of this page"
        ), look
    if found is None or found.typical_limit is not None or not of_test:
        return (look,)
    more = f"nearsight diagnose {run}{given} --split train --parts verdicts"
    return Step(more, "looks for shortcuts in the training images, which are more"), look


def after_repair(repair: Repair) -> Step:
    """Return what can be done with the new run of a repair, in DIR, the directory of its page.

    >>> after_repair(Repair.load("repairs/scenes")).command  # doctest: +SKIP
    'nearsight predict DIR/run IMAGES'
    """
    where = "DIR is the directory of this page"
    if repair.still_shortcuts is None:
        return Step("nearsight diagnose DIR/run", f"does anything else decide? {where}")
    if repair.still_shortcuts:
        return Step("nearsight repair DIR/run", f"test images still show a shortcut; {where}")
    return Step(
        "nearsight predict DIR/run IMAGES",
        f"uses the new run, of which no shortcut is found on the test images; {where}",
    )
