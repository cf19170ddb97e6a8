"""Figures in words: what is missing is said, never written as None or NaN."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.intervals import Estimate
from nearsight.report.page.wording import MISSING, figure, number, per_cent, signed


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
    found = figure(estimate)
    assert (found.value.replace("\xa0", " "), found.interval, found.why) == (value, interval, why)


def test_units() -> None:
    estimate = Estimate(-0.105, -0.2, 0.0, 9, 0.0)
    assert (figure(estimate, "points").value, figure(estimate, "points").chance) == ("−10.5", "0.0")
    assert (figure(estimate, "number").value, figure(estimate, "number").interval) == (
        "−0.10",
        "−0.20 to 0.00",
    )
    assert figure(Estimate(0.5, 0.4, 0.6, 9, None)).chance == ""


@given(st.floats(-1000, 1000))
def test_a_number_reads_back_and_has_no_hyphen(value: float) -> None:
    for text in (number(value), signed(value)):
        assert "-" not in text
        assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.0051)
    assert not number(value).startswith("−0.00")
    assert float(per_cent(value).replace("−", "-").rstrip("\xa0%")) == pytest.approx(100 * value, abs=0.051)
