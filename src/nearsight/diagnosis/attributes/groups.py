"""Groups of a class's images that look unlike all others, found by a forest, and the edit that makes others so."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.group_edits import GroupEdits
from nearsight.diagnosis.attributes.looks import Looks, looks_of
from nearsight.diagnosis.attributes.pictured import pictured
from nearsight.diagnosis.attributes.set_off import Rows, SetOff
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Examined
from nearsight.statistics import area_under_curve

Values = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Classes with fewer images that choose are skipped; with more classes than this, a forest takes too much memory.
FEWEST, MOST_CLASSES = 20, 50


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
    if not 2 <= len(classes) <= MOST_CLASSES:
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
        best = GroupEdits(
            self.examined,
            self.values,
            number,
            has,
            lambda pictures: found.value(np.stack([looks_of(one) for one in pictures])),
        ).best
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
            # What was learned from the group would explain it under any name.
            named_by=(lambda: None) if best.learned else None,
        )
        return replace(candidate, pictured=pictured(self.examined, self.values, candidate))
