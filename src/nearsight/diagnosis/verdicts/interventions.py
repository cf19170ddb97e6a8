"""Proof by intervention: images changed in the one thing that is suspected, and judged again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from nearsight.diagnosis.candidates import Candidate, Edit, EditOf, Examined
from nearsight.statistics import Estimate, accuracy_estimate, change_estimate, more_often

TRANSPLANTED, WITHOUT = "transplanted", "without"

# Of images that are changed and judged again, for each intervention.
JUDGED = 96
# What a change is taken to move by chance at least, so that one image in a hundred proves nothing.
LEAST_CHANCE = 0.01


@dataclass(frozen=True)
class Intervention:
    """What the classifier says of images once something is put on them, or taken off.

    `kind` is "transplanted": put on images of other classes that have it not and are not taken for the class;
    or "without": taken off the class's images that have it and are right. `before` and `after` are the shares
    taken for the class, `change` the second minus the first. Its chance is, for "transplanted", the mean share
    that the same change moves to each of the other classes, or what something else of the class moves to it
    where that can be put on likewise; for "without", what putting it on and taking it off again does to images
    of the class that have it not. `images` are how many were changed. `p` is the probability that a change that
    does no more looks like this by chance.
    """

    kind: str
    before: Estimate
    after: Estimate
    change: Estimate
    images: int
    p: float

    @property
    def effect(self) -> float:
        """How far the share moves beyond chance, toward what a shortcut would do: up if put on, down if taken off."""
        moved = (self.change.value or 0.0) - (self.change.chance or 0.0)
        return moved if self.kind == TRANSPLANTED else -moved


def transplanted(examined: Examined, candidate: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Put a candidate on images of other classes and say how many are then taken for its class.

    The images test, have it not, and are not taken for the class as they are; at most `judged`, drawn by the
    seed. None where it cannot be put on, or there is no such image.
    """
    if candidate.put_on is None:
        return None
    number = candidate.class_number
    free = ~examined.choosing & ~candidate.has
    free &= (examined.labels != number) & (examined.predictions != number)
    chosen = _some(np.flatnonzero(free), judged, (examined.seed, 1, number))
    if not len(chosen):
        return None
    before = examined.predictions[chosen]
    after = _judged(examined, chosen, candidate.put_on)
    taken = after == number
    # Where the same change moves images other than to the candidate's class.
    elsewhere = (after != before) & ~taken
    chance = float(elsewhere.mean()) / max(1, len(examined.images.classes) - 2)
    if candidate.beside is not None:
        chance = max(chance, float((_judged(examined, chosen, candidate.beside) == number).mean()))
    p = _beyond(taken, max(chance, LEAST_CHANCE))
    return _compared(TRANSPLANTED, before == number, taken, chance, p)


def without(examined: Examined, candidate: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Take a candidate off the images of its class that have it, and say how many are then lost.

    The images test and are right as they are; at most `judged`, drawn by the seed. As many images of the class
    that are right and have it not are changed likewise, it being put on them first where that can be done: what
    they lose is owed to the change and not to what it removes. None where it cannot be taken off, or there
    is no such image.
    """
    take_off = _taken_off(candidate)
    if take_off is None:
        return None
    number = candidate.class_number
    right = ~examined.choosing & (examined.labels == number) & (examined.predictions == number)
    mine = _some(np.flatnonzero(right & candidate.has), judged, (examined.seed, 2, number))
    beside = _some(np.flatnonzero(right & ~candidate.has), judged, (examined.seed, 3, number))
    if not len(mine):
        return None
    kept = _judged_of(examined, mine, take_off) == number
    if len(beside):
        put_on = candidate.put_on
        there_and_back = take_off if put_on is None else lambda image, place: take_off(put_on(image), place)
        lost_beside = _judged_of(examined, beside, there_and_back) != number
        chance, p = float(lost_beside.mean()), more_often(~kept, lost_beside)
    else:
        chance, p = 0.0, _beyond(~kept, LEAST_CHANCE)
    return _compared(WITHOUT, np.ones(len(mine), np.bool_), kept, -chance, p)


def _beyond(moved: NDArray[np.bool_], chance: float) -> float:
    return float(binomtest(int(moved.sum()), len(moved), chance, alternative="greater").pvalue)


def _compared(
    kind: str, before: NDArray[np.bool_], after: NDArray[np.bool_], chance: float, p: float
) -> Intervention:
    return Intervention(
        kind,
        before=accuracy_estimate(before),
        after=accuracy_estimate(after),
        change=change_estimate(before, after, chance=chance),
        images=len(before),
        p=p,
    )


def _taken_off(candidate: Candidate) -> EditOf | None:
    """Return what takes a candidate off an image that is given with its place in the set."""
    take_off = candidate.take_off
    if candidate.take_off_of is not None or take_off is None:
        return candidate.take_off_of
    return lambda image, _: take_off(image)


def _judged(examined: Examined, chosen: NDArray[np.int64], edit: Edit) -> NDArray[np.int64]:
    return _judged_of(examined, chosen, lambda image, _: edit(image))


def _judged_of(examined: Examined, chosen: NDArray[np.int64], edit: EditOf) -> NDArray[np.int64]:
    images = (edit(examined.images.image(place), place) for place in chosen.tolist())
    return examined.decision.predictions(images)


def _some(places: NDArray[np.int64], most: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(places)[:most])
