"""Names by what inner layers see: the edit that moves other images there as a group stands apart from its class."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.answered import VERY_CLEAN
from nearsight.diagnosis.attributes.answers import Answers
from nearsight.diagnosis.attributes.discriminants import alike, precision_of
from nearsight.diagnosis.attributes.edits import middle_strength
from nearsight.diagnosis.attributes.explaining import FEWEST
from nearsight.diagnosis.attributes.kinds import SHOWN
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.looks_inside import LooksInside
from nearsight.diagnosis.attributes.rules import times_as_frequent
from nearsight.diagnosis.attributes.seen import Scaled
from nearsight.diagnosis.candidates import IMAGE, ONE_CAUSE, Candidate, EditOf

Numbers = NDArray[np.float64]

# Images that are edited, and how nearly an edit must move them as the group stands apart (a cosine): at least, and by
# how much more than the candidate's own edit does.
EDITED, LEAST, MORE = 12, 0.4, 0.05


@dataclass(frozen=True, eq=False)
class Names:
    """What inner layers see of images that choose, and the edits that the classifier answers."""

    layers: LooksInside
    answers: Answers

    def of(self, candidate: Candidate) -> Candidate:
        """Return a candidate under the name that says best what sets its images off, as inner layers see them.

        Of the edits that the classifier answers with the class, it is the one that moves other images most nearly in
        the direction in which the group stands apart from the class's others. The name stays unless the cosine
        between the two, relative to how images vary anyway, is 0.4, and 0.05 more than that of the candidate's own
        edit. So does one that hardly anything else looks like, and that of what is drawn on images. What adds and
        removes it stays, too.
        """
        own = candidate.added
        if not candidate.artefact or candidate.seen_in != IMAGE or candidate.drawn or own is None:
            return candidate
        plain, labels = self._seen.plain, self._seen.labels
        mine, has = labels == candidate.class_number, candidate.has[self.layers.grown]
        if candidate.causes == ONE_CAUSE or min((mine & has).sum(), (mine & ~has).sum()) < FEWEST:
            return candidate
        apart = plain[mine & has].mean(0) - plain[mine & ~has].mean(0)
        kinds = np.where(mine & has, -1, labels)
        precision = precision_of(*[plain[kinds == kind] for kind in np.unique(kinds)])
        best, likeness = self._nearest(precision, apart, candidate.class_number)
        if likeness is None or best < max(LEAST, alike(precision, apart, self._change(own)) + MORE):
            return candidate
        edit = likeness.way.edit(middle_strength(likeness.way))
        # What pictures show by themselves must be rarer elsewhere, by whatever it was found.
        times = times_as_frequent(float(has[mine].mean()), float(has[~mine].mean()), mine)
        shown = likeness.attribute in SHOWN and times < VERY_CLEAN
        return replace(
            candidate,
            attribute=likeness.attribute,
            words=likeness.words,
            named_by=lambda: edit,
            pictured=candidate.pictured or shown,
        )

    def _nearest(self, precision: Numbers, apart: Numbers, number: int) -> tuple[float, Likeness | None]:
        """Return the edit that moves images most nearly in a direction, with the cosine between the two."""
        found: Sequence[tuple[float, Likeness]] = [
            (alike(precision, apart, change), likeness) for likeness, change in self._changes(number)
        ]
        return max(found, key=lambda one: one[0], default=(0.0, None))

    def _changes(self, number: int) -> Sequence[tuple[Likeness, Numbers]]:
        if number not in self._known:
            layers = self.layers
            self._known[number] = [
                (one, self._change(layers.edit(one.way, middle_strength(one.way))))
                for one in self.answers.with_class(number)
            ]
        return self._known[number]

    def _change(self, edit: EditOf) -> Numbers:
        """Return how an edit moves some images, the mean over them, float64 (numbers,)."""
        return np.asarray(self._seen.changes(edit, self._places).mean(0), dtype=np.float64)

    @cached_property
    def _known(self) -> dict[int, Sequence[tuple[Likeness, Numbers]]]:
        return {}

    @cached_property
    def _places(self) -> NDArray[np.int64]:
        random = np.random.default_rng((self.layers.examined.seed, 19))
        return random.permutation(len(self.layers.grown))[:EDITED]

    @cached_property
    def _seen(self) -> Scaled:
        return Scaled.of(self.layers)
