"""The rule of a verdict: what makes a shortcut, what only a suspect, in one place."""

from collections.abc import Sequence
from dataclasses import dataclass

from nearsight.diagnosis.candidates import TILE
from nearsight.diagnosis.verdicts.associations import Association
from nearsight.diagnosis.verdicts.interventions import TRANSPLANTED, WITHOUT, Intervention

SHORTCUT, SUSPECT, NOTHING = "shortcut", "suspect", "nothing found"


@dataclass(frozen=True)
class Rule:
    """What a verdict takes; chosen on development networks, before the held-out ones were looked at.

    `rate` is the rate of false discoveries over all candidates of all classes. `least_share` is by how much more
    often images of the class must have it than those of other classes, `least_difference` how much accuracy must
    differ with and without it, `least_effect` how far an intervention must move images beyond chance: all are
    shares from 0 to 1. Whether a candidate has nothing to do with the object is its finder's to say.
    """

    rate: float = 0.05
    least_share: float = 0.05
    least_difference: float = 0.05
    least_effect: float = 0.1

    def worth_proving(self, found: Association) -> bool:
        """Say whether a candidate goes with its class so much that interventions are worth their cost."""
        more = (found.share.value or 0.0) - (found.share.chance or 0.0)
        unknown = found.accuracy.difference.value is None
        return more >= self.least_share and (unknown or (found.accuracy.difference.value or 0.0) > 0)

    def proves(self, intervention: Intervention) -> bool:
        """Say whether an intervention proves that a candidate decides: by size, and beyond chance by its interval."""
        change = intervention.change
        if change.value is None or change.low is None or change.high is None:
            return False
        chance = change.chance or 0.0
        beyond = change.low > chance if intervention.kind == TRANSPLANTED else change.high < chance
        return beyond and intervention.effect >= self.least_effect

    def differs(self, found: Association) -> bool:
        """Say whether accuracy differs with it and without it, by the whole interval."""
        difference = found.accuracy.difference
        if difference.value is None or difference.low is None:
            return False
        # Images that speak strongly are easier: what was found in the strongest tiles must do more than they.
        least = (difference.chance or 0.0) if found.candidate.seen_in == TILE else 0.0
        return difference.value >= self.least_difference and difference.low > least

    def word(self, found: Association, interventions: Sequence[Intervention], q: float) -> str:
        """Return the verdict on a candidate: "shortcut", "suspect" or "nothing found"."""
        if q > self.rate or not self.worth_proving(found):
            return NOTHING
        proven = any(self.proves(one) for one in interventions)
        lost = any(self.proves(one) for one in interventions if one.kind == WITHOUT)
        # Where every image of the class has it, only what is changed can tell.
        matters = lost or self.differs(found) or (found.accuracy.difference.value is None and proven)
        if proven and matters and found.candidate.artefact:
            return SHORTCUT
        if not self.differs(found):
            return NOTHING
        return SUSPECT if proven or found.candidate.artefact else NOTHING


RULE = Rule()
