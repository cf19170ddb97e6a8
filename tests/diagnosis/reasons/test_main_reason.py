"""The verdict on a class's main reason, and that every sentence has its numbers."""

import pytest

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons.atlas import ClassReasons
from nearsight.diagnosis.reasons.main_reason import off_object
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.statistics import Estimate

HALF = Estimate(0.5, 0.4, 0.6, n=30, chance=0.5)


def reason(total: float, on_object: Estimate | None) -> Reason:
    all_evidence = Estimate(total, None, None)
    return Reason(
        HALF, all_evidence, HALF, Place(0.5, 0.5, 0.2, 0.2, "anywhere"), "flat blue", on_object, (), 9
    )


@pytest.mark.parametrize(
    ("on_object", "expected"),
    [
        (Estimate(0.1, 0.05, 0.15, n=30, chance=0.3), True),
        (Estimate(0.25, 0.15, 0.35, n=30, chance=0.3), False),
        (Estimate(0.6, 0.5, 0.7, n=30, chance=0.3), False),
        (Estimate(0.1, None, None, n=1, chance=0.3), True),
        (Estimate(None, None, None, n=0, chance=None), None),
        (None, None),
    ],
)
def test_background_is_less_on_the_object_than_tiles_at_large(
    on_object: Estimate, expected: bool | None
) -> None:
    assert off_object(ClassReasons("ship", 30, (reason(1.0, on_object),), ())) is expected


def test_the_main_reason_has_most_of_all_evidence_not_of_the_strongest_tiles() -> None:
    mark = reason(0.1, Estimate(0.0, 0.0, 0.0, n=30, chance=0.3))
    rest = reason(0.9, Estimate(0.8, 0.7, 0.9, n=30, chance=0.3))
    assert off_object(ClassReasons("ship", 30, (mark, rest), ())) is False
    assert off_object(ClassReasons("ship", 0, (), ())) is None
