"""How numbers and estimates are written: they read back, and a minus is a minus."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.statistics import Estimate
from nearsight.statistics.writing import number, per_cent, signed, three_digits, whole_per_cent, with_interval


@given(st.floats(-1000, 1000))
def test_a_number_reads_back_and_has_no_hyphen(value: float) -> None:
    for text in (number(value), signed(value)):
        assert "-" not in text
        assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.0051)
    assert not number(value).startswith("−0.00")
    assert float(per_cent(value).replace("−", "-").rstrip("\xa0%")) == pytest.approx(100 * value, abs=0.051)


@given(st.floats(-1, 1), st.floats(0, 1))
def test_an_estimate_reads_back(value: float, width: float) -> None:
    text = with_interval(Estimate(value, value - width, value + width), lambda share: number(share, 4))
    value_, rest = text.replace("−", "-").split(" (")
    low, high = rest.rstrip(")").split(" to ")
    found = [float(part) for part in (value_, low, high)]
    assert found == pytest.approx([value, value - width, value + width], abs=5.1e-5)


def test_what_is_missing_is_a_dash_and_never_none() -> None:
    nothing, one = Estimate(None, None, None, 0), Estimate(0.5, None, None, 1)
    assert [with_interval(nothing), with_interval(one), with_interval(one, three_digits)] == [
        "–",
        "50.0",
        "0.5",
    ]


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(0.584, 0.506, 0.641, 80, None), "58 % (51 to 64)"),
        (Estimate(-0.004, -0.126, 0.5, 80, None), "0 % (−13 to 50)"),
        (Estimate(1.0, None, None, 1, None), "100 %"),
        (Estimate(None, None, None, 0, None), "unknown"),
    ],
)
def test_figures_are_written_in_whole_per_cent(estimate: Estimate, text: str) -> None:
    assert whole_per_cent(estimate) == text
