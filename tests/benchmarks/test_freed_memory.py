"""Steps with memory kept and handed back, each in a process of its own."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from benchmarks.freed_memory import WAYS, table

from benchmarks import __main__, freed_memory


def test_both_ways_are_measured_in_every_turn(
    benchmark: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    environments = []

    def here(command: list[str], *, env: dict[str, str], **_settings: object) -> None:
        """Run the command in this process, as no figure is looked at."""
        assert command[1:3] == ["-m", "benchmarks"]
        environments.append(env.get("MALLOC_MMAP_MAX_"))
        with monkeypatch.context() as patch:
            patch.setattr("sys.argv", command[2:])
            __main__.main()

    monkeypatch.setattr(freed_memory, "subprocess", SimpleNamespace(run=here, DEVNULL=None))
    result, _ = benchmark("freed-memory --model airbench --width 0.1 --steps 8:4 --turns 1")
    assert environments == [way.get("MALLOC_MMAP_MAX_") for way in WAYS.values()]
    [step] = result["steps"]
    assert (step["size"], step["batch"]) == (8, 4)
    assert {way: len(turns) for way, turns in step["passed"].items()} == dict.fromkeys(WAYS, 1)
    assert all(turn["seconds"] > 0 for turns in step["passed"].values() for turn in turns)


def test_the_table_gives_medians_and_the_ratio_of_each_turn() -> None:
    def turn(seconds: float, faults: float, share: float) -> dict[str, float]:
        return {"seconds": seconds, "page_faults": faults, "share_of_peak": share}

    passed = {
        "kept": [turn(1.0, 0, 0.5), turn(3.0, 2, 0.6), turn(1.5, 4, 0.7)],
        "handed back": [turn(2.0, 5000, 0.1), turn(3.0, 6000, 0.2), turn(2.0, 7000, 0.3)],
    }
    [row] = table([{"size": 32, "batch": 2000, "passed": passed}]).splitlines()[2:]
    assert row == "| 32×32 | 2,000 | 2,000 | 6,000 | 20% | 1,500 | 2 | 60% | 0.75 (0.50 to 1.00) |"
