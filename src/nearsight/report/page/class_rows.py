"""The table of classes: what each class's evidence is, how often it is missed, and for what it is taken."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nearsight.diagnosis.errors import ConfusionPair
from nearsight.diagnosis.reasons import Reason
from nearsight.diagnosis.reliance import RelianceRow

if TYPE_CHECKING:
    from nearsight.diagnosis.result import Diagnosis


@dataclass(frozen=True)
class ClassRow:
    """One class: its images, how many are wrong, the class it is most often taken for, and its reasons."""

    number: int
    name: str
    images: int
    wrong: int
    taken_for: ConfusionPair | None
    reasons: tuple[Reason, ...]
    reliance: RelianceRow | None


def class_rows(diagnosis: "Diagnosis") -> tuple[ClassRow, ...]:
    """Return a row for each class, in the order of the classes."""
    wrong = Counter(error.label for error in diagnosis.errors.errors)
    pairs: dict[int, ConfusionPair] = {}
    for pair in diagnosis.errors.pairs:
        pairs.setdefault(pair.label, pair)
    # By place, not by name: two classes may share a name.
    reasons = {number: found.reasons for number, found in enumerate(diagnosis.atlas.classes)}
    known = {} if diagnosis.reliance is None else dict(enumerate(diagnosis.reliance.classes))
    return tuple(
        ClassRow(
            number=number,
            name=name,
            images=diagnosis.class_images[number],
            wrong=wrong[number],
            taken_for=pairs.get(number),
            reasons=reasons.get(number, ()),
            reliance=known.get(number),
        )
        for number, name in enumerate(diagnosis.classes)
    )
