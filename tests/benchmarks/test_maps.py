import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")
def test_maps_counts_every_tile_of_every_image(tmp_path: Path) -> None:
    few = "--images 5 --width 0.1 --repeats 1 --results results.json"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks", "maps", *few.split()]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    result = json.loads((tmp_path / "results.json").read_text())
    assert result["tiles"] == 5 * 17**2
    assert 0 < result["seconds"]["lowest"] <= result["seconds"]["highest"]
    assert "5 maps of 289 tiles" in said.stdout
