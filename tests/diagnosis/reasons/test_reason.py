"""The sentence of a reason."""

from nearsight.diagnosis.place import Place
from nearsight.diagnosis.reasons.reason import Reason
from nearsight.statistics import Estimate

PLACE = Place(0.2, 0.5, 0.1, 0.3, "top")


def test_the_sentence_says_where_the_evidence_lies_if_that_is_known() -> None:
    share, on_object = Estimate(0.58, 0.51, 0.64, 90, 0.5), Estimate(0.06, 0.04, 0.09, 80, 0.13)
    reason = Reason(share, Estimate(0.2, 0.1, 0.3), share, PLACE, "flat light blue", on_object, (), 40)
    assert reason.sentence("aeroplane") == (
        "aeroplane: 58 % (51 to 64) of the evidence of its strongest tiles (20 % (10 to 30) of all) is one reason: "
        "flat light blue, top, 6 % (4 to 9) of it on the object (13 % of all tiles)"
    )
