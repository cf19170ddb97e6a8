"""From candidates to verdicts: screened, proven by intervention, corrected for their number, and merged."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.explaining import FEWEST, Recogniser
from nearsight.diagnosis.attributes.learned import with_learned_edit
from nearsight.diagnosis.attributes.likened import as_strong
from nearsight.diagnosis.attributes.pictured import apart_otherwise
from nearsight.diagnosis.candidates import ANY_CAUSE, IMAGE, TILE, Candidate, Examined
from nearsight.diagnosis.repeats.wording import MARK
from nearsight.diagnosis.verdicts.alike import alike
from nearsight.diagnosis.verdicts.associations import Association, associate
from nearsight.diagnosis.verdicts.interventions import (
    TRANSPLANTED,
    Intervention,
    given,
    given_inside,
    learned,
    transplanted,
    without,
)
from nearsight.diagnosis.verdicts.rule import NOTHING, RULE, SHORTCUT, SUSPECT, UNNAMED
from nearsight.statistics import false_discovery, jaccard, more_often

# What is counted while candidates are proven.
PROVING = "editing images and classifying them again"
# Candidates for which interventions are made: per class, and of all classes. The others cost nothing.
PROVEN_OF_CLASS = 6
PROVEN = 80
# From this overlap of their images on (Jaccard), two candidates of a class are the same thing, if it is also so far
# above what chance gives two of their size, 1 if one has all images of the other.
SAME, TOGETHER = 1 / 3, 1 / 2
# An unproven candidate is part of a proven one if this share of its images has the proven one.
WITHIN = 0.8
# If one of two others is in this share of a candidate's images, and neither of them alone, it is both of them.
BOTH = 0.8
# What is proven is proven again without images that have another class's shortcut, if by this probability they
# become the class more often than others, of which so many are left.
MORE_OFTEN, LEFT = 0.1, 8
# From this overlap on, a candidate that moves this share as many images may be a better name, or the second share if
# it is a mark: of one that has many parts, one is pasted. It is a better name if it explains more of how these images
# look, or at most so much less.
ALIKE, LEAST_MOVED, LEAST_MOVED_BY_MARKS, NEARLY = 0.6, 0.5, 0.2, 0.1


@dataclass(frozen=True, eq=False)
class Judged:
    """A candidate with all findings about it: its association, the interventions, the rate `q` and the word.

    `p` joins the tests: it is the larger of the probability that the candidate does not go with the class, and of
    the smallest probability, corrected for their number, that it does not matter. `q` is the false discovery rate
    over all candidates at which it is believed. `also` are the words of other candidates that some of the same
    images have. `alike` are further images that the classifier takes for the class in the same way, bool (n,), None
    where that was not asked. `taught` is the candidate with the edit that was learned from its images, if one was.
    `proven_by` is the kind of the intervention that proves it, "" if none does. `explained` says how far its name
    explains how its images look (`Recogniser.explained`), None if that is not known.
    """

    association: Association
    interventions: tuple[Intervention, ...]
    p: float
    q: float
    word: str
    also: tuple[str, ...] = ()
    taught: Candidate | None = None
    proven_by: str = ""
    alike: NDArray[np.bool_] | None = None
    explained: float | None = None

    @property
    def candidate(self) -> Candidate:
        """What was judged."""
        return self.association.candidate

    @property
    def weight(self) -> float:
        """How much depends on it: its share of the class times the most that it moves, or accuracy differs by."""
        difference = self.association.accuracy.difference.value
        return (self.association.share.value or 0.0) * max(self.moved, difference or 0.0)

    @property
    def moved(self) -> float:
        """The most that an intervention was seen to move beyond chance, 0 if it was never seen to move anything."""
        return max((one.effect for one in self.interventions), default=0.0)

    @property
    def moved_by_putting_on(self) -> float:
        """How many images of other classes it moves beyond chance, 0 if it cannot be added."""
        return next((one.effect for one in self.interventions if one.kind == TRANSPLANTED), 0.0)


def judge(
    examined: Examined,
    candidates: Sequence[Candidate],
    strength: NDArray[np.float32] | None = None,
) -> tuple[Judged, ...]:
    """Return the candidates that are worth reporting, shortcuts first, then by how much depends on them.

    `strength` is as for `associate`. For suspects that lack nothing but a proof, an edit is learned from their
    images and tried (`with_learned_edit`); images that are `alike` count as theirs. If the images also stand apart in
    what it leaves alone, they may be of another subject (`pictured`). There are no interventions for candidates that
    do not go with their class on the images that test; but all candidates count when the false discovery rate is
    estimated. The best one stands for all candidates of one class that share a third of their images.
    """
    found = [associate(examined, candidate, strength) for candidate in candidates]
    proofs: dict[int, tuple[Intervention, ...]] = {}
    edits: dict[int, Candidate] = {}
    added: dict[int, Candidate] = {}
    chosen = _to_be_proven(found)
    for done, place in enumerate(chosen, start=1):
        added[place], reached = _as_added(examined, found[place])
        proofs[place] = tuple(_proofs(examined, found[place].candidate, added[place], reached))
        examined.progress.count(PROVING, done, len(chosen))
    judged = _judged(found, proofs, edits)
    unproven = [
        place for place in chosen if judged[place].word == SUSPECT and RULE.may_be_learned(found[place])
    ]
    for done, place in enumerate(unproven, start=1):
        candidate = found[place].candidate
        taught = with_learned_edit(examined, completed(examined, candidate, _explained(judged, candidate)))
        by_it = None if taught is None else learned(examined, taught)
        if taught is not None and by_it is not None:
            proofs[place] += (by_it,)
            edits[place] = taught
            if RULE.proves(found[place], by_it) and apart_otherwise(examined, taught):
                found[place] = replace(found[place], candidate=replace(found[place].candidate, pictured=True))
        examined.progress.count("learning edits from the images of suspects", done, len(unproven))
    if edits:
        judged = _judged(found, proofs, edits)
    undisturbed = {
        place: made
        for place, one in enumerate(judged)
        if one.word == SHORTCUT and (made := _undisturbed(examined, added[place], one, judged)) is not None
    }
    if undisturbed:
        judged = _judged(found, proofs | undisturbed, edits)
    merged = []
    unexplained = list(_merged(examined, [one for one in judged if one.word != NOTHING]))
    for done, one in enumerate(unexplained, start=1):
        merged.append(replace(one, explained=_explained_by_name(examined, one)))
        examined.progress.count("comparing images with what their names say", done, len(unexplained))
    # Without a proof there is no reason to think that the classifier goes by it, and what is part of the object is
    # in more images that it takes in the same way than have what was found.
    kept = [
        replace(one, alike=alike(examined, one.candidate, _explained(merged, one.candidate)))
        if one.word == SHORTCUT
        else one
        for one in merged
    ]
    return tuple(sorted(kept, key=lambda one: (one.word != SHORTCUT, -one.weight)))


def _as_added(examined: Examined, found: Association) -> tuple[Candidate, float | None]:
    """Return a candidate as strong as it is in images that choose, and how far that goes (`as_strong`).

    The strength of what can be no verdict, whatever it moves, is not worth its cost.
    """
    candidate = found.candidate
    return (
        as_strong(examined, candidate) if candidate.artefact or RULE.set_apart(found) else (candidate, None)
    )


def _proofs(
    examined: Examined, candidate: Candidate, added: Candidate, reached: float | None
) -> Iterator[Intervention]:
    """Yield what changed images show: it is added as it is `added`, and removed as it was found."""
    for made in (transplanted(examined, added), given(examined, added)):
        if made is not None:
            yield replace(made, reached=reached)
    for made in (without(examined, candidate), given_inside(examined, candidate)):
        if made is not None:
            yield made


def _undisturbed(
    examined: Examined, added: Candidate, judged: Judged, others: Sequence[Judged]
) -> tuple[Intervention, ...] | None:
    """Return what proves a shortcut, without images that have another class's; None if these are moved no more often.

    What is added to them may undo what they have: then they are no longer taken for their own class, and with two
    classes there is but one other.
    """
    disturbing = np.zeros(len(added.has), dtype=np.bool_)
    for other in others:
        if other.word == SHORTCUT and other.candidate.class_number != added.class_number:
            disturbing |= other.candidate.has & (examined.labels == other.candidate.class_number)
    if not disturbing.any():
        return None
    made = transplanted(examined, added, but=disturbing)
    of_disturbing = transplanted(examined, added, but=~disturbing)
    if made is None or of_disturbing is None or made.images < LEFT:
        return None
    if more_often(_taken(of_disturbing), _taken(made)) > MORE_OFTEN:
        return None
    return tuple(
        replace(made, reached=one.reached) if one.kind == TRANSPLANTED else one
        for one in judged.interventions
    )


def _taken(made: Intervention) -> NDArray[np.bool_]:
    """Return for each changed image, in any order, whether it became the class, bool (n,)."""
    return np.arange(made.images) < round(made.images * (made.after.value or 0.0))


def completed(
    examined: Examined, candidate: Candidate, explained: NDArray[np.bool_] | None = None
) -> Candidate:
    """Return a candidate that the images also have which are `alike`."""
    return replace(candidate, has=candidate.has | alike(examined, candidate, explained))


def _explained(judged: Sequence[Judged], candidate: Candidate) -> NDArray[np.bool_]:
    """Return which images have another shortcut of a candidate's class, bool (n,)."""
    found = np.zeros(len(candidate.has), dtype=np.bool_)
    for one in judged:
        other = one.candidate
        if one.word == SHORTCUT and other is not candidate and other.class_number == candidate.class_number:
            found |= other.has
    return found


