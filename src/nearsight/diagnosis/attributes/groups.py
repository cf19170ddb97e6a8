"""Groups of a class's images that look unlike all others, found by a forest, and the edit that makes others so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.curves import CurvesOfClass, ToneCurves
from nearsight.diagnosis.attributes.drawn import said_of_places
from nearsight.diagnosis.attributes.forests import grown_forest
from nearsight.diagnosis.attributes.hues import words_with
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES
from nearsight.diagnosis.attributes.likeness import LIKENESSES
from nearsight.diagnosis.attributes.looks import Seen
from nearsight.diagnosis.attributes.mixes import ColourMix, colour_mix
from nearsight.diagnosis.attributes.more_edits import OTHERS, waves_of
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.rules import Rule, rule_apart, rule_of
from nearsight.diagnosis.attributes.telling_parts import PartsPasted, telling_boxes
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Edit, Examined
from nearsight.diagnosis.decoded import DecodedImages
from nearsight.diagnosis.repeats.wording import Said
from nearsight.statistics import area_under_curve

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesClassifier

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Classes with fewer images that choose are skipped; with more classes than this, a forest takes too much memory.
FEWEST, MOST_CLASSES = 20, 50
# The trees of a forest: for all classes, and for one group against the rest.
TREES, TREES_OF_GROUP = 300, 150
# The share of other images that may look like a group, in the first forest and in the second.
FIRST_ELSEWHERE, ELSEWHERE = 0.05, 0.02
# From the first on a group that is set off is looked for in another forest, unless it is clear.
WORTH, CLEAR = 0.6, 0.9
# How far a group must be set off, and how many times as frequent in the class as elsewhere it must be.
SET_OFF, CLEAN = 0.9, 10.0
# What more of a class's images share may be what the class pictures: too few others are left to tell them apart.
MOST_OF_CLASS = 0.8
# Pictures on which edits are tried: for how they look, and for how they are classified.
LOOKED_AT, ASKED, PICTURES = 4, 32, 64
# Edits of these change what objects have too.
OF_OBJECTS = frozenset(
    {
        *("cast", "warm edges", "green edges", "warm", "green", "colour variety", "saturation", "look"),
        *("contrast", "midtones", "darkest", "lightest", "brightness"),
    }
)
# Pictures of a group of which the telling part is pasted into others.
DONORS = 12
# Edits that are applied and classified, and how near to the one that moves most the others must come.
BEST, NEARLY = 8, 0.85
# If one attribute distinguishes a group this well, the group is named after it when the edit has no name.
TOLD = 0.8


# How far a group is set off, and the share of pictures of other classes that an edit must make like it.
Step = tuple[float, float]


@dataclass(frozen=True)
class Terms:
    """When a group counts, beside what holds for all.

    The farther a group is set off, the fewer pictures of other classes the edit must bring beyond its threshold:
    `steps` say how many, from the farthest on, and none is set off less. `of_parts` is the only step if the edit
    pastes parts of pictures, with which objects come. `of_objects` is how far it must be set off if the edit changes
    what objects have too, as their colours. `removed` says that losing accuracy without it proves something: images
    of which the network is sure lose more by any change. `doing` says what is done meanwhile.
    """

    steps: tuple[Step, ...] = ((SET_OFF, 0.0),)
    of_parts: Step = (SET_OFF, 0.6)
    of_objects: float = SET_OFF
    removed: bool = True
    doing: str = "looking for groups of images in classes"

    def least(self, set_off: float, *, pasted: bool) -> float | None:
        """Return the share of pictures that an edit must bring to a group; None if the group is not set off enough.

        >>> terms = Terms(steps=((0.9, 0.2), (0.7, 0.5)))
        >>> terms.least(0.95, pasted=False), terms.least(0.8, pasted=False), terms.least(0.8, pasted=True)
        (0.2, 0.5, None)
        """
        steps = (self.of_parts,) if pasted else self.steps
        return next((share for far, share in steps if set_off >= far), None)


# What layers of the network see apart in any class may be what it pictures.
OF_LOOKS = Terms()
OF_LAYERS = Terms(
    steps=((0.95, 0.2), (0.8, 0.45), (0.75, 0.9)),
    of_objects=0.95,
    removed=False,
    doing="looking for groups of images that the network sees apart",
)


def find_groups(measured: Seen, terms: Terms = OF_LOOKS) -> Iterator[Candidate]:
    """Yield groups of a class's images that look unlike the class's others and unlike other classes.

    A forest of extremely randomised trees (Geurts, Ernst and Wehenkel, Machine Learning 63, 2006) tells classes
    apart by how images look, each image by the trees that did not grow from it. A second forest distinguishes the
    images of a class that the first is surest of from all others, so that what the class pictures anyway no
    longer counts. A group of more than 80 % of a class may be just the class, and is passed over. Groups are an
    artefact if at most 2 % of the others look the same, if they are set off, and if they are ten times as frequent
    in the class as elsewhere. Many edits are applied to pictures of other classes.
    Among those that move most of these to the class, the edit after which they look most like the group is kept,
    and names it.
    """
    classes = measured.classes(FEWEST)
    if not 2 <= len(classes) <= MOST_CLASSES:
        return
    examined = measured.examined
    seen = _Seen(measured, terms)
    forest = seen.forest(examined.labels[measured.grown], TREES)
    for done, number in enumerate(classes):
        examined.progress.count(terms.doing, done, len(classes))
        sure = forest.oob_decision_function_[:, list(forest.classes_).index(number)].astype(np.float32)
        group = seen.first(number, sure)
        if group is not None and (found := seen.candidate(number, group)) is not None:
            yield found
    examined.progress.count(terms.doing, len(classes), len(classes))


@dataclass(frozen=True, eq=False)
class _Tried:
    """An edit that may make pictures like a group, with its name.

    `beside` does the same with something else of the class.
    """

    attribute: str
    words: str
    edit: Edit
    back: Edit | None
    learned: bool = False
    beside: Edit | None = None


@dataclass(frozen=True, eq=False)
class _Seen:
    """The looks of all examined images, and the forests that grow from them."""

    measured: Seen
    terms: Terms

    @property
    def examined(self) -> Examined:
        return self.measured.examined

    @property
    def values(self) -> Values:
        return self.measured.values

    @property
    def grown(self) -> NDArray[np.int64]:
        return self.measured.grown

    def forest(
        self, labels: NDArray[np.int64], trees: int, *, balanced: bool = False
    ) -> "ExtraTreesClassifier":
        return grown_forest(
            self.measured.of_grown, labels, trees=trees, balanced=balanced, seed=self.examined.seed
        )

    def first(self, number: int, sure: Values) -> Mask | None:
        """Return which of the images that forests grow from may be a group, bool (grown,); None if none are."""
        mine = self.examined.labels[self.grown] == number
        apart = rule_apart(sure, mine, class_number=number)
        rule = rule_of(sure, mine, class_number=number, most_elsewhere=FIRST_ELSEWHERE)
        if rule is None or (apart is None and rule.pure < WORTH):
            return None
        group: Mask = mine & (apart or rule).has(sure)
        return group

    def _told(self, number: int, group: Mask) -> tuple["ExtraTreesClassifier", Values, Rule | None]:
        """Grow a forest that tells a group from the rest: how sure it is of images, and where the group begins."""
        forest = self.forest(group.astype(np.int64), TREES_OF_GROUP, balanced=True)
        sure = forest.oob_decision_function_[:, 1].astype(np.float32)
        mine = self.examined.labels[self.grown] == number
        return forest, sure, rule_of(sure, mine, class_number=number, most_elsewhere=ELSEWHERE)

    def candidate(self, number: int, group: Mask) -> Candidate | None:
        """Return a group as a possible shortcut, as a forest of its own recognises it."""
        mine = self.examined.labels[self.grown] == number
        forest, sure, rule = self._told(number, group)
        if rule is not None and WORTH <= rule.pure < CLEAR:
            forest, sure, rule = self._told(number, mine & rule.has(sure))
        if rule is None or rule.share > MOST_OF_CLASS:
            return None
        terms = self.terms
        if rule.pure < terms.steps[-1][0] or rule.times_as_frequent(mine) < CLEAN:
            return None
        value = forest.predict_proba(self.measured.of_all)[:, 1].astype(np.float32)
        value[self.grown] = sure
        value[np.isnan(self.values).any(1)] = np.nan
        has = rule.has(value)
        told = _Group(self, number, has, rule, forest)
        best = told.best
        if best is None and rule.pure < SET_OFF:
            return None
        attribute, words = told.name if best is None else (best.attribute, best.words)
        coloured = best is not None and isinstance(best.edit, ToneCurves | ColourMix)
        if (coloured or attribute in OF_OBJECTS) and rule.pure < terms.of_objects:
            return None
        candidate = Candidate(
            class_number=number,
            attribute=attribute,
            words=words,
            artefact=True,
            has=has,
            value=value,
            effect=area_under_curve(sure[mine & has[self.grown]], sure[~mine]),
            put_on=None if best is None else best.edit,
            take_off=None if best is None or not terms.removed else best.back,
            beside=None if best is None else best.beside,
            causes=ANY_CAUSE,
            # What was learned from the group would explain it under any name.
            named_by=(lambda: None) if best is not None and best.learned else None,
        )
        return replace(candidate, pictured=pictured(self.examined, self.values, candidate))


@dataclass(frozen=True, eq=False)
class _Group:
    """A group, and the forest that recognises it."""

    seen: _Seen
    number: int
    has: Mask
    rule: Rule
    forest: "ExtraTreesClassifier"

    @property
    def best(self) -> _Tried | None:
        """The edit that makes other images like the group, and moves most to the class; None if none does."""
        examined, number = self.seen.examined, self.number
        free = (examined.labels != number) & (examined.predictions != number) & ~self.has
        pictures = examined.pictures(free, ASKED)
        tried = list(self._tried())
        near = self._near([one.edit for one in tried], pictures[:LOOKED_AT])
        first = sorted(range(len(tried)), key=lambda k: -near[k])[:BEST]
        first = [k for k in first if self._arrives(tried[k], pictures)]
        if not first:
            return None
        moved = [self._moved(tried[k], pictures) for k in first]
        able = [k for k, share in zip(first, moved, strict=True) if share >= NEARLY * max(moved)]
        return tried[max(able, key=lambda k: near[k])]

    @cached_property
    def _curves(self) -> CurvesOfClass:
        return CurvesOfClass(self.seen.examined, self.number, self.has)

    def _arrives(self, one: _Tried, pictures: Sequence[Tensor]) -> bool:
        """Return whether an edit makes enough pictures of other classes like the group."""
        least = self.seen.terms.least(self.rule.pure, pasted=one.beside is not None)
        if not least:
            return least is not None
        sure = self._sure([one.edit(picture) for picture in pictures])
        return float((sure >= self.rule.threshold).mean()) >= least

    def _near(self, edits: Sequence[Edit], pictures: Sequence[Tensor]) -> list[float]:
        """Return how confidently pictures are taken for the group after each edit, the mean over a few."""
        if not edits or not pictures:
            return [0.0] * len(edits)
        sure = self._sure([edit(one) for edit in edits for one in pictures])
        return [float(mean) for mean in sure.reshape(len(edits), -1).mean(1)]

    def _moved(self, one: _Tried, pictures: Sequence[Tensor]) -> float:
        """Return the share of pictures that an edit moves to the class, less what something else moves."""
        if not pictures:
            return 0.0
        edits = [edit for edit in (one.edit, one.beside) if edit is not None]
        decision = self.seen.examined.decision
        shares = [float((decision.predictions_of(pictures, edit) == self.number).mean()) for edit in edits]
        return max(0.0, shares[0] - sum(shares[1:]))

    def _tried(self) -> Iterator[_Tried]:
        for likeness in (*LIKENESSES, *OTHERS, *waves_of(self._pictures(self.has))):
            back = likeness.back.edit(likeness.back.strengths[len(likeness.back.strengths) // 2])
            for strength in likeness.strengths:
                yield _Tried(likeness.attribute, likeness.words, likeness.way.edit(strength), back)
        curves, (attribute, words) = self._curves, self.name
        on, off = curves.edit(on=True), curves.edit(on=False)
        if on is not None:
            yield _Tried(attribute, words, on, off, learned=True)
        change, like = self._pictures(~self.has), self._pictures(self.has)
        mix = colour_mix(change, like)
        if mix is not None:
            yield _Tried(attribute, words, mix, colour_mix(like, change), learned=True)
        spectrum = spectrum_transfer(change, like)
        if spectrum is not None:
            yield _Tried(attribute, words, spectrum, spectrum.back, learned=True)
        places = place_transfer(change, like)
        if places is not None:
            said = said_of_places(places)
            named = said or Said(attribute, words)
            yield _Tried(named.attribute, named.words, places, places.back, learned=said is None)
        yield from self._parts(attribute, words)

    def _parts(self, attribute: str, words: str) -> Iterator[_Tried]:
        examined, mine = self.seen.examined, self.seen.examined.labels == self.number
        donors, others = (examined.pictures(mine & some, DONORS) for some in (self.has, ~self.has))
        hosts = examined.pictures(~mine & ~self.has, DONORS)
        if min(map(len, (donors, others, hosts))) < LOOKED_AT:
            return
        boxes = telling_boxes(self._sure, donors, hosts)
        beside = PartsPasted(others, boxes)
        yield _Tried(attribute, words, PartsPasted(donors, boxes), None, learned=True, beside=beside)

    def _sure(self, pictures: Sequence[Tensor]) -> Values:
        look = self.seen.measured.look
        seen = np.stack([look(one, 0) for one in pictures])
        return np.asarray(self.forest.predict_proba(seen)[:, 1], dtype=np.float32)

    def _pictures(self, having: Mask) -> DecodedImages:
        examined = self.seen.examined
        return examined.pictures((examined.labels == self.number) & having, PICTURES)

    @cached_property
    def name(self) -> tuple[str, str]:
        """The attribute that best separates the group from all other images that choose, and what people call it."""
        choosing = self.seen.examined.choosing
        mine = (self.seen.examined.labels == self.number) & self.has & choosing
        values = self.seen.values
        found = []
        for column, attribute in enumerate(ATTRIBUTES):
            area = area_under_curve(values[mine, column], values[~mine & choosing, column])
            if attribute.much if area > 0.5 else attribute.little:
                found.append((abs(area - 0.5), NAMES[column], area > 0.5))
        clear, name, much = max(found)
        if clear + 0.5 < TOLD:
            return "look", "a look of their own"
        return name, words_with(ATTRIBUTES[NAMES.index(name)], self._curves, much=much)
