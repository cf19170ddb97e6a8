"""What a bound on the work left out of a diagnosis: candidates that no image was changed for, classes too small."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.answers import FEWEST, MOST_CLASSES, askable
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.verdicts.associations import associate
from nearsight.diagnosis.verdicts.judging import PROVEN, PROVEN_OF_CLASS, worth_proving
from nearsight.numbers import agreeing, counted

_LOOKED_FOR = "edits that the network answers with a class, and groups unlike all others, were looked for in"


def what_was_not_tried(
    examined: Examined, candidates: Sequence[Candidate], strength: NDArray[np.float32] | None = None
) -> Iterator[str]:
    """Say what was left out as it would have taken too long, or as too few images choose; often nothing.

    `strength` is as for `judge`.
    """
    if examined.parted is None:
        yield from _classes_left_out(examined)
    untried = _untried(examined, candidates, strength)
    if untried:
        yield (
            f"no images were changed for {counted(untried, 'more candidate')} that "
            f"{agreeing(untried, 'goes', 'go')} with {agreeing(untried, 'its', 'their')} class: at most "
            f"{PROVEN_OF_CLASS} of a class and {PROVEN} in all are tried so"
        )


def _classes_left_out(examined: Examined) -> Iterator[str]:
    choosing: NDArray[np.int64] = np.bincount(
        examined.labels[examined.choosing], minlength=len(examined.images.classes)
    )
    classes, enough = int((choosing > 0).sum()), int((choosing >= FEWEST).sum())
    if enough > MOST_CLASSES:
        yield f"{_LOOKED_FOR} no class: there are more than {MOST_CLASSES}"
    elif not askable(enough):
        yield f"{_LOOKED_FOR} no class: fewer than {FEWEST} images of {'all but one' if enough else 'each'} choose"
    elif enough < classes:
        yield f"{_LOOKED_FOR} {enough} of {classes} classes: fewer than {FEWEST} images of each other one choose"


def _untried(
    examined: Examined, candidates: Sequence[Candidate], strength: NDArray[np.float32] | None
) -> int:
    """Return how many candidates are worth proving, but are beyond the most that are (`judge`)."""
    if not _beyond(Counter(one.class_number for one in candidates)):
        return 0
    found = [associate(examined, one, strength) for one in candidates]
    return _beyond(Counter(found[place].candidate.class_number for place in worth_proving(found)))


def _beyond(of_class: Counter[int]) -> int:
    return of_class.total() - min(PROVEN, sum(min(PROVEN_OF_CLASS, count) for count in of_class.values()))
