"""Proof by intervention: images are changed in the one thing that is suspected, and classified again."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from torch import Tensor

from nearsight.data.stored import as_stored
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, EditOf, Examined
from nearsight.diagnosis.parted_decision import PartedDecision, PartEdit, PartEdits
from nearsight.errors import InputError
from nearsight.statistics import Estimate, accuracy_estimate, change_estimate, mcnemar, more_often

TRANSPLANTED, GIVEN, WITHOUT, LEARNED, INNER = "transplanted", "given", "without", "learned", "inner"

# The number of images that are changed and classified again, for each intervention.
JUDGED = 96
# The least that a change is assumed to move by chance, so that one image in a hundred proves nothing.
LEAST_CHANCE = 0.01
# Of fewer images on either side nothing is said of what is given to wrong images; and a class with fewer images
# without something is no measure of what removing it does anyway.
FEWEST = 8


@dataclass(frozen=True)
class Intervention:
    """How the classifier classifies images once something is added to them, or removed.

    `kind` is "transplanted" (added to images of other classes that do not have it and are not classified as the
    class), "given" (added to the class's own images that do not have it and are wrong), "without" (removed from
    the class's images that have it and are right), "learned" (as "transplanted", but what is added was learned from
    images that have it) or "inner" (as "transplanted", but no image is edited: the network's inner layers are given
    what they see of images that have it). `before` and `after` are the shares classified as the class, and
    `change` is the second minus the first. The chance of "transplanted" is the mean share that the same change moves
    to each of the other classes; with two classes, the share of the class's own images that it takes to the other.
    If something else of the class can be added in the same way, and that moves more images to the class, it is the
    share that it moves. The chance of "given" is how many wrong images of other classes the same change makes right;
    or how many of the same images something else of the class makes right, if that is more.
    The chance of "without" is what removing it does to images of the class that do not have it, as they are or after
    it was added, and to those of other classes if nearly all of the class have it: the larger loss. `images` is how
    many were changed. `p` is the probability that a change that does no more looks like this by chance. `beside` says
    that the chance is what something else of the class moves to it, and `of_two` that it is what the change takes
    from the class. `reached` is how far the edit takes images: by the attribute that is added, 1 as far as those
    that have it; if it is removed, 1 as far as those that do not. It is None if that is not known.
    """

    kind: str
    before: Estimate
    after: Estimate
    change: Estimate
    images: int
    p: float
    beside: bool = False
    reached: float | None = None
    of_two: bool = False

    @property
    def effect(self) -> float:
        """How far the share moves beyond chance, in the direction of a shortcut: up if added, down if removed."""
        moved = (self.change.value or 0.0) - (self.change.chance or 0.0)
        return -moved if self.kind == WITHOUT else moved


def transplanted(
    examined: Examined, candidate: Candidate, *, judged: int = JUDGED, but: NDArray[np.bool_] | None = None
) -> Intervention | None:
    """Add a candidate to images of other classes and say how many are then classified as its class.

    These are images that test, do not have it, and are not classified as the class as they are; at most `judged`,
    drawn with the seed, and none of those in `but`, bool (n,). With two classes there is no other that a change could
    move images to: any harm makes them the class. So it is compared with what the same change takes from the class's
    own images. None if it cannot be added, or there is no such image.
    """
    asked, chosen = _Asked.about(examined, candidate), to_be_moved(examined, candidate, judged, but)
    if asked.put_on is None or not len(chosen):
        return None
    after = asked.put_on(chosen)
    made = _moved_to(
        examined,
        candidate,
        TRANSPLANTED,
        chosen,
        after,
        None if asked.beside is None else asked.beside(chosen),
    )
    own = _own(examined, candidate, judged) if len(examined.images.classes) == 2 else chosen[:0]
    if not len(own):
        return made
    taken, lost = after == candidate.class_number, asked.put_on(own) != candidate.class_number
    beside, of_two = made.change.chance or 0.0, float(lost.mean())
    return replace(
        made,
        change=replace(made.change, chance=max(beside, of_two)),
        p=max(made.p, more_often(taken, lost)),
        beside=made.beside and beside >= of_two,
        of_two=not made.beside or beside < of_two,
    )


def _own(examined: Examined, candidate: Candidate, judged: int) -> NDArray[np.int64]:
    """Return the places of images of the class that are right, without the candidate if there are enough of these."""
    number = candidate.class_number
    own = examined.testing(candidate) & (examined.labels == number)
    right = own & (examined.predictions == number)
    lacking = right & ~candidate.has
    chosen = lacking if lacking.sum() >= FEWEST else right
    return _some(np.flatnonzero(chosen), judged, (examined.seed, 6, number))


def given_inside(examined: Examined, candidate: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Give images of other classes what inner layers see of those that have a candidate (`Candidate.inside`).

    As `transplanted`, but no image is edited. None if it is not known what else could be given, if there is no image
    to be changed, or if scores are not finite then.
    """
    inside, beside = candidate.inside, candidate.inside_beside
    chosen = to_be_moved(examined, candidate, judged)
    if inside is None or beside is None or not len(chosen):
        return None
    try:
        after, other = (
            change.predictions_of(chosen.tolist(), examined.images.image) for change in (inside, beside)
        )
    except InputError:
        return None
    return _moved_to(examined, candidate, INNER, chosen, after, other)