def _judged(
    found: Sequence[Association],
    proofs: Mapping[int, tuple[Intervention, ...]],
    edits: Mapping[int, Candidate],
) -> list[Judged]:
    together = [_joined(one, proofs.get(place, ())) for place, one in enumerate(found)]
    rates = false_discovery(together).tolist()
    return [
        Judged(
            one,
            made := proofs.get(place, ()),
            p,
            q,
            RULE.word(one, made, q),
            taught=edits.get(place),
            proven_by=RULE.proven_by(one, made),
        )
        for place, (one, p, q) in enumerate(zip(found, together, rates, strict=True))
    ]


def worth_proving(found: Sequence[Association]) -> list[int]:
    """Return the places of those that go with their class, and may be a verdict; not all of them are proven."""
    rates = false_discovery([one.p_share for one in found])
    return [k for k, one in enumerate(found) if rates[k] <= RULE.rate and RULE.worth_proving(one)]


def _to_be_proven(found: Sequence[Association]) -> list[int]:
    worth = worth_proving(found)
    worth.sort(key=lambda k: (not found[k].candidate.artefact, found[k].p_share * found[k].p_difference))
    of_class: dict[int, int] = defaultdict(int)
    chosen: list[int] = []
    for k in worth:
        number = found[k].candidate.class_number
        of_class[number] += 1
        if of_class[number] <= PROVEN_OF_CLASS and len(chosen) < PROVEN:
            chosen.append(k)
    return chosen


