"""What decoding takes, measured on small images: every kind is read, and the table has it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.decode_memory import kinds

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_every_kind_is_measured(tmp_path: Path) -> None:
    # Of the benchmarks this one is run as its users run it: it forks, which a process with threads must not.
    options = ["decode-memory", "--width", "500", "--height", "400", "--results", "results.json"]
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", *options],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    result, said = json.loads((tmp_path / "results.json").read_text()), ended.stdout
    assert [row["kind"] for row in result["kinds"]] == list(kinds())
    # Fixed costs weigh more than pixels here, so only what is reckoned can be held against anything.
    assert all(row["measured"] >= 0 and row["reckoned"] >= 4 for row in result["kinds"])
    assert "| RGB in JPEG | " in said
