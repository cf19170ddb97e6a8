"""The display: whole lines where nothing can be redrawn, a bar where it can."""

import os
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest

from nearsight.progress import display
from nearsight.progress.display import Display


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a clock that a test sets."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(display, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_off_a_terminal_nothing_but_whole_lines_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with Display() as shown:
        shown.say("precision [float32]")
        shown.warn("the tile [16] is small")
    assert capsys.readouterr() == ("", "precision [float32]\nwarning: the tile [16] is small\n")


def test_what_nobody_reads_is_dropped_and_the_work_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, output = os.pipe()
    os.close(gone)
    stream = os.fdopen(output, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", stream)
    with Display() as shown:
        shown.say("one")
        shown.count("training", 1, 1)
        shown.warn("two")
    with suppress(BrokenPipeError):  # by what was not written
        stream.close()


def test_off_a_terminal_counts_are_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        for done in range(1, 9):
            shown.count("evaluating images", done, 8)
            clock.now += 4
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "evaluating images: 2/8  0:24 left",
        "evaluating images: 5/8  0:12 left",
        "evaluating images: 8/8",
    ]


def test_a_log_gets_the_time_left_once_it_is_known(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        for step in range(0, 1000, 10):
            shown.count("training", step, 1000)
            clock.now += 0.5
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "training: 40/1,000  0:48 left"
    assert len(told) == 5


def test_hours_of_work_are_a_line_each_minute_and_not_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        for second in range(3 * 3600):
            shown.count("training", second, 3 * 3600)
            clock.now += 1
    told = [line for line in capsys.readouterr().err.splitlines() if not line.startswith("warning")]
    assert 160 < len(told) < 240


def test_the_same_work_done_again_has_a_time_of_its_own(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        for seconds in (1, 10):
            for done in range(1, 5):
                shown.count("evaluating images", done, 4)
                clock.now += seconds
    assert capsys.readouterr().err.splitlines() == [
        "evaluating images: 3/4  0:01 left",
        "evaluating images: 4/4",
        "evaluating images: 2/4  0:20 left",
        "evaluating images: 3/4  0:10 left",
        "evaluating images: 4/4",
    ]


def test_more_than_an_hour_to_go_is_warned_of_once(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        for step in range(1, 9):
            shown.count("training", step, 1000)
            clock.now += 12
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert told == [
        "warning: training has 3:19:36 to go; to shorten it, give fewer `epochs` or `steps`, or a smaller `width` "
        "or `tile`"
    ]


def test_the_time_left_is_of_the_work_at_hand(
    capsys: pytest.CaptureFixture[str], clock: SimpleNamespace
) -> None:
    with Display() as shown:
        shown.count("training", 500, 1000, "loss 1.500")
        clock.now += 100
        shown.count("training", 600, 1000, "loss 1.250")
        clock.now += 100
        shown.count("evaluating images", 1, 10)
    assert capsys.readouterr().err.splitlines() == [
        "training: 600/1,000  loss 1.250  6:40 left",
    ]


def test_on_a_terminal_the_bar_gives_the_state(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    with Display() as shown:
        shown.count("training", 3, 12, "loss 1.500")
    told = capsys.readouterr()
    assert told.out == ""
    assert "25 %" in told.err
    assert "loss 1.500" in told.err


def test_a_notebook_that_cannot_redraw_gets_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr(display, "find_spec", lambda _name: None)
    with Display() as shown:
        shown.say("a line")
        shown.count("training", 2, 2)
    assert capsys.readouterr().err == "a line\ntraining: 2/2\n"
