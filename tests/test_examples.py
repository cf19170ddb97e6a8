"""The Python of the pages runs as a reader runs it: on nothing, or on a folder of photographs and a run of it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import nearsight

DOCS = Path(__file__).parents[1] / "docs"
# Each page with how many of its blocks run on the workspace; the others need sets of their own, or minutes.
ON_A_RUN = {
    "compare": 1,
    "diagnosis": 1,
    "heatmaps": 1,
    "pooling": 1,
    "predicting": 1,
    "reliability": 1,
    "verdicts": 1,
}
# What runs nowhere here, and why.
LEFT = {
    "dimension": "trains six networks on CIFAR-10",
    "heatmaps": "draws maps of STL-10",
    "repair": "takes a set in which a shortcut is found, and minutes",
    "scale": "logs to Weights & Biases, an extra",
}
CLASSES, EACH, SIDE, TILE = ("car", "cat", "dog"), 24, 24, 8


def blocks(page: str) -> list[str]:
    """Return the blocks of Python of a page."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a directory as a reader has it: photographs, a run, a comparison."""
    root, random = tmp_path_factory.mktemp("reader"), np.random.default_rng(0)
    files = []
    for number, name in enumerate(CLASSES):
        (root / "photos" / name).mkdir(parents=True)
        for k in range(EACH):
            # Some look like those of another class, so that there are errors.
            shown = number if k % 6 else (number + 1) % 3
            pixels = random.integers(0, 128, (SIDE, SIDE, 3)) + 60 * np.eye(3)[shown]
            files.append(root / "photos" / name / f"{k:02}.png")
            Image.fromarray(pixels.astype(np.uint8)).save(files[-1])
    for name in ("photo.jpg", "other.png"):
        Image.open(files[0]).save(root / name)
    rows = [{"bytes": path.read_bytes(), "path": path.name} for path in files[:3]]
    pq.write_table(pa.table({"image": rows, "label": [0, 0, 0]}), root / "more.parquet")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        few = {"recipe": "fast", "model": "airbench", "width": 0.125, "progress": False}
        nearsight.train("photos", tile=TILE, steps=30, out="RUN", **few)
        nearsight.compare(
            "photos", tiles=[TILE, None], seeds=1, epochs=2, out="comparisons/photos-fast-pixels", **few
        )
    shutil.copytree(root / "RUN", root / "runs" / "first")
    return root


@pytest.fixture(name="inside")
def within(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in that directory."""
    monkeypatch.chdir(workspace)
    return workspace


@pytest.mark.parametrize("page", ON_A_RUN)
def test_what_a_page_shows_runs_on_a_run(page: str, inside: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {"__name__": page}
    for number, block in enumerate(blocks(page)[: ON_A_RUN[page]], 1):
        exec(compile(block, f"{page}.md, block {number}", "exec"), names)
    assert "Traceback" not in capsys.readouterr().err
    assert inside.is_dir()


def test_the_pages_that_need_nothing_run_from_beginning_to_end() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "run_examples.py")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"(\w+)\.md: \d+ blocks ran", done.stderr) == ["tutorial", "data", "models"]


def test_every_page_with_python_is_run_or_says_why_not() -> None:
    pages = {page.stem for page in DOCS.glob("*.md") if blocks(page.stem)}
    assert pages == {"tutorial", "data", "models", *ON_A_RUN, *LEFT}
    for page, count in ON_A_RUN.items():
        assert (count < len(blocks(page))) is (page in LEFT), page
