"""The rule of a verdict: what makes a shortcut, and what only a suspect, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

from nearsight.diagnosis.attributes.kinds import SHOWN
from nearsight.diagnosis.candidates import IMAGE, TILE
from nearsight.diagnosis.parted_decision import NO_PART_EDITS
from nearsight.diagnosis.repeats.wording import MARK
from nearsight.diagnosis.verdicts.associations import Association
from nearsight.diagnosis.verdicts.interventions import (
    GIVEN,
    INNER,
    LEARNED,
    TRANSPLANTED,
    WITHOUT,
    Intervention,
)
from nearsight.numbers import counted
from nearsight.statistics.writing import points, whole_per_cent

SHORTCUT, SUSPECT, NOTHING = "shortcut", "suspect", "nothing found"
# Interventions that prove something without saying what it is.
UNNAMED = (LEARNED, INNER)
PICTURED = "it may be what these images picture, and not how they were made"


@dataclass(frozen=True)
class Rule:
    """What a verdict requires; chosen on development networks, before the held-out ones were examined.

    `rate` is the false discovery rate over all candidates of all classes. `least_share` is by how much more often
    images of the class must have it than those of other classes. `least_difference` is how much accuracy must
    differ with and without it. `least_effect` is how far an intervention must move images beyond chance. All are
    shares from 0 to 1. For an artefact that at most the share `hardly` of the others has, `least_effect_of_own`
    is enough, and an effect of `enough` replaces the interval of the difference. An edit that was learned from the
    images must move at least `least_effect_learned`. If more than the share `most` of the class have it, only what an
    intervention moves counts, since the others may have it too; this does not hold for reasons and columns. What may
    be part of the object must be `times` as frequent in the class as elsewhere to be a suspect. An artefact of whole
    images that is so frequent needs no interval of the difference either, if adding it to other classes moves
    `enough`, and the difference is above 0 and may be as much by its interval. An intervention proves something only
    at the probability `moves`; what is given to the class's own images counts only if it moves others too, at the
    same probability. If at least `least_removed` images lose nothing by an edit that goes `least_way` to images
    without it, or if what they lose helped to find it, and it is not drawn on them, accuracy must show by its whole
    interval that anything depends on it.
    The finder of a candidate says whether it has nothing to do with the object, and whether it may still be what its
    images picture: then it is at most a suspect.
    """

    rate: float = 0.05
    least_share: float = 0.08
    least_difference: float = 0.05
    least_effect: float = 0.1
    least_effect_of_own: float = 0.05
    hardly: float = 0.01
    enough: float = 0.2
    least_effect_learned: float = 0.3
    most: float = 0.8
    times: float = 10.0
    moves: float = 0.05
    least_removed: int = 8
    least_way: float = 0.5

    def worth_proving(self, found: Association) -> bool:
        """Say whether a candidate goes with its class strongly enough for interventions to be worth their cost.

        They are not if no verdict could follow: if it may be part of the object and accuracy does not differ.
        """
        more = (found.share.value or 0.0) - (found.share.chance or 0.0)
        difference = found.accuracy.difference.value
        able = found.candidate.artefact or self.differs(found)
        helps = (
            self.nearly_all(found) or (difference or 0.0) > 0 or self.may_differ(found) or self.hidden(found)
        )
        return able and more >= self.least_share and helps

    def nearly_all(self, found: Association) -> bool:
        """Say whether so many images of the class have it that accuracy without it says nothing, or is unknown."""
        if found.accuracy.difference.value is None:
            return True
        return found.candidate.seen_in == IMAGE and (found.share.value or 0.0) > self.most

    def may_differ(self, found: Association) -> bool:
        """Say whether what is drawn on images may make a difference of accuracy, by its interval.

        If few images test, or nearly all are right, the interval is wide, and what changed images show must decide.
        Of properties that objects have more or less of, classifiers use many that are no shortcut.
        """
        high = found.accuracy.difference.high
        return found.candidate.drawn and high is not None and high >= self.least_difference

    def hidden(self, found: Association) -> bool:
        """Say whether accuracy cannot show what an artefact of whole images costs, as nearly all others are right.

        No other class has it. The class's images that seem to be without it may have it and be missed by the
        threshold, or a classifier may know them by heart.
        """
        without, high = found.accuracy.accuracy_without.value, found.accuracy.difference.high
        of_images = found.candidate.artefact and found.candidate.seen_in == IMAGE
        right = without is not None and without >= self.most
        return of_images and self.own(found) and right and high is not None and high >= self.least_difference

    def own(self, found: Association) -> bool:
        """Say whether a candidate is an artefact that hardly any image of other classes has."""
        return found.candidate.artefact and (found.share.chance or 0.0) <= self.hardly

    def proves(self, found: Association, intervention: Intervention) -> bool:
        """Say whether an intervention proves that a candidate decides: by its size, its interval and its test.

        The interval takes what it is compared with as known; the test does not.
        """
        change = intervention.change
        if change.value is None or change.low is None or change.high is None:
            return False
        chance = change.chance or 0.0
        beyond = change.high < chance if intervention.kind == WITHOUT else change.low > chance
        beyond = beyond and intervention.p <= self.moves
        return beyond and intervention.effect >= self.least(found, intervention)

    def least(self, found: Association, intervention: Intervention) -> float:
        """Return how far an intervention must move images beyond chance to prove a candidate."""
        if intervention.kind == LEARNED:
            return self.least_effect_learned
        if intervention.kind == INNER:
            return self.least_effect
        return self.least_effect_of_own if self.own(found) else self.least_effect

    def proofs(self, found: Association, interventions: Sequence[Intervention]) -> list[Intervention]:
        """Return those of some interventions that prove that a candidate decides."""
        return [one for one in self.admissible(interventions) if self.proves(found, one)]

    def admissible(self, interventions: Sequence[Intervention]) -> list[Intervention]:
        """Return those of some interventions that may prove anything, whatever they moved.

        What is given to the class's own wrong images may make them right by chance, as they often are nearly right.
        So it must move images of other classes too.
        """
        moves = any(
            one.kind == TRANSPLANTED and one.p <= self.moves and one.effect > 0 for one in interventions
        )
        return [one for one in interventions if moves or one.kind != GIVEN]

    def differs(self, found: Association) -> bool:
        """Say whether accuracy differs with it and without it, by the whole interval."""
        difference = found.accuracy.difference
        if difference.value is None or difference.low is None:
            return False
        # Images that speak strongly are easier, so what was found in the strongest tiles must do more than they
        # do.
        least = (difference.chance or 0.0) if found.candidate.seen_in == TILE else 0.0
        return difference.value >= self.least_difference and difference.low > least

    def set_apart(self, found: Association) -> bool:
        """Say whether something is frequent enough in the class to be worth a look; what tiles show always is.

        Classes of natural pictures differ in all attributes of whole images, and classifiers use them.
        """
        if found.candidate.seen_in != IMAGE:
            return True
        return (found.share.value or 0.0) >= self.times * (found.share.chance or 0.0)

    def word(self, found: Association, interventions: Sequence[Intervention], q: float) -> str:
        """Return the verdict on a candidate: "shortcut", "suspect" or "nothing found"."""
        if q > self.rate or not self.worth_proving(found):
            return NOTHING
        candidate = found.candidate
        if candidate.artefact and self.decides(found, interventions):
            return SUSPECT if candidate.pictured else SHORTCUT
        if not self.differs(found):
            return SUSPECT if self.unseen(found, interventions) else NOTHING
        proven = self.proofs(found, interventions)
        return SUSPECT if candidate.artefact or (proven and self.set_apart(found)) else NOTHING

    def missing(self, found: Association, interventions: Sequence[Intervention]) -> tuple[str, ...]:
        """Return what keeps a suspect from being a shortcut, in words; nothing for a shortcut.

        These are the conditions of `word` that it does not meet. Its false discovery rate is none of them: what is
        not believed is no suspect either.
        """
        candidate = found.candidate
        lacks = []
        if not candidate.artefact:
            lacks.append(_of_the_object(found))
        elif candidate.pictured:
            lacks.append(PICTURED)
        if not self.proofs(found, interventions):
            lacks.append(self._unproven(found, interventions))
        if not lacks and self.unseen(found, interventions):
            lacks.append(_without_errors(found, self.spared(found, interventions)))
        return tuple(lacks)

    def unseen(self, found: Association, interventions: Sequence[Intervention]) -> bool:
        """Say whether what is drawn on images is proven to decide, though accuracy does not show it.

        Of images that a network knows by heart all are right, with it and without it.
        """
        candidate = found.candidate
        return (
            candidate.artefact
            and not candidate.pictured
            and self.own(found)
            and self.may_differ(found)
            and not self.decides(found, interventions)
            and bool(self.proofs(found, interventions))
        )

    def _unproven(self, found: Association, interventions: Sequence[Intervention]) -> str:
        """Say why no intervention proves a candidate, by the one that moved most."""
        candidate = found.candidate
        if not interventions:
            able = (
                candidate.added
                or candidate.removed
                or candidate.inside
                or candidate.in_parts != NO_PART_EDITS
            )
            return (
                "no image was changed to prove it"
                if able
                else "it cannot be added to an image or removed from one, so nothing proves it"
            )
        most = max(interventions, key=lambda one: one.effect)
        if self.proves(found, most):
            return (
                "it makes wrong images of the class right, which proves nothing unless it moves images of other "
                "classes too"
            )
        least, images = self.least(found, most), counted(most.images, "image")
        if most.effect >= least:
            return f"what changing {images} moved may be chance: too few images tell"
        return (
            f"no change of images proves it: the strongest moved {points(max(0.0, most.effect))} points more than "
            f"chance ({images}), and {points(least, 0)} are needed"
        )

    def proven_by(self, found: Association, interventions: Sequence[Intervention]) -> str:
        """Return the kind of the strongest intervention that proves it, "" if none; of `UNNAMED` if no other does."""
        proofs = self.proofs(found, interventions)
        best = max(proofs, key=lambda one: (one.kind not in UNNAMED, one.effect), default=None)
        return "" if best is None else best.kind

    def may_be_learned(self, found: Association) -> bool:
        """Say whether an edit learned from a suspect's images could prove it: nothing else but a proof is missing."""
        candidate = found.candidate
        return (
            candidate.artefact
            and not candidate.pictured
            and candidate.seen_in == IMAGE
            and self.differs(found)
        )

    def decides(self, found: Association, interventions: Sequence[Intervention]) -> bool:
        """Say whether a candidate is proven to decide and matters for accuracy, whatever it is."""
        proofs = self.proofs(found, interventions)
        lost = any(one.kind == WITHOUT for one in proofs)
        strong = max((one.effect for one in proofs), default=0.0)
        difference = found.accuracy.difference.value or 0.0
        # If nearly every image of the class has it, only changed images can tell. If few have it, their accuracy
        # alone hardly can, but what an artefact moves can, if no other class has it or others become the class by it.
        may = self.may_differ(found) or self.hidden(found) or difference >= self.least_difference
        few = may and ((self.own(found) and strong >= self.enough) or self.takes(found, proofs))
        # What is drawn on images is no part of what they show, even if enough else shows their class.
        spares = found.candidate.by_removal or self.spared(found, interventions) is not None
        depends = found.candidate.drawn or not spares
        open_ = (few or self.nearly_all(found)) and depends
        return bool(proofs) and (lost or self.differs(found) or open_)

    def takes(self, found: Association, proofs: Sequence[Intervention]) -> bool:
        """Say whether other classes follow an artefact that is frequent in its class alone, and accuracy may as well.

        A patch of images that others follow may be part of an object.
        """
        candidate, difference = found.candidate, found.accuracy.difference
        of_images = candidate.artefact and candidate.seen_in == IMAGE and candidate.beside is None
        may = (difference.value or 0.0) > 0 and (difference.high or 0.0) >= self.enough
        moved = max((one.effect for one in proofs if one.kind == TRANSPLANTED), default=0.0)
        return of_images and self.set_apart(found) and may and moved >= self.enough

    def spared(self, found: Association, interventions: Sequence[Intervention]) -> Intervention | None:
        """Return the removal that costs nothing: all images of the class stay right.

        None if too few images show that, or if none was changed so. A removal that leaves most of it in place does
        not show it: a grey picture has no colours to strengthen. Only what pictures show by themselves, such as rain,
        is spared by that, too. Nor does the removal of one tile show it: others of the image may have the same.
        """
        if found.candidate.seen_in == TILE:
            return None
        return next(
            (
                one
                for one in interventions
                if one.kind == WITHOUT
                and one.images >= self.least_removed
                and (one.change.value or 0.0) >= 0
                and (
                    one.reached is None or one.reached >= self.least_way or found.candidate.attribute in SHOWN
                )
            ),
            None,
        )


