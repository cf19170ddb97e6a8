"""The verdict on object and background: which of the two suffices for what a classifier knows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.reliance.asking import (
    AS_IT_IS,
    INTERVENTIONS,
    SWAPPED,
    Answers,
    Example,
    Intervention,
    Side,
)
from nearsight.statistics import Estimate, accuracy_estimate, change_estimate, false_discovery
from nearsight.statistics.means import Z95

# A classifier knows a class if its rate of right answers exceeds its rate of false alarms by more than this.
KNOWN = 0.25
# One side alone is enough if it keeps more than this part of that excess.
ENOUGH = 0.75
# The false discovery rate among the classes that get a verdict.
FALSE_DISCOVERIES = 0.05

OBJECT = "the object"
BOTH = "both are needed"
INDIFFERENT = "indifferent: the background suffices"
BACKGROUND = "the background"
NOT_KNOWN = "not known"
# By whether the background alone is enough, and whether the object alone is.
_VERDICTS = {
    (False, True): OBJECT,
    (False, False): BOTH,
    (True, True): INDIFFERENT,
    (True, False): BACKGROUND,
}


@dataclass(frozen=True)
class FillRow:
    """The accuracy under one intervention, and its change from the images as they are."""

    side: Side
    fill: str
    accuracy: Estimate
    change: Estimate


@dataclass(frozen=True)
class RegionRow:
    """What a classifier decides about the images of a class, or about all ("all"), without object or background.

    `original` is the accuracy on the same images as they are; its chance is the rate at which other images are
    mistaken for the class (for all classes, the accuracy of the same predictions assigned at random). `fills` has
    a row for each intervention. `took_donor` is how often an image whose background was swapped is classified as
    the class that the new background came from; its chance is how often it was before. `background_keeps` and
    `object_keeps` are the parts of `known`, the accuracy beyond chance, that remain when the object, or the
    background, is removed. `q` is the false discovery rate at which this verdict would be the last one believed;
    `reason` says why there is no verdict.
    """

    name: str
    images: int
    original: Estimate
    fills: tuple[FillRow, ...]
    took_donor: Estimate
    known: Estimate
    background_keeps: Estimate
    object_keeps: Estimate
    verdict: str
    q: float | None
    reason: str | None


@dataclass(frozen=True)
class ByIntervention:
    """What is decided without object and without background: all classes together, and each, in order.

    `object_fill` and `background_fill` are the fills for which verdicts are given: for each side, the one that
    leaves most images right. `images` were asked about; `left_out` are nearly all object or all background.
    """

    overall: RegionRow
    classes: tuple[RegionRow, ...]
    object_fill: str
    background_fill: str
    examples: tuple[Example, ...]
    images: int
    left_out: int

    def of(self, verdict: str) -> tuple[str, ...]:
        """Return the names of the classes that were given a verdict."""
        return tuple(row.name for row in self.classes if row.verdict == verdict)


@dataclass(frozen=True)
class _Judged:
    """A row and the verdict that its numbers suggest, with the probability of one so clear by chance."""

    row: RegionRow
    pointed: str
    p: float


def judge_regions(answers: Answers, classes: Sequence[str]) -> ByIntervention:
    """Return the verdict on all classes together and on each class.

    The rule. What a classifier *knows* of a class is the rate at which it recognises its images minus the rate at
    which it mistakes others for it: 0 for a classifier that guesses or always gives the same answer. A class is
    judged if this is more than `KNOWN`. The background alone is *enough* if more than `ENOUGH` of it remains
    without the object; the object alone is enough if more than `ENOUGH` remains without the background. Each uses
    the fill that leaves most images right in all classes together, because a fill that does harm of its own says
    nothing. The four answers are the four verdicts. Each comparison is a t-test, two-sided if the answer may be
    either. The largest of the three probabilities is the verdict's, and Benjamini and Hochberg's procedure over
    the classes holds the false discovery rate at `FALSE_DISCOVERIES`. A verdict that does not pass is "not
    known".
    """
    best = {side: _gentlest(answers, side) for side in ("object", "background")}
    whole = _judge("all", answers, np.ones(len(answers.labels), dtype=np.bool_), None, best)
    found = [
        _judge(name, answers, answers.labels == number, number, best) for number, name in enumerate(classes)
    ]
    counted = [place for place, judged in enumerate(found) if judged.row.images >= 2]
    rates = dict(zip(counted, false_discovery([found[place].p for place in counted]).tolist(), strict=True))
    return ByIntervention(
        overall=_decided(whole, whole.p),
        classes=tuple(_decided(each, rates.get(place)) for place, each in enumerate(found)),
        object_fill=best["object"].fill,
        background_fill=best["background"].fill,
        examples=answers.examples,
        images=len(answers.labels),
        left_out=answers.left_out,
    )


def _decided(judged: _Judged, q: float | None) -> RegionRow:
    row = replace(judged.row, q=q)
    if row.reason is not None or q is None:
        return row
    if q <= FALSE_DISCOVERIES:
        return replace(row, verdict=judged.pointed)
    return replace(row, reason=f"{row.images} images do not decide it; the values point to: {judged.pointed}")


def _gentlest(answers: Answers, side: str) -> Intervention:
    """Return the intervention on one side that leaves most images right; the first if several are equal."""
    among = [each for each in INTERVENTIONS if each.side == side]
    return max(among, key=lambda each: float((answers.of(each) == answers.labels).mean()))


def _judge(
    name: str,
    answers: Answers,
    mine: NDArray[np.bool_],
    number: int | None,
    best: Mapping[str, Intervention],
) -> _Judged:
    right = {each: (answers.of(each) == answers.labels)[mine] for each in INTERVENTIONS}
    count = int(mine.sum())
    before = right[AS_IT_IS]
    skills = {each: _Skill.of(answers, each, number) for each in (AS_IT_IS, *best.values())}
    known = skills[AS_IT_IS]
    swapped, donors = answers.of(SWAPPED)[mine], answers.donors[mine]
    keeps = {side: known.kept(skills[each]) for side, each in best.items()}
    row = RegionRow(
        name=name,
        images=count,
        original=accuracy_estimate(before, chance=known.chance),
        fills=tuple(
            FillRow(
                each.side, each.fill, accuracy_estimate(right[each]), change_estimate(before, right[each])
            )
            for each in INTERVENTIONS
            if each.side is not None
        ),
        took_donor=accuracy_estimate(
            swapped == donors,
            chance=float((answers.of(AS_IT_IS)[mine] == donors).mean()) if count else None,
        ),
        known=known.estimate(),
        background_keeps=keeps["object"],
        object_keeps=keeps["background"],
        verdict=NOT_KNOWN,
        q=None,
        reason=None,
    )
    if count < 2:
        return _Judged(replace(row, reason="it has fewer than two images with a region"), NOT_KNOWN, 1.0)
    if known.value <= KNOWN:
        unknown = "its images are hardly taken for it more often than others are"
        if number is None:
            unknown = "hardly more images are right than by chance"
        return _Judged(replace(row, reason=unknown), NOT_KNOWN, 1.0)
    enough = {side: known.test(skills[each]) for side, each in best.items()}
    pointed = _VERDICTS[enough["object"][0], enough["background"][0]]
    return _Judged(row, pointed, max(known.beyond(KNOWN), *(min(1.0, 2 * p) for _, p in enough.values())))


@dataclass(frozen=True, eq=False)
class _Skill:
    """What is known of a class under one intervention: right answers minus false alarms among other images.

    `own` (n,) and `other` (m,) are answers, 0 or 1, for the class's images and for the others. For all classes
    together, `own` is right or wrong minus the share of the images that belong to the predicted class, and
    `other` is empty.
    """

    own: NDArray[np.float64]
    other: NDArray[np.float64]
    chance: float

    @staticmethod
    def of(answers: Answers, intervention: Intervention, number: int | None) -> "_Skill":
        predictions, labels = answers.of(intervention), answers.labels
        if number is not None:
            taken = (predictions == number).astype(np.float64)
            others = taken[labels != number]
            return _Skill(taken[labels == number], others, float(others.mean()) if len(others) else 0.0)
        frequent = np.bincount(labels, minlength=int(predictions.max()) + 1) / len(labels)
        by_chance = frequent[predictions]
        return _Skill((predictions == labels) - by_chance, np.empty(0), float(by_chance.mean()))

    @property
    def value(self) -> float:
        return float(self.own.mean()) - (float(self.other.mean()) if len(self.other) else 0.0)

    def estimate(self) -> Estimate:
        if len(self.own) < 2:
            return Estimate(None, None, None, len(self.own))
        spread = Z95 * _error(self, self, 0.0)
        return Estimate(self.value, self.value - spread, self.value + spread, len(self.own), 0.0)

    def beyond(self, least: float) -> float:
        """Return the probability of so much knowledge if there is only `least`."""
        return _tail((self.value - least) / _error(self, self, 0.0), len(self.own))

    def kept(self, after: "_Skill") -> Estimate:
        """Return which part of it remains, with its interval by the delta method."""
        if len(self.own) < 2 or self.value <= KNOWN:
            return Estimate(None, None, None, len(self.own), reason="too little is known to lose")
        part = after.value / self.value
        spread = Z95 * _error(after, self, part) / self.value
        return Estimate(part, part - spread, part + spread, len(self.own), 0.0)

    def test(self, after: "_Skill") -> tuple[bool, float]:
        """Return whether more than `ENOUGH` of it remains, and the chance of so clear an answer at just that."""
        score = (after.value - ENOUGH * self.value) / _error(after, self, ENOUGH)
        return score > 0, _tail(abs(score), len(self.own))


def _error(after: _Skill, before: _Skill, part: float) -> float:
    """Return the standard error of what is known minus a part of what was known before."""
    return float(
        np.sqrt(
            _variance(after.own - part * before.own, part)
            + _variance(after.other - part * before.other, part)
        )
    )


def _variance(differences: NDArray[np.float64], part: float) -> float:
    """Return the variance of a mean, with half an answer added to each of the four outcomes of a pair.

    Otherwise a row of equal answers would have no spread at all (Agresti and Min, Statist. Med. 24, 729, 2005).
    """
    if not len(differences):
        return 0.0
    pairs = np.array([0.0, 1.0, -part, 1.0 - part])
    values = np.concatenate((differences, pairs))
    weights = np.concatenate((np.ones(len(differences)), np.full(4, 0.5)))
    mean = float(np.average(values, weights=weights))
    return float(np.average((values - mean) ** 2, weights=weights)) / float(weights.sum())


def _tail(score: float, images: int) -> float:
    from scipy.stats import t

    return float(t.sf(score, max(1, images - 1)))
