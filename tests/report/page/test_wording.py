"""Estimates in words: what is missing is said, never written as None or NaN."""

import pytest

from nearsight.report.page.wording import in_words
from nearsight.statistics import Estimate
from nearsight.statistics.writing import MISSING


@pytest.mark.parametrize(
    ("estimate", "value", "interval", "why"),
    [
        (Estimate(None, None, None, 0, 0.1), MISSING, "", "no images"),
        (Estimate(None, None, None, 3, 0.1), MISSING, "", "undefined here"),
        (Estimate(0.5, None, None, 1, 0.1), "50.0 %", "", "one image, no interval"),
        (Estimate(0.5, 0.25, 0.75, 9, 0.1), "50.0 %", "25.0 to 75.0", ""),
    ],
)
def test_what_is_missing_has_its_reason(estimate: Estimate, value: str, interval: str, why: str) -> None:
    found = in_words(estimate)
    assert (found.value.replace("\xa0", " "), found.interval, found.why) == (value, interval, why)


def test_units() -> None:
    estimate = Estimate(-0.105, -0.2, 0.0, 9, 0.0)
    assert (in_words(estimate, "points").value, in_words(estimate, "points").chance) == ("−10.5", "0.0")
    assert (in_words(estimate, "number").value, in_words(estimate, "number").interval) == (
        "−0.10",
        "−0.20 to 0.00",
    )
    assert in_words(Estimate(0.5, 0.4, 0.6, 9, None)).chance == ""
