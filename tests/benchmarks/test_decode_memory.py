"""What decoding takes, measured on small images: every kind is read, and the table has it."""

from collections.abc import Callable
from typing import Any

from benchmarks.decode_memory import kinds


def test_every_kind_is_measured(benchmark: Callable[..., Any]) -> None:
    result, said = benchmark("decode-memory --width 500 --height 400")
    assert [row["kind"] for row in result["kinds"]] == list(kinds())
    # Fixed costs weigh more than pixels here, so only what is reckoned can be held against anything.
    assert all(row["measured"] >= 0 and row["reckoned"] >= 4 for row in result["kinds"])
    assert "| RGB in JPEG | " in said
