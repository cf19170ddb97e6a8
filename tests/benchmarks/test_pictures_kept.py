"""The peak of the finders' memory, measured on small pictures: it is there, and what half of a class has is found."""

import sys
from collections.abc import Callable
from typing import Any

import pytest

from benchmarks import pictures_kept

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def test_the_peak_is_measured(benchmark: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures_kept, "in_a_process", lambda work: work())
    result, said = benchmark("pictures-kept --images 36 --width 80 --height 80")
    assert result["image"] == 3 * 80 * 80
    assert all(step["rise"] >= 0 for step in result["steps"].values())
    assert list(result["steps"]) == ["tones", "places", "frequencies", "waves"]
    assert "MiB" in said
