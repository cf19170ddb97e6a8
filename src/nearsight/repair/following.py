"""What follows a diagnosis of a run: a repair, a closer look at a suspect, more images, or maps of single images."""

from dataclasses import dataclass
from enum import Enum

from nearsight.data.split_list import TRAINED_ON
from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.reliance.part import RELIANCE
from nearsight.diagnosis.verdicts.part import VERDICTS, Verdicts
from nearsight.repair.choosing import (
    Chosen,
    left_to_learn,
    removed_by_default,
    verdicts_of,
    why_to_look,
)
from nearsight.repair.cost_of_verdict import little_depends
from nearsight.settings.choices import DEFAULT_SPLIT
from nearsight.statistics.writing import points


class Next(Enum):
    """What follows: a repair of what is proven, of a suspect by name, a look at one, more images, or maps."""

    REPAIR = "repair"
    BY_NAME = "by name"
    LOOK = "look"
    MORE = "more"
    MAPS = "maps"


@dataclass(frozen=True)
class Following:
    """What follows a diagnosis.

    `shortcuts` is how many a repair removes. `chooses` says that the diagnosis is one of training images, by which a
    repair chooses. `name` is that of the verdict that is repaired by name or looked at, such as `deer:1`. `why` says
    what is to be known before: what a repair may cost, or why there is none to be made.
    """

    next: Next
    shortcuts: int = 0
    chooses: bool = False
    name: str = ""
    why: str = ""


def what_follows(diagnosis: Diagnosis, *, own: bool, drawn: bool = False) -> Following:
    """Return what follows the diagnosis of a run.

    >>> what_follows(Diagnosis.load("diagnoses/scenes"), own=True).next  # doctest: +SKIP
    <Next.REPAIR: 'repair'>

    `own` says that the images are the run's own set, and `drawn` that only some of them were asked for. A repair is
    suggested if shortcuts are proven; if they were found on training images, by which it chooses, only if it would
    remove one (`removed_by_default`). Of what pictures may show by themselves, `why` says to look at it first. A
    suspect on training images may be removed by name; but if little depends on it (`little_depends`), or other images
    show it, it is to be looked at. If there is nothing to look at and the test images are too few, there are more
    training images. Images that are read part by part cannot be repaired.
    """
    found = VERDICTS.of(diagnosis)
    if found is not None and found.left_out:
        return Following(Next.MAPS)
    chooses = own and diagnosis.split in TRAINED_ON
    count = len(removed_by_default(diagnosis)) if chooses else _proven(diagnosis)
    if count:
        few = left_to_learn(diagnosis, removed_by_default(diagnosis)) if chooses else ()
        why = "; ".join((*_look_first(diagnosis), *_expected(found), *few))
        return Following(Next.REPAIR, count, chooses, why=why)
    named = [one for one in verdicts_of(diagnosis) if one.verdict is not None]
    if not named:
        as_it_comes = own and diagnosis.split == DEFAULT_SPLIT and not drawn
        more = as_it_comes and found is not None and found.more_would_help
        return Following(Next.MORE if more else Next.MAPS)
    for one in named:
        if chooses and one.verdict is not None and not (one.proven or little_depends(one.verdict)):
            return _by_name(diagnosis, one)
    return Following(Next.LOOK, name=named[0].name(diagnosis.classes), why=why_to_look(diagnosis, named[0]))


def _look_first(diagnosis: Diagnosis) -> tuple[str, ...]:
    """Say that what pictures show by themselves may be what a class is about, where its objects are not known."""
    found = VERDICTS.of(diagnosis)
    if found is None or RELIANCE.of(diagnosis) is not None:
        return ()
    shown = next((one for one in found.shortcuts if one.may_be_the_class), None)
    if shown is None:
        return ()
    name = diagnosis.classes[shown.class_number]
    return (
        f"look at the examples of {name} first: if what they share is what {name} is, there is nothing to repair",
    )


def _expected(found: Verdicts | None) -> tuple[str, ...]:
    """Say how many of such images are right without the shortcuts, where these are fewer than with them."""
    if found is None or not found.shortcuts:
        return ()
    now, then = found.accuracy.value, found.remaining.value
    if now is None or then is None or points(then, 0) == points(now, 0) or then > now:
        return ()
    return (
        f"without what is proven this network is right for about {points(then, 0)} % of images like these; as they "
        f"are, for {points(now, 0)} %",
    )


def _by_name(diagnosis: Diagnosis, one: Chosen) -> Following:
    name = diagnosis.classes[one.class_number]
    why = "; ".join((f"removes a suspect, if it does not belong to {name}", *left_to_learn(diagnosis, [one])))
    return Following(Next.BY_NAME, 1, chooses=True, name=one.name(diagnosis.classes), why=why)


def _proven(diagnosis: Diagnosis) -> int:
    """Return how many shortcuts a diagnosis proves, with the backgrounds that decide."""
    return sum(one.proven for one in verdicts_of(diagnosis))
