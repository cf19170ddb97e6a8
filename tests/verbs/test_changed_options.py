"""What is asked for otherwise when work is continued is refused, or done as if nothing had been done before."""

import shutil
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from tests.processes import files_of

import nearsight
from nearsight.errors import InputError
from nearsight.evaluation import evaluating, kept_blocks, predicting, prediction_making, scoring
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.report import heatmap_making
from nearsight.settings import Machine

CLASSES = ("cat", "dog", "owl")
RECIPE: dict[str, Any] = {
    "recipe": "fast", "steps": 3, "width": 0.1, "precision": "float32", "batch_size": 6, "validation": 0,
}  # fmt: skip
Go = Callable[..., object]


class Interrupting:
    """Who watches, and interrupts the work when so much is done."""

    def __init__(self, after: int) -> None:
        self.left = after

    def say(self, text: str) -> None:
        """Drop a line."""

    warn = say

    def count(self, what: str, *_: Any) -> None:
        """Interrupt, or drop a count; the first reading of a set is not the work."""
        self.left -= not what.startswith(("decoding", "measuring"))
        if self.left == 0:
            raise KeyboardInterrupt


def toy(seed: int) -> Classifier:
    torch.manual_seed(seed)
    architecture, half = Architecture("airbench", classes=3, width=0.1), (0.5, 0.5, 0.5)
    preprocessing = Preprocessing(half, half, value_range=(0, 4095))
    network = architecture.build()
    # As sure as one that was trained.
    with torch.no_grad():
        [*(each for each in network.parameters() if each.ndim == 2)][-1].mul_(50)
    return Classifier(network, architecture, CLASSES, 8, preprocessing).eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of deep images of noise, brighter in one corner, 2 of each class to train and to test."""
    folder, draw = tmp_path_factory.mktemp("images"), np.random.default_rng(0)
    for place in (folder / split / name for split in ("train", "test") for name in CLASSES):
        place.mkdir(parents=True)
        for number in range(2):
            pixels = draw.integers(4096, size=(14, 14)).astype(np.uint16)
            pixels[:7, :9] = 3000 + 100 * len(place.name)
            Image.fromarray(pixels).save(place / f"{number}.png")
    return folder


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make blocks of two images, kept at once, and heatmaps without figures."""
    for module in (evaluating, predicting, prediction_making, scoring, heatmap_making):
        monkeypatch.setattr(module, "BLOCK", 2)
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", 0.0)
    monkeypatch.setattr(prediction_making, "PART_ROWS", 2)
    module = import_module("nearsight.report.heatmap")
    monkeypatch.setattr(module, "save_figure", lambda _, path: path.write_text(""))
    monkeypatch.setattr(module, "heatmap_figure", lambda *_: None)


def predict(out: Path, folder: Path, model: Classifier, *, again: bool, **options: Any) -> object:
    return nearsight.predict(model, folder / "test", out=out / "rows.parquet", resume=again, **options)


def predict_more(out: Path, folder: Path, model: Classifier, *, again: bool, **options: Any) -> object:
    # A finished table, to which images were added.
    images = sorted((folder / "test").rglob("*.png"))
    if isinstance(options["progress"], Interrupting):
        nearsight.predict(model, images[:3], out=out / "rows.csv", **options | {"progress": False})
        raise KeyboardInterrupt
    return nearsight.predict(model, images, out=out / "rows.csv", resume=again, **options)


def evaluate(out: Path, folder: Path, model: Classifier, *, again: bool, **options: Any) -> object:
    del again
    return nearsight.evaluate(model, folder, out=out, **options)


def train(out: Path, folder: Path, model: Classifier, *, again: bool, **options: Any) -> object:
    del model
    machine = Machine(device="cpu", checkpoint_seconds=1e-9)
    return nearsight.train(folder, tile=8, out=out, resume=again, machine=machine, **RECIPE, **options)


def heatmap(out: Path, folder: Path, model: Classifier, *, again: bool, **options: Any) -> object:
    del again
    return nearsight.heatmap(model, sorted((folder / "test").rglob("*.png")), out=out, **options)


CHANGES: list[tuple[Go, int, list[dict[str, Any]]]] = [
    (predict, 4, [{}, {"tile": 7}, {"value_range": (0, 65535)}, {"skip_blank": 250}]),
    (predict_more, 1, [{"value_range": (0, 65535)}, {"model": toy(1)}, {"classes": "a,b,c"}]),
    (evaluate, 4, [{}, {"value_range": (0, 65535)}, {"model": toy(1)}]),
    (train, 2, [{"value_range": (0, 65535)}]),
    (heatmap, 3, [{"value_range": (0, 65535)}]),
]


def read(out: Path) -> Mapping[str, Any]:
    """Return the content of every file, of tables without what is said of them."""
    found: dict[str, Any] = dict(files_of(out))
    for name in found:
        if name.endswith(".parquet"):
            table = pq.read_table(out / name)
            found[name] = (table.column_names, sorted(map(str, table.to_pylist())))
        elif name.endswith(".csv"):
            found[name] = sorted(found[name].splitlines())
        elif name.endswith("result.json"):
            found[name] = None  # the time that it took
    return found


@pytest.mark.parametrize(
    ("go", "after", "change"),
    [
        pytest.param(go, after, change, id=f"{go.__name__}-{'-'.join(change) or 'same'}")
        for go, after, changes in CHANGES
        for change in changes
    ],
)
def test_options_that_changed(
    go: Go, after: int, change: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    first, other = toy(0), {"model": toy(0), **change}
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        go(out, folder, first, again=False, progress=Interrupting(after))
    begun = shutil.copytree(out, tmp_path / "begun")
    assert files_of(begun)
    refused = None
    try:
        go(out, folder, again=True, progress=False, **other)
    except InputError as error:
        refused = str(error)
    if refused is None:
        go(tmp_path / "fresh", folder, again=False, progress=False, **other)
        assert read(out) == read(tmp_path / "fresh")
    else:
        assert change
        assert refused.endswith("another `out`")
        assert files_of(out) == files_of(begun)
