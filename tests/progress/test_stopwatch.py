"""A stopwatch tells how long work takes, whatever else the machine does meanwhile."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.progress import Stopwatch, stopwatch
from nearsight.progress.stopwatch import at_usual

SECONDS = st.floats(0, 1e6)


@given(SECONDS, SECONDS, SECONDS)
def test_it_lies_between_the_work_alone_and_the_time_that_passed(
    passed: float, waited: float, usual: float
) -> None:
    found = at_usual(passed, waited, usual)
    assert max(0.0, passed - waited) <= found <= passed


@pytest.mark.parametrize("usual", [0.0, 1.0, 30.0])
def test_without_waiting_it_is_the_time_that_passed(usual: float) -> None:
    assert at_usual(2.5, 0.0, usual) == 2.5


def test_waiting_counts_as_much_as_it_usually_does(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, passed = iter([(4.0, 7.0), (5.0, 16.0)]), iter([100.0, 110.0])
    monkeypatch.setattr(stopwatch, "_worked_and_waited", lambda: next(counted))
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(passed))
    assert Stopwatch().seconds() == pytest.approx(1 + 16 / 5)


def test_a_thread_that_has_hardly_worked_tells_the_time_that_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    counted, passed = iter([(0.0, 0.0), (0.5, 9.5)]), iter([100.0, 110.0])
    monkeypatch.setattr(stopwatch, "_worked_and_waited", lambda: next(counted))
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(passed))
    assert Stopwatch().seconds() == 10.0


def test_where_waiting_is_not_counted_it_is_the_time_that_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stopwatch, "_COUNTED", tmp_path / "none")
    watch = Stopwatch()
    time.sleep(0.01)
    assert watch.seconds() >= 0.01
