"""What the commands show: lines off a terminal, a bar on one."""

import pytest

from nearsight.cli import show
from nearsight.cli.show import ProgressDisplay, print_evaluation, print_lines
from nearsight.training import Tick


def test_off_a_terminal_nothing_but_whole_lines_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressDisplay() as display:
        display.say("precision [float32]")
    assert capsys.readouterr() == ("", "precision [float32]\n")


def test_off_a_terminal_progress_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(1000, 2000, 4))
    monkeypatch.setattr(show.time, "monotonic", lambda: next(clock))
    with ProgressDisplay() as display:
        for done in range(1, 9):
            display.count(done, 8)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines()[-1] == "evaluating: image 8/8"
    assert 2 <= len(told.err.splitlines()) < 8


def test_on_a_terminal_the_bar_gives_the_state(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "140")
    tick = Tick(step=3, steps=12, epoch=0.5, loss=1.5, accuracy=0.25, images_per_second=1e3, seconds_left=75)
    with ProgressDisplay() as display:
        display.tick(tick)
    told = capsys.readouterr()
    assert told.out == ""
    assert "25 %" in told.err
    assert "loss 1.500" in told.err
    assert "1:15 left" in told.err


def test_brackets_in_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["run: runs/[bold]a"])
    assert capsys.readouterr().out == "run: runs/[bold]a\n"


def test_figures_that_do_not_exist_are_left_blank(capsys: pytest.CaptureFixture[str]) -> None:
    figures = {"single-tile": {"accuracy": 0.5, "interval": (0.25, 0.75), "top5": None, "ece": None}}
    print_evaluation(figures, {"data": "toy", "split": "test", "images": 1000})
    told = capsys.readouterr().out
    assert "toy test, 1,000 images" in told
    assert "50.0 (25.0 to 75.0)" in told
    assert "None" not in told
