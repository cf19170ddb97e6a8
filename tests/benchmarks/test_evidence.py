import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW = "--side 40 --tiles 16 --width 0.1 --sample 3 --repeats 2"


@pytest.mark.skipif(sys.platform != "linux", reason="the machine is read from /proc")
def test_evidence_times_every_way_to_the_same_map(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "benchmarks", "evidence", *FEW.split(), "--results", "results.json"]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr

    passed, padded = json.loads((tmp_path / "results.json").read_text())["maps"]
    assert (passed["tiles"], padded["tiles"]) == (25**2, 3**2)
    for one in (passed, padded):
        assert one["loop_tiles_timed"] == 3
        assert one["largest_difference"] <= 1e-4
        seconds, ratio = one["seconds"], one["faster_than_loop"]
        assert ratio["lowest"] <= ratio["median"] <= ratio["highest"]
        assert ratio["lowest"] >= seconds["loop"]["lowest"] / seconds["engine"]["highest"]
        assert ratio["highest"] <= seconds["loop"]["highest"] / seconds["engine"]["lowest"]
    assert "TileNet(16)" in said.stdout