def _joined(found: Association, interventions: Sequence[Intervention]) -> float:
    """Join the tests of a candidate; all that were made count, but only what may prove something is believed.

    A difference of accuracy is no test of what was found in the strongest tiles: strength alone makes one.
    """
    tests = [one.p for one in RULE.admissible(interventions)]
    if found.accuracy.difference.value is not None and found.candidate.seen_in != TILE:
        tests.append(found.p_difference)
    made = len(interventions) + 1
    matters = min(1.0, made * min(tests)) if tests else 1.0
    return max(found.p_share, matters)


def _merged(examined: Examined, judged: Sequence[Judged]) -> Iterator[Judged]:
    """Yield the best proven of the candidates that share many images, with the words of the others."""
    by_class: dict[int, list[Judged]] = defaultdict(list)
    for one in judged:
        by_class[one.candidate.class_number].append(one)
    for number, some in by_class.items():
        mine = (examined.labels == number) & examined.asked
        left = sorted(some, key=_rank)
        while left:
            best, *rest = left
            if _both(best, rest, mine):
                left = rest
                continue
            same = [one for one in rest if _same(best, one, mine)]
            left = [one for one in rest if one not in same]
            named = _named(examined, best, same)
            # What inner layers see apart has no name that would say more.
            words = dict.fromkeys(
                one.candidate.words for one in (best, *same) if one.candidate.inside is None
            )
            yield replace(named, also=tuple(word for word in words if word != named.candidate.words))


def _same(best: Judged, other: Judged, mine: NDArray[np.bool_]) -> bool:
    """Whether two are the same: by their images, or most images of an unproven one have the proven one."""
    has, having = best.candidate.has[mine], other.candidate.has[mine]
    if _overlap(has, having):
        return True
    return best.word == SHORTCUT != other.word and bool(has[having].mean() >= WITHIN)


