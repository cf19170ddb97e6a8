"""Lines on stdout say what they are given."""

import pytest

from nearsight.cli.printing import print_lines


def test_brackets_in_names_are_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines(["run: runs/[bold]a"])
    assert capsys.readouterr().out == "run: runs/[bold]a\n"
