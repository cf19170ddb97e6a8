"""A benchmark run as its users run it."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def benchmark(tmp_path: Path) -> Callable[..., tuple[dict[str, Any], str]]:
    """Run a benchmark by its command line in an empty directory; gives its results and what it printed."""
    if sys.platform != "linux":
        pytest.skip("the machine is read from /proc")

    def run(options: str, **environment: str) -> tuple[dict[str, Any], str]:
        command = [sys.executable, "-m", "benchmarks", *options.split(), "--results", "results.json"]
        own = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "BENCHMARK_TURNS": "1"}
        said = subprocess.run(
            command,
            cwd=tmp_path,
            env=os.environ | own | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert said.returncode == 0, said.stderr
        return json.loads((tmp_path / "results.json").read_text()), said.stdout

    return run
