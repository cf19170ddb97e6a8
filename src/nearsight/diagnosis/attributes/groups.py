"""Groups of a class's images that look unlike all others, found by a forest, and the edit that makes others so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.answers import FEWEST, askable
from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.drawn import said_of_places
from nearsight.diagnosis.attributes.edits import as_it_is, middle_strength
from nearsight.diagnosis.attributes.hues import words_with
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES
from nearsight.diagnosis.attributes.likeness import LIKENESSES
from nearsight.diagnosis.attributes.looks import Looks, looks_of
from nearsight.diagnosis.attributes.more_edits import OTHERS, waves_of
from nearsight.diagnosis.attributes.photo.catalogue import photo_edits
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.set_off import Rows, SetOff
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Edit, Examined
from nearsight.diagnosis.decoded import DecodedImages
from nearsight.diagnosis.repeats.wording import Said
from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Pictures on which edits are tried: for how they look, and for how they are classified.
LOOKED_AT, ASKED, PICTURES = 4, 32, 64
# Pictures of each side on which it is measured how far the edit is removed again.
REMOVED = 16
# Edits that are applied and classified, and how near to the one that moves most the others must come.
BEST, NEARLY = 8, 0.85
# If one attribute distinguishes a group this well, the group is named after it when the edit has no name.
TOLD = 0.8
NAMELESS = ("look", "a look of their own")


def find_groups(measured: Looks) -> Iterator[Candidate]:
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
    if not askable(len(classes)):
        return
    examined = measured.examined
    seen = _Seen(measured)
    rows = Rows(measured.of_grown, examined.labels[measured.grown], examined.seed)
    sure = rows.of_classes()
    for done, number in enumerate(classes):
        examined.progress.count("looking for groups of images in classes", done, len(classes))
        group = rows.group(number, sure[number])
        if group is not None and (found := seen.candidate(number, group)) is not None:
            yield found
    examined.progress.count("looking for groups of images in classes", len(classes), len(classes))


@dataclass(frozen=True, eq=False)
class _Tried:
    """An edit that may make pictures like a group, with its name."""

    attribute: str
    words: str
    edit: Edit
    back: Edit | None
    learned: bool = False


@dataclass(frozen=True, eq=False)
class _Seen:
    """The looks of all examined images, and the forests that grow from them."""

    measured: Looks

    @property
    def examined(self) -> Examined:
        return self.measured.examined

    @property
    def values(self) -> Values:
        return self.measured.values

    @property
    def grown(self) -> NDArray[np.int64]:
        return self.measured.grown

    def candidate(self, number: int, found: SetOff) -> Candidate | None:
        """Return a group as a possible shortcut, as a forest of its own recognises it."""
        mine = self.examined.labels[self.grown] == number
        rule, sure = found.rule, found.sure
        if not found.counts(mine):
            return None
        value = found.value(self.measured.of_all)
        value[self.grown] = sure
        value[np.isnan(self.values).any(1)] = np.nan
        has = rule.has(value)
        told = _Group(self, number, has, found)
        best = told.best
        candidate = Candidate(
            class_number=number,
            attribute=best.attribute,
            words=best.words,
            artefact=True,
            has=has,
            value=value,
            effect=area_under_curve(sure[mine & has[self.grown]], sure[~mine]),
            put_on=best.edit,
            take_off=best.back,
            causes=ANY_CAUSE,
            removed_so_far=told.removed(best),
            # What was learned from the group would explain it under any name.
            named_by=(lambda: None) if best.learned else None,
        )
        return replace(candidate, pictured=pictured(self.examined, self.values, candidate))


@dataclass(frozen=True, eq=False)
class _Group:
    """A group, and the forest that recognises it."""

    seen: _Seen
    number: int
    has: Mask
    set_off: SetOff

    @property
    def best(self) -> _Tried:
        """The edit that makes other images like the group, and moves most to the class."""
        examined, number = self.seen.examined, self.number
        free = (examined.labels != number) & (examined.predictions != number) & ~self.has
        pictures = examined.pictures(free, ASKED)
        few = pictures[:LOOKED_AT]
        # Grey pictures have no channels that could be swapped.
        tried = [
            one for one in self._tried() if not few or any(not one.edit(each).equal(each) for each in few)
        ]
        near = self._near([one.edit for one in tried], few)
        order = sorted(range(len(tried)), key=lambda k: -near[k])[:BEST]
        moved = [self._moved(tried[k].edit, pictures) for k in order]
        able = [k for k, share in zip(order, moved, strict=True) if share >= NEARLY * max(moved)]
        return tried[max(able, key=lambda k: near[k])]

    def removed(self, best: _Tried) -> float | None:
        """Return how far removing an edit takes the group to the class's others; None if that is not known.

        The forest remembers pictures that it grew from, so both are compared by trees that remember them.
        """
        group, others = (self._pictures(some)[:REMOVED] for some in (self.has, ~self.has))
        if best.back is None or not group or not others:
            return None
        before, after = self._near([as_it_is, best.back], group)
        (beside,) = self._near([as_it_is], others)
        return (before - after) / max(before - beside, 1e-6)

    def _near(self, edits: Sequence[Edit], pictures: Sequence[Tensor]) -> list[float]:
        """Return how confidently pictures are taken for the group after each edit, the mean over a few."""
        if not edits or not pictures:
            return [0.0] * len(edits)
        edited = (edit(one) for edit in edits for one in pictures)
        sure = self.set_off.value(np.stack([looks_of(one) for one in edited]))
        return [float(mean) for mean in sure.reshape(len(edits), -1).mean(1)]

    def _moved(self, edit: Edit, pictures: Sequence[Tensor]) -> float:
        if not pictures:
            return 0.0
        return float((self.seen.examined.decision.predictions_of(pictures, edit) == self.number).mean())

    def _tried(self) -> Iterator[_Tried]:
        photo = photo_edits(self.seen.examined.images)
        for likeness in (*LIKENESSES, *OTHERS, *photo, *waves_of(self._pictures(self.has))):
            back = None if likeness.back is None else likeness.back.edit(middle_strength(likeness.back))
            for strength in likeness.strengths:
                yield _Tried(likeness.attribute, likeness.words, likeness.way.edit(strength), back)
        curves = CurvesOfClass(self.seen.examined, self.number, self.has)
        examined, values = self.seen.examined, self.seen.values
        attribute, words = named_after(examined, values, curves, self.number, self.has)
        on, off = curves.edit(on=True), curves.edit(on=False)
        if on is not None:
            yield _Tried(attribute, words, on, off, learned=True)
        change, like = self._pictures(~self.has), self._pictures(self.has)
        spectrum = spectrum_transfer(change, like)
        if spectrum is not None:
            yield _Tried(attribute, words, spectrum, spectrum.back, learned=True)
        places = place_transfer(change, like)
        if places is not None:
            said = said_of_places(places)
            named = said or Said(attribute, words)
            yield _Tried(named.attribute, named.words, places, places.back, learned=said is None)

    def _pictures(self, having: Mask) -> DecodedImages:
        examined = self.seen.examined
        return examined.pictures((examined.labels == self.number) & having, PICTURES)


def named_after(
    examined: Examined, values: Values, curves: CurvesOfClass, number: int, has: Mask
) -> tuple[str, str]:
    """Return the attribute that best separates a group from all other images that choose, and what people call it.

    `values` are the attributes of the examined images, float32 (n, attributes), and `has`, bool (n,), says which have
    what the group has. If none separates it well, it has "a look of their own".
    """
    choosing = examined.choosing
    mine = (examined.labels == number) & has & choosing
    found = []
    for column, attribute in enumerate(ATTRIBUTES):
        area = area_under_curve(values[mine, column], values[~mine & choosing, column])
        if attribute.much if area > 0.5 else attribute.little:
            found.append((abs(area - 0.5), NAMES[column], area > 0.5))
    clear, name, much = max(found)
    if clear + 0.5 < TOLD:
        return NAMELESS
    return name, words_with(ATTRIBUTES[NAMES.index(name)], curves, much=much)
