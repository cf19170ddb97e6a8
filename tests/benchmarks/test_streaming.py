"""The streaming benchmark on a few images: what it measures, and that it leaves nothing behind."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

FEW = "--images 100 --steps 2 --batch-size 8 --width 0.1 --sample 16 --repeats 1 --workers 1"


def test_streaming_measures_a_few_images_and_leaves_only_its_results(
    benchmark: Callable[..., Any], tmp_path: Path
) -> None:
    # Short, as its path is part of a socket's name.
    temporary = Path(tempfile.mkdtemp(prefix="ns"))
    result, said = benchmark(f"streaming {FEW}", HOME=str(tmp_path / "home"), TMPDIR=str(temporary))
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
    assert "100 images" in said
    left = [
        file.name
        for place in (tmp_path, temporary)
        for file in place.rglob("*")
        if file.suffix in (".parquet", ".part", ".arrow", ".jpg")
    ]
    assert not left
