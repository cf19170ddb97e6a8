"""What the commands print: lines and tables on stdout."""

import pytest

from nearsight.cli.show import print_evaluation, print_lines


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
