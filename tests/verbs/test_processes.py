"""What several processes make together is what one makes, to the last bit: every file, whatever their number."""

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.processes import files_of, in_processes

import nearsight
from nearsight.data import load
from nearsight.diagnosis import decision
from nearsight.diagnosis import diagnose as find
from nearsight.dimension import measure_dimension
from nearsight.errors import InputError
from nearsight.evaluation import chunks, evaluating, predicting, prediction_making, scoring
from nearsight.evidence import TiledModel, removing
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.report import heatmap_making
from nearsight.settings import Sampling
from nearsight.together import all_processes

CLASSES = ("cat", "dog", "owl")


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture("airbench", classes=3, width=0.1)
    half = (0.5, 0.5, 0.5)
    return Classifier(architecture.build(), architecture, CLASSES, 16, Preprocessing(half, half)).eval()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Images of two sizes."""
    pixels = np.random.default_rng(0).integers(256, size=(7, 26, 22, 3), dtype=np.uint8)
    paths = [tmp_path / "images" / f"{number}.png" for number in range(7)]
    paths[0].parent.mkdir()
    for number, (path, image) in enumerate(zip(paths, pixels, strict=True)):
        Image.fromarray(image[: 26 if number < 4 else 18]).save(path)
    return paths


@pytest.mark.parametrize("options", [{}, {"evidence": "removal", "fill": "other"}])
def test_heatmaps(
    options: dict[str, Any],
    classifier: Classifier,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heatmap_making, "BLOCK", 2)
    # Not what the figures look like, but that each is drawn once.
    module = import_module("nearsight.report.heatmap")
    monkeypatch.setattr(module, "save_figure", lambda _, path: path.open("x").close())
    monkeypatch.setattr(module, "heatmap_figure", lambda *_: None)
    draw = partial(nearsight.heatmap, classifier, files, stride=4, progress=False, **options)
    for count in (1, 3):
        out = tmp_path / str(count)
        found = in_processes(monkeypatch, count, lambda _, out=out: draw(out=out))
        assert {len(each) for each in found} == {7}
    assert files_of(tmp_path / "1") == files_of(tmp_path / "3")


@pytest.mark.parametrize("protocol", [None, "full-pass"])
def test_predictions(
    protocol: str | None,
    classifier: Classifier,
    files: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (prediction_making, predicting):
        monkeypatch.setattr(module, "BLOCK", 2)
    files[3].write_bytes(b"no image")

    def predict(_: int, count: int) -> nearsight.Predictions:
        out = tmp_path / str(count)
        return nearsight.predict(
            classifier,
            files,
            protocol=protocol,
            stride=4,
            out=out / "rows.parquet",
            maps=out / "maps" if protocol is None else None,
            progress=False,
        )

    for count in (1, 2, 3):
        found = in_processes(monkeypatch, count, partial(predict, count=count))
        assert {each.settings["faults"] for each in found} == {1}
    # Rows name the directory of the maps, which is another.
    rows = {
        count: files_of(tmp_path / str(count) / ("maps" if protocol is None else "")) for count in (1, 2, 3)
    }
    assert rows[1]
    assert rows[1] == rows[2] == rows[3]


def test_rows_that_are_held(
    classifier: Classifier, files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_making, "BLOCK", 2)
    monkeypatch.setattr(predicting, "BLOCK", 2)
    [alone] = in_processes(
        monkeypatch, 1, lambda _: nearsight.predict(classifier, files, stride=4, progress=False)
    )
    for each in in_processes(
        monkeypatch, 2, lambda _: nearsight.predict(classifier, files, stride=4, progress=False)
    ):
        assert each.table.equals(alone.table)


def test_dimensions(monkeypatch: pytest.MonkeyPatch) -> None:
    few = Sampling(training_tiles=100, test_images=10, points=50, pairs=10, example_images=0)
    sets = load("digits")

    def measure(_: int) -> Any:
        with all_processes() as processes:
            return measure_dimension(sets, tiles=[6, 7, None], sampling=few, processes=processes).table()

    [alone] = in_processes(monkeypatch, 1, measure)
    untimed = [name for name in alone.columns if "seconds" not in name]
    for each in in_processes(monkeypatch, 2, measure):
        assert each[untimed].equals(alone[untimed])


@pytest.mark.parametrize(
    ("tile", "parts"), [(16, None), (None, ["reasons", "reliance", "errors", "faithfulness"])]
)
def test_diagnoses(tile: int | None, parts: list[str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (chunks, evaluating, scoring, decision):
        monkeypatch.setattr(module, "BLOCK", 4)
    # Whether windows are taken depends on what was faster, and with it the last bits.
    monkeypatch.setattr(removing, "windowed_logits", lambda *_: None)
    scenes = load("scenes")["test"].select(np.arange(24))
    torch.manual_seed(0)
    architecture, half = Architecture("airbench", classes=8, width=0.1), (0.5, 0.5, 0.5)
    toy = Classifier(architecture.build(), architecture, scenes.classes, tile, Preprocessing(half, half))

    def diagnose(_: int) -> Any:
        with all_processes() as processes:
            bound = TiledModel(toy.eval(), tile=16, stride=16)
            return find(bound, scenes, parts=parts, faithfulness=2, processes=processes).to_json()

    [alone] = in_processes(monkeypatch, 1, diagnose)
    for each in in_processes(monkeypatch, 2, diagnose):
        assert each == alone


def test_an_image_that_one_process_cannot_read_ends_all(
    classifier: Classifier, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files[6].write_bytes(b"no image")
    monkeypatch.setattr(heatmap_making, "BLOCK", 2)
    with pytest.raises(InputError, match=r"^process 1 of 2: .*6\.png"):
        in_processes(
            monkeypatch, 2, lambda _: nearsight.heatmap(classifier, files, out=tmp_path / "o", progress=False)
        )
    assert not (tmp_path / "o").exists()
