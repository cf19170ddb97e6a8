"""Commands in odd environments, as processes of their own: one line or help, whatever is around them."""

import sys
from pathlib import Path

import pytest
from studies.environments import PLAIN, SURROUNDINGS, Said, Surroundings, say

ODD = (
    "stdout is full", "stderr is full", "nobody reads stderr", "all streams are closed", "ASCII, strict",
    "LANG=C as it is", "COLUMNS=1, terminal", "no TERM, terminal",
)  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
@pytest.mark.parametrize("around", [one for one in SURROUNDINGS if one.name in ODD], ids=lambda one: one.name)
def test_help_and_a_refusal_keep_the_promise(around: Surroundings, tmp_path: Path) -> None:
    for command, given in (("help", "--help"), ("nonsense", "nonsense")):
        said = say((given,), around, tmp_path)
        assert not said.broken(command, around), (said, command)


@pytest.mark.parametrize(
    ("said", "around", "why"),
    [
        (Said(0, "fine", ""), PLAIN, ""),
        (Said(1, "", ""), PLAIN, "ended with 1"),
        (Said(0, "", "a.py:3: UserWarning: Glyph 29483 missing"), PLAIN, "said what is no line of ours"),
        (Said(0, "owl\x1b[31m", ""), PLAIN, "a name steered the terminal"),
        (Said(0, "", ""), Surroundings("full", full=(1,)), "ended with 0"),
        (Said(2, "", "one\nnearsight: two"), Surroundings("full", full=(1,)), ""),
        (Said(2, "", ""), Surroundings("full", full=(1,)), "refused in 0 lines"),
    ],
)
def test_what_breaks_the_promise(said: Said, around: Surroundings, why: str) -> None:
    assert said.broken("data", around) == why
