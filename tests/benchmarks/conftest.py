"""A benchmark run by its command line."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from benchmarks.watch import Memory

from benchmarks import __main__, ceilings


@pytest.fixture
def benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[str], tuple[dict[str, Any], str]]]:
    """Run a benchmark by its command line in an empty directory; gives its results and what it printed."""
    if sys.platform != "linux":
        pytest.skip("the machine is read from /proc")
    threads = torch.get_num_threads()
    monkeypatch.chdir(tmp_path)
    # How this process keeps its memory is no business of a benchmark here.
    monkeypatch.setattr(__main__, "keep_freed_memory", lambda: None)
    # The figures are thrown away, so small ceilings do.
    for name, value in {"TURNS": 1, "SIDE_CPU": 64, "IMAGES_CPU": 16, "COPIED_BYTES_CPU": 2**20}.items():
        monkeypatch.setattr(ceilings, name, value)

    def run(options: str) -> tuple[dict[str, Any], str]:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *options.split(), "--results", "results.json"])
        __main__.main()
        return json.loads((tmp_path / "results.json").read_text()), capsys.readouterr().out

    yield run
    torch.set_num_threads(threads)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let a benchmark call here what it watches in a process of its own; `test_watch.py` tests the watching."""

    def here(function: Callable[..., dict[str, Any]], *arguments: Any) -> tuple[dict[str, Any], Memory]:
        return function(*arguments), Memory(held=3 * 2**20, main=2 * 2**20, worker=2**20, mapped=2**20)

    return lambda module: monkeypatch.setattr(module, "watched", here)