def _moved_to(
    examined: Examined,
    candidate: Candidate,
    kind: str,
    chosen: NDArray[np.int64],
    after: NDArray[np.int64],
    other: NDArray[np.int64] | None,
) -> Intervention:
    """Say how many of the chosen images are classified as a candidate's class after a change.

    `other` is what they are after something else of the class was added, None if nothing else is. It moves the same
    images, so both are compared image by image (McNemar's exact test).
    """
    number, before = candidate.class_number, examined.predictions[chosen]
    taken = after == number
    # Images that the same change moves to a class other than the candidate's.
    elsewhere = (after != before) & ~taken
    chance = float(elsewhere.mean()) / max(1, len(examined.images.classes) - 2)
    if other is None:
        return _compared(kind, before == number, taken, chance, _beyond(taken, max(chance, LEAST_CHANCE)))
    beside = other == number
    higher = max(chance, float(beside.mean()))
    p = max(_beyond(taken, max(higher, LEAST_CHANCE)), mcnemar(taken, beside, alternative="greater").p)
    return replace(_compared(kind, before == number, taken, higher, p), beside=float(beside.mean()) >= chance)


def to_be_moved(
    examined: Examined, candidate: Candidate, judged: int = JUDGED, but: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Return the places of the images of other classes that `transplanted` changes, int64 (n,)."""
    number = candidate.class_number
    free = examined.testing(candidate) & ~candidate.has
    if but is not None:
        free &= ~but
    free &= (examined.labels != number) & (examined.predictions != number)
    return _some(np.flatnonzero(free), judged, (examined.seed, 1, number))


def learned(examined: Examined, taught: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Add to images of other classes what was learned from those that have a candidate (`with_learned_edit`).

    As `transplanted`; the chance is what the same fine detail of the class's images without it moves to the class, if
    that is more than the edit moves to any one other class. None if there is no image to be changed.
    """
    made = transplanted(examined, taught, judged=judged)
    return None if made is None else replace(made, kind=LEARNED)


def given(examined: Examined, candidate: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Add a candidate to images of its own class that lack it and are wrong, and say how many are then right.

    This is how much the class's accuracy depends on it, where few images of other classes would follow it. Any change
    makes some wrong images right: the chance is how many wrong images of other classes become right by the same, or
    how many of the class's own do by something else of the class, if that can be added in the same way and is more.
    At most `judged` images of each side that test are changed. None if it cannot be added, if either side has fewer
    than eight such images, or for a group that was found without any property in mind: its edit is learned from the
    class, and so brings others of the class nearer to it in any case.
    """
    asked = _Asked.about(examined, candidate)
    put_on = asked.put_on
    if put_on is None or candidate.causes == ANY_CAUSE:
        return None
    number, labels = candidate.class_number, examined.labels
    wrong = examined.testing(candidate) & ~candidate.has & (examined.predictions != labels)
    mine = _some(np.flatnonzero(wrong & (labels == number)), judged, (examined.seed, 4, number))
    beside = _some(np.flatnonzero(wrong & (labels != number)), judged, (examined.seed, 5, number))
    if min(len(mine), len(beside)) < FEWEST:
        return None
    taken, made_right = put_on(mine) == number, put_on(beside) == labels[beside]
    chance, p = float(made_right.mean()), more_often(taken, made_right)
    if asked.beside is None:
        return _compared(GIVEN, np.zeros(len(mine), np.bool_), taken, chance, p)
    other = asked.beside(mine) == number
    by_other = float(other.mean())
    made = _compared(
        GIVEN,
        np.zeros(len(mine), np.bool_),
        taken,
        max(chance, by_other),
        max(p, mcnemar(taken, other, alternative="greater").p),
    )
    return replace(made, beside=by_other >= chance)


def without(examined: Examined, candidate: Candidate, *, judged: int = JUDGED) -> Intervention | None:
    """Remove a candidate from the images of its class that have it, and say how many are then lost.

    These are images that test and are right as they are; at most `judged`, drawn with the seed. As many images of
    the class that are right and do not have it are changed in the same way, as they are and, if that is possible,
    after it was added as well. What they lose is due to the change, not to what it removes. The larger loss counts:
    adding it first leaves nothing changed if the edit has an exact inverse. If the class has fewer than eight such
    images, those of other classes are changed, too. None if it cannot be removed, if there is no such image, or if
    what removing it takes from an image decides whether the image has it: then it takes more from those by
    construction.
    """
    asked = _Asked.about(examined, candidate)
    if asked.take_off is None or candidate.by_removal:
        return None
    number = candidate.class_number
    right = examined.testing(candidate) & (examined.predictions == examined.labels)
    own = examined.labels == number
    mine = _some(np.flatnonzero(right & own & candidate.has), judged, (examined.seed, 2, number))
    lacking = right & ~candidate.has
    if (lacking & own).sum() >= FEWEST:
        lacking &= own
    beside = _some(np.flatnonzero(lacking), judged, (examined.seed, 3, number))
    if not len(mine) or not len(beside):
        return None
    kept = asked.take_off(mine) == number
    changes = (one for one in (asked.take_off, asked.there_and_back) if one is not None)
    lost_beside = max((change(beside) != examined.labels[beside] for change in changes), key=np.sum)
    chance, p = float(lost_beside.mean()), more_often(~kept, lost_beside)
    made = _compared(WITHOUT, np.ones(len(mine), np.bool_), kept, -chance, p)
    return replace(made, reached=candidate.removed_so_far)


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


Ask = Callable[[NDArray[np.int64]], NDArray[np.int64]]


@dataclass(frozen=True)
class _Asked:
    """What images at some places are predicted to be, int64 (n,), after each edit that there is.

    `there_and_back` adds something and removes it again.
    """

    put_on: Ask | None
    take_off: Ask | None
    there_and_back: Ask | None
    beside: Ask | None

    @staticmethod
    def about(examined: Examined, candidate: Candidate) -> "_Asked":
        """Return how the classifier is asked about a candidate: about whole images, or about their changed parts."""
        parted = examined.parted
        return _of_whole(examined, candidate) if parted is None else _of_parts(parted, candidate.in_parts)


def changed(examined: Examined, edit: EditOf) -> Callable[[int], Tensor]:
    """Return what makes of the image at a place its edited self, uint8 (3, H, W), stored as its file is.

    A classifier may go by what compression leaves of the real thing, which is in the files.
    """
    images = examined.images
    return lambda place: as_stored(images, place, edit(images.image(place), place))


def _of_whole(examined: Examined, candidate: Candidate) -> _Asked:
    def asked(edit: EditOf | None) -> Ask | None:
        if edit is None:
            return None
        change = changed(examined, edit)
        return lambda chosen: examined.decision.predictions_of(chosen.tolist(), change)

    put_on, take_off = candidate.added, candidate.removed
    beside = candidate.beside
    return _Asked(
        asked(put_on),
        asked(take_off),
        asked(
            None
            if put_on is None or take_off is None
            else lambda image, place: take_off(put_on(image, place), place)
        ),
        asked(None if beside is None else lambda image, _: beside(image)),
    )


def _of_parts(parted: PartedDecision, edits: PartEdits) -> _Asked:
    def asked(edit: PartEdit | None) -> Ask | None:
        if edit is None or not parted.additive:
            return None
        return lambda chosen: parted.predictions_of(chosen.tolist(), edit)

    put_on, take_off = edits.put_on, edits.take_off
    return _Asked(
        asked(put_on),
        asked(take_off),
        asked(None if put_on is None or take_off is None else lambda picture: take_off(put_on(picture))),
        asked(edits.beside),
    )


def _some(places: NDArray[np.int64], most: int, seed: tuple[int, ...]) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).permutation(places)[:most])
