"""Warnings of a command: one line each, once."""

import warnings

import pytest

from nearsight.cli.warned import warn_in_one_line


def test_a_warning_of_a_library_is_one_line_and_comes_once(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warn_in_one_line()
        for _ in range(3):
            warnings.warn("Guards may run slower.\nUpgrade \x1b[31m.", RuntimeWarning, stacklevel=1)
        warnings.warn("other", UserWarning, stacklevel=1)
    assert capsys.readouterr().err == "warning: Guards may run slower\nwarning: other\n"
