"""The time left of work of several steps: all of it, corrected by the steps that are done."""

from types import SimpleNamespace
from typing import Any

import pytest

from nearsight.progress import SILENT, as_a_whole, whole

STEPS = {"finding": 60.0, "nothing": 0.0, "training": 120.0, "comparing": 60.0}


class Heard:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    warn = say

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        self.counted.append(f"{what} {done}/{total} {detail}".strip())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(whole, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_each_step_says_how_long_the_whole_has_to_go_by_how_long_those_before_it_took(clock: Any) -> None:
    heard = Heard()
    told = as_a_whole(heard, "repair", STEPS)
    told.begins("finding")
    # Twice as long as foreseen, so the rest will be too.
    clock.now += 120
    told.begins("nothing")
    told.begins("training")
    clock.now += 60
    told.begins("comparing")
    assert heard.said == [
        "step 1 of 3, finding: the repair has about 4:00 to go",
        "step 2 of 3, training: the repair has about 6:00 to go",
        "step 3 of 3, comparing: the repair has about 1:00 to go",
    ]


def test_counts_say_how_long_the_whole_has_left_and_never_less_than_what_is_counted(clock: Any) -> None:
    heard = Heard()
    told = as_a_whole(heard, "repair", STEPS)
    told.begins("finding")
    told.count("images", 0, 10)
    clock.now += 30
    told.count("images", 5, 10, "half")
    clock.now += 170
    told.count("images", 6, 10)
    told.count("images", 10, 10)
    assert heard.counted == [
        "images 0/10 (repair: about 4:00 left)",
        "images 5/10 half  (repair: about 3:30 left)",
        # 200 seconds for six, so 133 for the other four, and 180 afterwards.
        "images 6/10 (repair: about 5:13 left)",
        "images 10/10",
    ]


def test_what_is_counted_again_is_timed_anew(clock: Any) -> None:
    heard = Heard()
    told = as_a_whole(heard, "repair", STEPS)
    told.begins("comparing")
    told.count("images", 1, 3)
    clock.now += 100
    told.count("images", 3, 3)
    told.count("images", 1, 3)
    clock.now += 10
    told.count("images", 2, 3)
    assert heard.counted[-1] == "images 2/3 (repair: about 0:10 left)"


def test_a_step_that_takes_longer_than_all_was_to_take_leaves_the_time_of_those_that_follow(
    clock: Any,
) -> None:
    heard = Heard()
    told = as_a_whole(heard, "diagnosis", {"finding": 60.0, "editing images": 240.0}, told_of_steps=False)
    told.begins("finding")
    clock.now += 600
    told.count("classes", 0, 2)
    # It has the name of what is counted, and so begins with the first count.
    told.count("editing images", 0, 2)
    clock.now += 100
    told.count("editing images", 1, 4)
    # Of it no time was foreseen, so it does not count among what was to take a minute.
    told.begins("writing")
    clock.now += 1000
    told.count("files", 1, 2)
    assert heard.said == []
    assert heard.counted == [
        "classes 0/2 (diagnosis: about 4:00 left)",
        "editing images 0/2 (diagnosis: about 16:00 left)",
        "editing images 1/4 (diagnosis: about 14:20 left)",
        # Nothing is known of it.
        "files 1/2",
    ]


@pytest.mark.usefixtures("clock")
def test_work_within_work_short_work_and_silence_add_nothing() -> None:
    heard = Heard()
    outer = as_a_whole(heard, "repair", STEPS)
    inner = as_a_whole(outer, "diagnosis", {"diagnosis": 50.0})
    inner.begins("diagnosis")
    inner.count("images", 1, 2)
    assert heard.counted == ["images 1/2 (repair: about 4:00 left)"]
    for told in (as_a_whole(heard, "diagnosis", {"diagnosis": 9.0}), as_a_whole(SILENT, "repair", STEPS)):
        told.begins("diagnosis")
        told.count("images", 1, 2)
        told.say("line")
    assert heard.counted[1:] == ["images 1/2"]
    assert heard.said == ["line"]
