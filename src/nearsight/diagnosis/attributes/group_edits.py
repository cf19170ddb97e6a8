"""The edit that makes other images like a group of a class's images, whatever it is that tells them apart."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.drawn import said_of_places
from nearsight.diagnosis.attributes.hues import words_with
from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES, ONLY_ADDED
from nearsight.diagnosis.attributes.likeness import LIKENESSES
from nearsight.diagnosis.attributes.more_edits import OTHERS, waves_of
from nearsight.diagnosis.attributes.photo.catalogue import PHOTO_EDITS
from nearsight.diagnosis.attributes.transfers import place_transfer, spectrum_transfer
from nearsight.diagnosis.candidates import Edit, Examined
from nearsight.diagnosis.decoded import DecodedImages
from nearsight.diagnosis.repeats.wording import Said
from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Pictures on which edits are tried: for how they look, and for how they are classified.
LOOKED_AT, ASKED, PICTURES = 4, 32, 64
# Edits that are applied and classified, and how near to the one that moves most the others must come.
BEST, NEARLY = 8, 0.85
# If one attribute distinguishes a group this well, the group is named after it when the edit has no name.
TOLD = 0.8
NAMELESS = ("look", "a look of their own")


@dataclass(frozen=True, eq=False)
class Tried:
    """An edit that may make pictures like a group, with its name."""

    attribute: str
    words: str
    edit: Edit
    back: Edit | None
    learned: bool = False
    near: float = 0.0


@dataclass(frozen=True, eq=False)
class GroupEdits:
    """A group of a class's images, bool (n,), and how surely pictures are told to be of it, float32 (pictures,).

    `values` are the attributes of the examined images, float32 (n, attributes).
    """

    examined: Examined
    values: Values
    number: int
    has: Mask
    sure_of: Callable[[Sequence[Tensor]], Values]

    @property
    def best(self) -> Tried:
        """The edit that makes other images like the group, and moves most to the class."""
        examined, number = self.examined, self.number
        free = (examined.labels != number) & (examined.predictions != number) & ~self.has
        pictures = examined.pictures(free, ASKED)
        tried = list(self._tried())
        near = self._near([one.edit for one in tried], pictures[:LOOKED_AT])
        order = sorted(range(len(tried)), key=lambda k: -near[k])[:BEST]
        moved = [self._moved(tried[k].edit, pictures) for k in order]
        able = [k for k, share in zip(order, moved, strict=True) if share >= NEARLY * max(moved)]
        best = max(able, key=lambda k: near[k])
        return replace(tried[best], near=near[best])

    def _near(self, edits: Sequence[Edit], pictures: Sequence[Tensor]) -> list[float]:
        """Return how confidently pictures are taken for the group after each edit, the mean over a few."""
        if not edits or not pictures:
            return [0.0] * len(edits)
        sure = self.sure_of([edit(one) for edit in edits for one in pictures])
        return [float(mean) for mean in sure.reshape(len(edits), -1).mean(1)]

    def _moved(self, edit: Edit, pictures: Sequence[Tensor]) -> float:
        if not pictures:
            return 0.0
        return float((self.examined.decision.predictions_of(pictures, edit) == self.number).mean())

    def _tried(self) -> Iterator[Tried]:
        for likeness in (*LIKENESSES, *OTHERS, *PHOTO_EDITS, *waves_of(self._pictures(self.has))):
            middle = likeness.back.strengths[len(likeness.back.strengths) // 2]
            back = None if likeness.attribute in ONLY_ADDED else likeness.back.edit(middle)
            for strength in likeness.strengths:
                yield Tried(likeness.attribute, likeness.words, likeness.way.edit(strength), back)
        curves = CurvesOfClass(self.examined, self.number, self.has)
        examined, values = self.examined, self.values
        attribute, words = named_after(examined, values, curves, self.number, self.has)
        on, off = curves.edit(on=True), curves.edit(on=False)
        if on is not None:
            yield Tried(attribute, words, on, off, learned=True)
        change, like = self._pictures(~self.has), self._pictures(self.has)
        spectrum = spectrum_transfer(change, like)
        if spectrum is not None:
            yield Tried(attribute, words, spectrum, spectrum.back, learned=True)
        places = place_transfer(change, like)
        if places is not None:
            said = said_of_places(places)
            named = said or Said(attribute, words)
            yield Tried(named.attribute, named.words, places, places.back, learned=said is None)

    def _pictures(self, having: Mask) -> DecodedImages:
        examined = self.examined
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
