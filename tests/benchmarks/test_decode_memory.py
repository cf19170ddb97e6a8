"""What decoding takes, measured on small images: every kind is read, and the table has it."""

import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from benchmarks.decode_memory import kinds

from benchmarks import decode_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")


def test_every_kind_is_measured(benchmark: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_memory, "in_a_process", lambda work: work())
    result, said = benchmark("decode-memory --width 500 --height 400")
    assert [row["kind"] for row in result["kinds"]] == list(kinds())
    # Fixed costs weigh more than pixels here, so only what is reckoned can be held against anything.
    assert all(row["measured"] >= 0 and row["reckoned"] >= 4 for row in result["kinds"])
    assert "| RGB in JPEG | " in said


# What is forked here ends without a look at the threads of this process.
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_what_is_measured_runsin_a_process_of_its_own() -> None:
    assert decode_memory.in_a_process(lambda: {"process": os.getpid()})["process"] != os.getpid()
