"""A stopwatch tells how long work takes, whatever else the machine does meanwhile."""

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nearsight.progress import Stopwatch, stopwatch
from nearsight.progress.stopwatch import at_usual_load

SECONDS = st.floats(0, 1e6)


@given(SECONDS, SECONDS, SECONDS)
def test_it_lies_between_the_work_alone_and_the_time_that_passed(
    passed: float, waited: float, processes: float
) -> None:
    found = at_usual_load(passed, waited, processes)
    assert max(0.0, passed - waited) <= found <= passed


@pytest.mark.parametrize("processes", [0.0, 1.0, 30.0])
def test_without_waiting_it_is_the_time_that_passed(processes: float) -> None:
    assert at_usual_load(2.5, 0.0, processes) == 2.5


def test_waiting_counts_as_much_as_it_usually_does(monkeypatch: pytest.MonkeyPatch) -> None:
    waited, passed = iter([3.0, 12.0]), iter([100.0, 110.0])
    monkeypatch.setattr(stopwatch, "_waited", lambda: next(waited))
    monkeypatch.setattr(stopwatch.time, "perf_counter", lambda: next(passed))
    monkeypatch.setattr(stopwatch, "_processes_per_core", lambda: 4.0)
    assert Stopwatch().seconds() == 4.0


def test_where_waiting_is_not_counted_it_is_the_time_that_passed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stopwatch, "_COUNTED", tmp_path / "none")
    watch = Stopwatch()
    time.sleep(0.01)
    assert watch.seconds() >= 0.01
