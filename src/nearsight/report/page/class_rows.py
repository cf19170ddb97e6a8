"""The table of classes: what each class's evidence is, how often it is missed, and what it is mistaken for."""

from dataclasses import dataclass

from nearsight.diagnosis import Diagnosis
from nearsight.diagnosis.errors.image_errors import ConfusionPair
from nearsight.diagnosis.errors.part import ERRORS
from nearsight.diagnosis.reasons.part import REASONS
from nearsight.diagnosis.reasons.reason import Reason


@dataclass(frozen=True)
class ClassRow:
    """One class: its images, how many are wrong, the class for which it is most often mistaken, and its reasons.

    `wrong` is None if errors were left out.
    """

    number: int
    name: str
    images: int
    wrong: int | None
    taken_for: ConfusionPair | None
    reasons: tuple[Reason, ...]


def class_rows(diagnosis: Diagnosis) -> tuple[ClassRow, ...]:
    """Return a row for each class, in the order of the classes."""
    errors, atlas = ERRORS.of(diagnosis), REASONS.of(diagnosis)
    wrong = None if errors is None else errors.by_class
    pairs: dict[int, ConfusionPair] = {}
    for pair in () if errors is None else errors.pairs:
        pairs.setdefault(pair.label, pair)
    # By place, not by name: two classes may share a name.
    reasons = {} if atlas is None else {number: found.reasons for number, found in enumerate(atlas.classes)}
    return tuple(
        ClassRow(
            number=number,
            name=name,
            images=diagnosis.class_images[number],
            wrong=None if wrong is None else wrong[number],
            taken_for=pairs.get(number),
            reasons=reasons.get(number, ()),
        )
        for number, name in enumerate(diagnosis.classes)
    )
