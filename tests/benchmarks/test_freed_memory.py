"""Steps with memory kept and handed back, each in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.freed_memory import WAYS, table

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")
def test_both_ways_are_measured_in_every_turn(tmp_path: Path) -> None:
    few = "--model airbench --steps 8:4 --turns 1 --results results.json"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks", "freed-memory", *few.split()]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    [step] = json.loads((tmp_path / "results.json").read_text())["steps"]
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
