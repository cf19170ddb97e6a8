"""Shared fixtures: real image sets where NEARSIGHT_DATA has them, a listener, empty figures, and few edits."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from nearsight.diagnosis.attributes import answers, groups
from nearsight.diagnosis.attributes.more_edits import OTHERS
from nearsight.diagnosis.attributes.photo.catalogue import PHOTO_EDITS


@pytest.fixture
def real_data() -> Callable[[str], Path]:
    """Return a look-up of a real set's directory that skips the test, by the set's name, where it is absent."""

    def find(name: str) -> Path:
        for directory in os.environ.get("NEARSIGHT_DATA", "").split(os.pathsep):
            if directory and (Path(directory) / name).is_dir():
                return Path(directory) / name
        pytest.skip(f"the real set '{name}' is not under NEARSIGHT_DATA")

    return find


class Listener:
    """Who watches long work and keeps all that it is told, warnings with their mark."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.counted: list[tuple[str, int, int]] = []

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said.append(text)

    def warn(self, text: str) -> None:
        """Keep a warning among the lines."""
        self.said.append(f"warning: {text}")

    def count(self, what: str, done: int, total: int, detail: str = "") -> None:
        """Keep a count."""
        assert isinstance(detail, str)
        self.counted.append((what, done, total))


@pytest.fixture
def listener() -> Listener:
    """Return one who watches long work and keeps all that it is told."""
    return Listener()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every figure empty, for tests of what stands beside it: drawing takes most of their time."""
    monkeypatch.setattr("matplotlib.figure.Figure.savefig", lambda _figure, _target, **_options: None)


# Tests say what is right, not how fast: a busy machine must not fail them. Drawn examples are the same in every run,
# so that a change fails for what it changed; `pytest --hypothesis-profile=explore` draws others.
hypothesis.settings.register_profile("nearsight", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile("nearsight")


@pytest.fixture(autouse=True)
def few_edits() -> Iterator[None]:
    """Ask about a part of them, so that diagnoses of tests are quick; the tests of each list of edits see all of it.

    The fixture `monkeypatch` would be set up before a test's `tmp_path` here, and so be undone after its directory is
    removed: what a test replaces in `os` would be met by pytest itself.
    """
    few = PHOTO_EDITS[::8]
    with pytest.MonkeyPatch.context() as patch:
        for asking in (answers, groups):
            patch.setattr(asking, "photo_edits", lambda _: few)
            patch.setattr(asking, "OTHERS", OTHERS[::3])
        patch.setattr(answers, "MORE", answers.MORE[::4])
        yield
