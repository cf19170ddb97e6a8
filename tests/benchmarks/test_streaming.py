"""The streaming benchmark on a few images: what it measures, and that it leaves nothing behind."""

import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import pytest

from benchmarks import generated, streaming

FEW = "--images 100 --steps 2 --batch-size 8 --width 0.1 --sample 16 --repeats 1 --workers 1"


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where temporary files go, and the cache of sets, which a process of its own would be told of."""
    # Short, as its path is part of a socket's name.
    place = Path(tempfile.mkdtemp(prefix="ns"))
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", place / "cache")
    for name in ("HF_HOME", "HF_DATASETS_CACHE", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "")  # and as it was afterwards
    return place


def test_streaming_measures_a_few_images_and_leaves_only_its_results(
    benchmark: Callable[..., Any],
    in_this_process: Callable[[Any], None],
    temporary: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_this_process(streaming)
    # Drawn here, and of fewer and smaller fields.
    monkeypatch.setattr(generated, "ProcessPoolExecutor", lambda *_, **_options: ThreadPoolExecutor(1))
    for name, value in {"_FIELDS": 2, "_FIELD_SIDE": 512, "TEST_IMAGES": 10}.items():
        monkeypatch.setattr(generated, name, value)
    # This process has threads and must not be forked.
    monkeypatch.setattr(streaming, "_decode_in_processes", lambda files, _workers: streaming._decode(files))
    result, said = benchmark(f"streaming {FEW}")
    tenth, whole = result["sets"]
    assert [one["loading"]["images"] for one in (tenth, whole)] == [10, 100]
    assert 30_000 < result["set"]["bytes_per_image"] < 60_000
    for one in (tenth, whole):
        assert one["training"]["images_seen"] == 16
        assert one["training"]["worker_cpu_seconds"] > 0
        assert one["training"]["memory"]["held"] == 3 * 2**20
    assert result["decoding"]["images"] == 16
    assert "100 images" in said
    assert "training: held, all processes" in said
    alone = streaming.table(result | {"sets": []})
    assert alone.startswith("\n16 images decoded, 1 times")
    assert said.rstrip().count(alone) == 1
    left = [
        file.name
        for place in (tmp_path, temporary)
        for file in place.rglob("*")
        if file.suffix in (".parquet", ".part", ".jpg")
    ]
    assert not left
