"""Who watches: a display, nobody, or what is given."""

from typing import Any

import pytest

from nearsight.progress import SILENT, watched, worded
from nearsight.progress.display import Display


def test_what_is_given_is_told_itself(listener: Any) -> None:
    with watched(listener) as progress:
        assert progress is listener


def test_the_switch_shows_or_silences(capsys: pytest.CaptureFixture[str]) -> None:
    with watched(True) as progress:
        assert isinstance(progress, Display)
    with watched(False) as progress:
        assert progress is SILENT
        progress.say("a line")
        progress.warn("a warning")
        progress.count("working", 1, 2)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("variable", ["LOCAL_RANK", "NODE_RANK"])
def test_only_the_first_process_shows(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with watched(True) as progress:
        assert progress is SILENT


def test_lines_and_warnings_are_put_in_other_words_while_these_hold(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with worded(lambda text: text.replace("`batch_size`", "--batch-size")), watched(True) as progress:
        progress.say("take `batch_size`")
        progress.warn("mind `batch_size`")
        progress.count("`batch_size`", 1, 1)
    with watched(True) as progress:
        progress.say("again `batch_size`")
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "take --batch-size",
        "warning: mind --batch-size",
        "`batch_size`: 1/1",
        "again `batch_size`",
    ]
