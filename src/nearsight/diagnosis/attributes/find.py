"""Finding attributes of whole images that go with a class: compression, blur, noise, tone, tint and the like."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.answered import find_answered
from nearsight.diagnosis.attributes.answers import FEWEST, Answers, askable
from nearsight.diagnosis.attributes.backdrops import Backdrops
from nearsight.diagnosis.attributes.curves import TONAL, CurvesOfClass
from nearsight.diagnosis.attributes.drawn import as_drawn
from nearsight.diagnosis.attributes.edits import WAYS, Way, waves
from nearsight.diagnosis.attributes.fitting import MOST_ARRIVE, Aim, fitted
from nearsight.diagnosis.attributes.groups import find_groups
from nearsight.diagnosis.attributes.hues import words_with
from nearsight.diagnosis.attributes.inner_groups import find_inner_groups
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES, Attribute
from nearsight.diagnosis.attributes.likeness import find_likenesses
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.looks_inside import LooksInside
from nearsight.diagnosis.attributes.measuring import measure_all, measure_one
from nearsight.diagnosis.attributes.names import Names
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_apart, rule_of
from nearsight.diagnosis.attributes.spectrum import strongest_wave
from nearsight.diagnosis.attributes.surroundings import OF_BACKGROUNDS
from nearsight.diagnosis.candidates import MANY_CAUSES, ONE_CAUSE, Candidate, Edit, Examined
from nearsight.errors import InputError
from nearsight.statistics import area_under_curve, false_discovery, jaccard

Values = NDArray[np.float32]

# The share of all findings, over attributes and classes, that may be chance.
FALSE_DISCOVERIES = 0.05
# Rules of a class that share this many of their images become one rule.
SAME = 0.6
# Among these, the attribute with the fewest causes is named, if it is nearly as clear as the clearest.
NEAR = 0.85
MOST_OF_A_CLASS = 3
# Over all classes; finding the edits of each rule takes about a second.
MOST = 60
# How many times more frequent in the class an attribute must be to be called an artefact: the first if it comes
# from how pictures are made, the second for any other. Classes of natural pictures differ in all of them, but not
# as clearly.
CLEAN, VERY_CLEAN = 10.0, 20.0
# Pictures that are used to find the strength of an edit.
PICTURES = 8
# The attributes for which tones may have been stretched.
_TONES = (
    *("warm edges", "green edges", "brightness", "contrast", "midtones", "saturation"),
    *("dark corners", "light from the left", "light from above"),
)
_WAVES = ("lines across", "lines down", "pattern")


def find_whole_image_attributes(examined: Examined) -> Iterator[Candidate]:
    """Yield what distinguishes some whole images of a class from those of other classes, among those that choose.

    For each class and attribute, in both directions, a threshold is set where it best separates some of the
    class's images from the others (`rule_of`): at most 5 % of the others lie beyond it, and at least five images
    and 8 % of the class more than that, at a false discovery rate of 5 % over attributes and classes. If this is
    no artefact, a separate group is searched for as well (`rule_apart`). Attributes that nearly the same images
    have become one, named after the one with the fewest causes. It is an *artefact* if it comes from how pictures
    are made and is 10 times as frequent in the class as elsewhere, minus a standard error, or 20 times if it may
    also come from what they show. The colours that things have are never one. An artefact may still be what its
    images show (`pictured`). Groups that only all measures together show come after these (`find_likenesses`).
    """
    values = _measured(examined)
    found, looks = Found(examined, values), Looks(examined, values)
    inside = LooksInside.of(looks) if askable(len(looks.classes(FEWEST))) else None
    answers = Answers.of(looks)
    measured = (*map(found.candidate, found.named), *find_likenesses(examined, values))
    candidates = (
        *(as_drawn(examined, one) for one in measured),
        *_answered(looks, inside, answers),
        *find_groups(looks),
    )
    names = None if inside is None else Names(inside.alone, answers)
    for one in candidates:
        named = one if names is None else names.of(one)
        # What its images may picture was asked under another name.
        if named.attribute != one.attribute and not named.pictured:
            named = replace(named, pictured=pictured(examined, values, named))
        yield named
    if examined.images.has_regions:
        backdrops = Backdrops(examined, values)
        yield from find_answered(backdrops, Answers.of(backdrops, OF_BACKGROUNDS))
    if inside is not None:
        yield from find_inner_groups(inside)


def _answered(looks: Looks, inside: LooksInside | None, answers: Answers) -> list[Candidate]:
    """Return what the network answers, by what its layers see as well; by looks alone if they cannot see all."""
    if inside is not None:
        # A layer has no maps of an image that is not of those from which rules grow.
        with suppress(InputError):
            return list(find_answered(inside, answers, inside.alone))
    return list(find_answered(looks, answers))


def _measured(examined: Examined) -> Values:
    """Measure all examined images, of several processes each its share."""
    processes = examined.decision.processes
    own, done = processes.share(len(examined.images)), 0

    def step() -> None:
        nonlocal done
        done += 1
        examined.progress.count("measuring colours and sharpness of images", done, len(own))

    return np.concatenate(processes.each(lambda: measure_all(map(examined.images.image, own), step)))


@dataclass(frozen=True, eq=False)
class Found:
    """All measures of the examined images, float32 (n, attributes), and the rules found in them."""

    examined: Examined
    values: Values

    @cached_property
    def named(self) -> list[Rule]:
        """The rules worth naming, a few of each class, the clearest first."""
        by_class: dict[int, list[list[Rule]]] = {}
        for rule in sorted(self._believed, key=self._strength, reverse=True):
            kinds = by_class.setdefault(rule.class_number, [])
            like = next((kind for kind in kinds if self._same(rule, kind[0])), None)
            if like is not None:
                like.append(rule)
            elif len(kinds) < MOST_OF_A_CLASS:
                kinds.append([rule])
        rules = [self._best(kind) for kinds in by_class.values() for kind in kinds]
        return sorted(rules, key=self._strength, reverse=True)[:MOST]

    def _strength(self, rule: Rule) -> tuple[bool, float]:
        return self.is_artefact(rule), rule.clear

    def _best(self, kind: list[Rule]) -> Rule:
        """Return, for rules that nearly the same images have, the one with the best name, the clearest first."""
        artefact, clear = self._strength(kind[0])
        near = [rule for rule in kind if self.is_artefact(rule) == artefact and rule.clear >= NEAR * clear]
        return min(near, key=lambda rule: rule.column)

    def is_artefact(self, rule: Rule) -> bool:
        """Return whether what a rule says has nothing to do with what the pictures show."""
        mine = self.examined.labels[self.examined.choosing] == rule.class_number
        least = _least_times(ATTRIBUTES[rule.column])
        return least is not None and rule.times_as_frequent(mine) >= least

    def candidate(self, rule: Rule) -> Candidate:
        """Return a rule as a possible shortcut, with its edits."""
        column = self.values[:, rule.column]
        mine = self.examined.labels == rule.class_number
        has, choosing = rule.has(column), self.examined.choosing
        shown = self._shown(rule, mine & has & choosing, mine & ~has & choosing)
        attribute = ATTRIBUTES[shown.column]
        curves = CurvesOfClass(self.examined, shown.class_number, shown.has(self.values[:, shown.column]))
        candidate = replace(
            self.without_edits(rule),
            attribute=attribute.name,
            words=words_with(attribute, curves, much=shown.much),
            put_on=self._edit(shown, mine & has, ~mine & ~has, curves, on=True),
            take_off=self._edit(shown, _without(mine, has), mine & has, curves, on=False),
            causes=ONE_CAUSE if attribute.one_cause else MANY_CAUSES,
            named_by=partial(self._edit, shown, mine & has, ~mine & ~has, None, on=True)
            if attribute.name in TONAL
            else None,
        )
        return replace(candidate, pictured=pictured(self.examined, self.values, candidate))

    def without_edits(self, rule: Rule) -> Candidate:
        """Return a rule as a possible shortcut that can be neither added nor removed."""
        column, choosing, attribute = (
            self.values[:, rule.column],
            self.examined.choosing,
            ATTRIBUTES[rule.column],
        )
        mine, has = self.examined.labels == rule.class_number, rule.has(column)
        signed = column if rule.much else -column
        return Candidate(
            class_number=rule.class_number,
            attribute=attribute.name,
            words=str(attribute.much if rule.much else attribute.little),
            artefact=self.is_artefact(rule),
            times=_least_times(attribute),
            has=has,
            value=signed,
            effect=area_under_curve(signed[mine & has & choosing], signed[~mine & choosing]),
            causes=ONE_CAUSE if attribute.one_cause else MANY_CAUSES,
        )

    def _shown(self, rule: Rule, having: NDArray[np.bool_], without: NDArray[np.bool_]) -> Rule:
        """Return the rule to name and to edit by. If tones were stretched, this is what they were stretched for.

        It is the tone or colour in which the class's images that have the attribute differ most from those
        without, relative to the spread of all images. Its threshold lies between the two.
        """
        if NAMES[rule.column] != "missing values" or min(having.sum(), without.sum()) < PICTURES:
            return rule
        ours, theirs = np.nanmedian(self.values[having], 0), np.nanmedian(self.values[without], 0)
        apart = (ours - theirs) / self._spread
        named = [ATTRIBUTES[k].much if apart[k] > 0 else ATTRIBUTES[k].little for k in range(len(apart))]
        toned = [k for k in range(len(apart)) if NAMES[k] in _TONES and named[k]]
        column = max(toned, key=lambda k: abs(apart[k]))
        if abs(apart[column]) < 1:
            return rule
        threshold = float(ours[column] + theirs[column]) / 2
        return replace(rule, column=column, much=bool(apart[column] > 0), threshold=threshold)

    @property
    def _believed(self) -> list[Rule]:
        choosing = self.examined.choosing
        values, labels = self.values[choosing], self.examined.labels[choosing]
        rules = [
            rule
            for number in np.unique(labels).tolist()
            for column, attribute in enumerate(ATTRIBUTES)
            for much in _directions(attribute)
            for rule in self._rules(values[:, column], labels == number, number, column, much)
        ]
        tests = 2 * len(np.unique(labels)) * sum(len(_directions(attribute)) for attribute in ATTRIBUTES)
        # An attribute that gave no rule was a test too.
        chance = np.ones(tests)
        chance[: len(rules)] = [rule.probability for rule in rules]
        rates = false_discovery(chance)[: len(rules)]
        return [rule for rule, rate in zip(rules, rates, strict=True) if rate <= FALSE_DISCOVERIES]

    def _rules(
        self, values: Values, inside: NDArray[np.bool_], number: int, column: int, much: bool
    ) -> Iterator[Rule]:
        """Yield the rule that best separates a class's images and, if it is no artefact, that of a separate group."""
        rule = rule_of(values, inside, class_number=number, column=column, much=much)
        if rule is None:
            return
        yield rule
        if not self.is_artefact(rule):
            apart = rule_apart(values, inside, class_number=number, column=column, much=much)
            if apart is not None:
                yield apart

    def _same(self, rule: Rule, other: Rule) -> bool:
        among = self.examined.of_class(rule.class_number, choosing=True)
        one, two = (each.has(self.values[among, each.column]) for each in (rule, other))
        return jaccard(one, two) > SAME

    def _edit(
        self,
        rule: Rule,
        like: NDArray[np.bool_],
        change: NDArray[np.bool_],
        curves: CurvesOfClass | None,
        *,
        on: bool,
    ) -> Edit | None:
        choosing = self.examined.choosing
        like, change = like & choosing, change & choosing
        if not like.any() or not change.any():
            return None
        reached = rule.has if on else lambda values: ~rule.has(values)
        name, pictures = NAMES[rule.column], self.examined.pictures(change, PICTURES)
        if curves is not None and name in TONAL:
            curve = curves.edit(on=on)
            if curve is not None and reached(measure_one(map(curve, pictures), name)).mean() >= MOST_ARRIVE:
                return curve
        aim = Aim(rule.column, np.nanmedian(self.values[like], 0), self._spread, reached)
        ways = self._ways(rule, like if on else change, on=on)
        return fitted(ways, pictures, aim) if ways else None

    def _ways(self, rule: Rule, having: NDArray[np.bool_], *, on: bool) -> Sequence[Way]:
        attribute = ATTRIBUTES[rule.column]
        more, less = WAYS[attribute.name]
        ways = more if rule.much == on else less
        if attribute.name in _WAVES:
            wave = strongest_wave(self.examined.pictures(having, PICTURES), attribute.name)
            if wave is not None:
                return (*ways, waves(wave)[0 if on else 1])
        return ways

    @cached_property
    def _spread(self) -> Values:
        low, high = np.nanpercentile(self.values[self.examined.choosing], (16, 84), axis=0)
        return np.asarray(np.maximum((high - low) / 2, 1e-3), dtype=np.float32)


def _least_times(attribute: Attribute) -> float | None:
    """Return how many times as frequent in a class as elsewhere an artefact is; None if it is never one."""
    if attribute.pictured:
        return None
    return CLEAN if attribute.artefact else VERY_CLEAN


def _without(mine: NDArray[np.bool_], has: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the images that the edited ones must resemble when it is removed: the class's own, if there are some."""
    own = mine & ~has
    return own if own.sum() >= PICTURES else ~mine & ~has


def _directions(attribute: Attribute) -> list[bool]:
    return [much for much, words in ((True, attribute.much), (False, attribute.little)) if words]