def _without_errors(found: Association, spared: Intervention | None) -> str:
    """Say that accuracy cannot show what something costs, and that removing it costs nothing."""
    accuracy = found.accuracy
    removed = (
        "" if spared is None else f"; with it removed, all of {counted(spared.images, 'image')} stay right"
    )
    return (
        "accuracy does not show that anything depends on it: of the class's images with it "
        f"{whole_per_cent(accuracy.accuracy_with)} are right, of those without it "
        f"{whole_per_cent(accuracy.accuracy_without)} (the difference may be up to "
        f"{points(accuracy.difference.high or 0.0, 0)} points){removed}"
    )


def _of_the_object(found: Association) -> str:
    """Say why something may be part of the object, or what the images show."""
    candidate = found.candidate
    if candidate.inside is not None:
        return PICTURED
    if candidate.seen_in == TILE:
        return "it may be part of the object: it is not known to lie off it"
    if candidate.attribute == MARK:
        return "it lies on the objects, so it may be what the class is about"
    if candidate.times is None:
        return "it may be the colour of the objects themselves"
    own, elsewhere = (points(share or 0.0, 0) for share in (found.share.value, found.share.chance))
    return (
        "it may come from what the images show: the images that chose it do not show surely that it is "
        f"{candidate.times:.0f} times as frequent in the class as elsewhere (of those that test, {own} % of the "
        f"class's and {elsewhere} % of other classes' have it)"
    )


RULE = Rule()
