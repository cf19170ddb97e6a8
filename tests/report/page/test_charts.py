"""Marks stand where their numbers are, and nothing leaves the drawing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.diagnosis.locality.sizes import Locality, SizeRow
from nearsight.report.page.charts import BOTTOM, LEFT, RIGHT, TOP, locality_chart, strip
from nearsight.statistics import Estimate

shares = st.floats(0, 1)


@given(st.floats(-5, 5), st.floats(-2, 0), st.floats(0.1, 2))
def test_a_strip_never_leaves_its_line(value: float, start: float, end: float) -> None:
    found = strip(Estimate(value, value - 1, value + 1, 5, 0.5), start, end)
    assert all(0 <= place <= 100 for place in (found.point, found.low, found.high, found.chance, found.zero))
    if start <= value <= end:
        assert start + found.point / 100 * (end - start) == pytest.approx(value, abs=1e-3)


def test_nothing_is_marked_where_nothing_is_known() -> None:
    found = strip(Estimate(None, None, None, 0, None))
    assert (found.point, found.low, found.high, found.chance) == (None, None, None, None)


def row(tile: int, *values: float | None) -> SizeRow:
    estimates = [
        Estimate(value, None, None, 1, None) if value is not None else Estimate(None, None, None, 0, None)
        for value in values
    ]
    return SizeRow(tile, 1, *estimates, Estimate(None, None, None, 0, None))


@given(st.lists(st.tuples(st.integers(1, 500), shares, shares, shares), min_size=1, max_size=6))
def test_points_are_at_their_values(rows: list[tuple[int, float, float, float]]) -> None:
    chart = locality_chart(Locality(tuple(row(*values) for values in sorted(rows))))
    for place, curve in enumerate(("accuracy", "agreement", "single"), start=1):
        [found] = [one for one in chart.lines if one.kind == curve]
        for point, values in zip(found.points, sorted(rows), strict=True):
            assert LEFT < point.x < RIGHT
            assert (BOTTOM - point.y) / (BOTTOM - TOP) == pytest.approx(values[place], abs=1e-3)
        assert [point.x for point in found.points] == [x for x, _ in chart.across]


def test_a_size_without_a_value_has_no_point() -> None:
    chart = locality_chart(Locality((row(8, 0.5, None, 0.2), row(16, 0.6, 0.7, 0.3))))
    assert {curve.kind: len(curve.points) for curve in chart.lines} == {
        "accuracy": 2,
        "agreement": 1,
        "single": 2,
    }


def test_the_own_decision_is_a_line_across_and_so_is_the_full_pass_if_it_is_another() -> None:
    own, whole = (Estimate(value, None, None, 1, None) for value in (0.5, 1.0))
    rows = (row(8, 0.5, 0.6, 0.2), row(16, 0.6, 0.7, 0.3))
    chart = locality_chart(Locality(rows, whole, own, "mean-logit, tile 16, stride 8"))
    assert [(level.kind, level.y) for level in chart.levels] == [("own", (TOP + BOTTOM) / 2), ("whole", TOP)]
    assert chart.levels[0].label == "accuracy of its own decision (mean-logit, tile 16, stride 8)"
    [level] = locality_chart(Locality(rows, own=own)).levels
    assert level.label == "accuracy of the full pass (full-pass)"
    assert locality_chart(Locality(rows, whole)).levels == ()
