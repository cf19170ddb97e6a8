"""The sentences of a reason."""

from dataclasses import replace

import pytest

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.diagnosis.with_and_without import WithAndWithout
from nearsight.rows import from_values, to_values
from nearsight.statistics import Estimate

PLACE = Place(0.2, 0.5, 0.1, 0.3, "top")
UNKNOWN = Estimate(None, None, None, 0)


def test_the_sentence_says_where_the_evidence_lies_if_that_is_known() -> None:
    share, on_object = Estimate(0.58, 0.51, 0.64, 90, 0.5), Estimate(0.06, 0.04, 0.09, 80, 0.13)
    reason = Reason(share, Estimate(0.2, 0.1, 0.3), share, PLACE, "flat light blue", on_object, (), 40)
    assert reason.sentence("aeroplane") == (
        "aeroplane: 58 % (51 to 64) of the evidence of its strongest tiles (20 % (10 to 30) of all) is one reason: "
        "flat light blue, top, 6 % (4 to 9) of it on the object (13 % of all tiles)"
    )


SOME, ERRORS = Estimate(0.58, 0.5, 0.66), Estimate(0.9, 0.8, 0.95, n=42, chance=0.42)
REASON = Reason(SOME, SOME, SOME, PLACE, "flat light blue", None, (), 40, carried=SOME)
DIFFERENT = WithAndWithout(SOME, ERRORS, Estimate(-0.32, -0.4, -0.1, chance=0.24), ERRORS)


def test_a_place_is_not_said_twice() -> None:
    assert REASON.seen == "flat light blue, top"
    assert replace(REASON, appearance="always red at the top").seen == "always red at the top"


def test_it_says_how_often_images_with_it_are_right_and_where_the_errors_are() -> None:
    said = replace(REASON, accuracy=DIFFERENT).by_accuracy("deer", 2)
    assert said == (
        "deer: 58 % (50 to 66) of the images carry reason 2 (flat light blue, top); of these 58 % (50 to 66) are "
        "right, of the others 90 % (80 to 95); the difference is −32 points (−40 to −10), 24 by strength of "
        "evidence alone; 90 % (80 to 95) of the errors are in the others"
    )


@pytest.mark.parametrize(
    ("accuracy", "ends"),
    [
        (None, ""),
        # All images have it.
        (replace(DIFFERENT, difference=UNKNOWN), ""),
        # Nothing is wrong.
        (replace(DIFFERENT, errors_without=UNKNOWN), "24 by strength of evidence alone"),
    ],
)
def test_what_is_unknown_is_left_out(accuracy: WithAndWithout | None, ends: str) -> None:
    known = replace(REASON, accuracy=accuracy)
    assert known.by_accuracy("deer", 1).endswith(ends)
    assert bool(known.by_accuracy("deer", 1)) is bool(ends)
    told = accuracy is not None and accuracy.errors_without.value is not None
    assert known.explains == (pytest.approx(0.48) if told else 0)


def test_a_reason_of_an_older_version_has_no_share_of_images_and_says_nothing_of_it() -> None:
    values = to_values(replace(REASON, accuracy=DIFFERENT), {}, "reason")
    del values["carried"]
    old = from_values(Reason, values, "rows.json")
    assert (old.carried, old.by_accuracy("deer", 1), old.explains) == (None, "", pytest.approx(0.48))
