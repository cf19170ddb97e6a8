import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEW = "--images 100 --steps 2 --batch-size 8 --width 0.1 --sample 16 --repeats 2 --workers 1"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_streaming_measures_a_few_images_and_leaves_only_its_results(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = os.environ | {
        "HOME": str(tmp_path / "home"),
        "TMPDIR": str(temporary),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", "benchmarks", "streaming", *FEW.split(), "--results", "results.json"]
    said = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr

    result = json.loads((tmp_path / "results.json").read_text())
    tenth, whole = result["sets"]
    assert [one["loading"]["images"] for one in (tenth, whole)] == [10, 100]
    assert 30_000 < result["set"]["bytes_per_image"] < 60_000
    for one in (tenth, whole):
        memory = one["training"]["memory"]
        assert one["training"]["images_seen"] == 16
        assert one["training"]["worker_cpu_seconds"] > 0
        # torch alone takes more than this; pages that a worker shares with its parent count once.
        assert 100 * 2**20 < memory["main"] <= memory["held"]
        assert memory["held"] < memory["main"] + memory["worker"] + 64 * 2**20
    assert result["decoding"]["images"] == 16
    assert "100 images" in said.stdout
    left = [
        file.name for file in tmp_path.rglob("*") if file.suffix in (".parquet", ".part", ".arrow", ".jpg")
    ]
    assert not left