def _overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Whether the same images have two things, and not only because each is in many (Cole, Ecology 30, 1949)."""
    both, most = float((one & other).mean()), float(min(one.mean(), other.mean()))
    chance = float(one.mean() * other.mean())
    return jaccard(one, other) >= SAME and both - chance >= TOGETHER * (most - chance)


def _both(best: Judged, rest: Sequence[Judged], mine: NDArray[np.bool_]) -> bool:
    """Whether something is in the images of two other shortcuts of different kinds, and so neither of them."""
    has = best.candidate.has[mine]
    parts = [one for one in rest if one.word == SHORTCUT and _overlap(has, one.candidate.has[mine])]
    return any(
        first.candidate.attribute != second.candidate.attribute
        and not _overlap(one := first.candidate.has[mine], other := second.candidate.has[mine])
        and max(one[has].mean(), other[has].mean()) < BOTH <= (one | other)[has].mean()
        for first, second in combinations(parts, 2)
    )


def _named(examined: Examined, best: Judged, same: Sequence[Judged]) -> Judged:
    """Return the one of some that the same images have whose name explains most of how these images look.

    The class's other images are edited as each name says. The more they then look like those that have it, the more
    the name explains: a cast does not make a picture dark, nor does a stamp shift all its colours. Of those that
    explain nearly as much, it is the one with the fewest causes, and what is drawn at one place comes before a mark
    that may be anywhere.
    """
    mine = examined.labels == best.candidate.class_number
    has = best.candidate.has
    able = [
        best,
        *(
            one
            for one in same
            if one.word == best.word
            and one.candidate.artefact == best.candidate.artefact
            and one.moved_by_putting_on >= _least_moved(one) * best.moved_by_putting_on > 0
            and jaccard(has[mine], one.candidate.has[mine]) >= ALIKE
        ),
    ]
    if len({one.candidate.words for one in able}) == 1 or examined.parted is not None:
        return best
    recogniser = _recogniser(examined, best.candidate, np.any([one.candidate.has for one in able], axis=0))
    if recogniser is None:
        return min(able, key=lambda one: one.candidate.causes)
    explained = [
        0.0 if (edit := one.candidate.as_named) is None else recogniser.explained(edit) for one in able
    ]
    near = [k for k, share in enumerate(explained) if share >= max(explained) - NEARLY]
    named = able[
        min(near, key=lambda k: (able[k].candidate.causes, _may_be_anywhere(able[k]), -explained[k]))
    ]
    return best if named.candidate.words == best.candidate.words else named


def _explained_by_name(examined: Examined, judged: Judged) -> float | None:
    """Return how far what a verdict's words say takes other images to those that have it; None if that is not known.

    What is drawn on images changes a small part of each, and what is proven without a name has none.
    """
    candidate = judged.candidate
    of_images = candidate.seen_in == IMAGE and not candidate.drawn and candidate.attribute != MARK
    if not of_images or judged.proven_by in UNNAMED or examined.parted is not None:
        return None
    edit = candidate.as_named
    if edit is None or (recogniser := _recogniser(examined, candidate, candidate.has)) is None:
        return None
    return recogniser.explained(edit)


def _recogniser(examined: Examined, candidate: Candidate, having: NDArray[np.bool_]) -> Recogniser | None:
    """Return what tells a candidate's images from the class's others, or from all others if these are too few."""
    mine = examined.labels == candidate.class_number
    own = mine & ~having
    enough = (own & examined.choosing).sum() >= FEWEST
    return Recogniser.of(examined, mine & candidate.has, own if enough else ~having)


def _least_moved(one: Judged) -> float:
    return LEAST_MOVED_BY_MARKS if one.candidate.attribute == MARK else LEAST_MOVED


def _may_be_anywhere(one: Judged) -> bool:
    return one.candidate.attribute == MARK


def _rank(one: Judged) -> tuple[bool, bool, bool, bool, float, float]:
    """Rank the proven before the unproven, artefacts before others, and then by how much of the class they move.

    A group that was found without any property in mind comes after what has a name of its own, and so does what is
    only proven without saying what it is.
    """
    candidate, share = one.candidate, one.association.share
    nameless = candidate.causes == ANY_CAUSE
    more = (share.value or 0.0) - (share.chance or 0.0)
    unnamed = one.proven_by in UNNAMED
    return (
        one.word != SHORTCUT,
        not candidate.artefact,
        unnamed,
        nameless,
        -one.moved * more,
        -candidate.effect,
    )
