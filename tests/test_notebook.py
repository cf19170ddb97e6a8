"""Every result shows itself in a few lines, and in a notebook in less than a screen; what it shows is escaped."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, ImageSets, MemoryImages, load
from nearsight.diagnosis import Diagnosis
from nearsight.dimension import Dimension
from nearsight.evaluation import Evaluation
from nearsight.evidence import EvidenceMap, TiledModel
from nearsight.notebook import Summary
from nearsight.report import Heatmap, Heatmaps
from nearsight.runs import Run
from nearsight.study import Comparison
from nearsight.tiles import TileGrid

ROOT = Path(__file__).parents[1]
OLD = ROOT / "tests" / "fixtures" / "schema-1"
HOSTILE = '<script>alert("x")</script>\n' + "&" * 300


def evidence_map(classes: int = 3) -> EvidenceMap:
    grid = TileGrid(20, 24, tile=8, stride=4)
    names = tuple(f"{HOSTILE} {number}" for number in range(classes))
    logits = torch.randn(classes, *grid.shape, generator=torch.Generator().manual_seed(0))
    return EvidenceMap(logits, grid, names)


def image_set(classes: int = 1000) -> ImageSet:
    pixels = torch.zeros(40, 3, 8, 8, dtype=torch.uint8)
    names = tuple(f"{HOSTILE} {number}" for number in range(classes))
    labels = np.zeros(40, dtype=np.int64)
    return ImageSet(HOSTILE, "test", names, labels, MemoryImages(pixels, (HOSTILE,) * 40))


def heatmaps(count: int = 40) -> Heatmaps:
    image = torch.zeros(3, 20, 24, dtype=torch.uint8)
    return Heatmaps(tuple(Heatmap(f"{HOSTILE}/{n}.png", image, evidence_map()) for n in range(count)))


def diagnosis() -> Diagnosis:
    found = Diagnosis.load(OLD / "diagnosis")
    return replace(found, model=HOSTILE, notes=(HOSTILE,) * 20)


def comparison() -> Comparison:
    found = Comparison.load(ROOT / "docs" / "results" / "cifar10")
    return replace(found, data=HOSTILE, arms=found.arms * 5, differences=found.differences * 5)


MADE: dict[str, Callable[[], object]] = {
    "run": lambda: Run.open(OLD / "run"),
    "begun": lambda: Run.open(OLD / "begun"),
    "no run": lambda: Run(Path("nowhere")),
    "evaluation": lambda: Evaluation.load(OLD / "run"),
    "comparison": comparison,
    "diagnosis": diagnosis,
    "dimension": lambda: Dimension.load(ROOT / "docs" / "results" / "dimension" / "cifar10"),
    "map": lambda: evidence_map(1000),
    "heatmap": lambda: heatmaps(1).images[0],
    "heatmaps": heatmaps,
    "no heatmaps": lambda: Heatmaps(()),
    "image set": image_set,
    "no images": lambda: image_set().select(np.array([], dtype=np.int64)),
    "image sets": lambda: ImageSets(HOSTILE, {HOSTILE: image_set()}, (HOSTILE,) * 20),
    "no sets": lambda: ImageSets("toy", {}),
    "classifier": lambda: Run.open(OLD / "run").classifier(),
    "tiled model": lambda: TiledModel(Run.open(OLD / "run").classifier()),
}


@pytest.mark.parametrize("name", MADE)
def test_a_result_is_shown_in_less_than_a_screen_and_escaped(name: str) -> None:
    found = MADE[name]()
    text, html = repr(found), found._repr_html_()
    assert len(text) < 2000
    assert len(text.splitlines()) <= 14
    without = re.sub(r'src="data:image/png;base64,[^"]*"', "", html)
    assert len(without) < 30_000
    assert "<script" not in html
    assert html.count("<tr>") <= 14


@pytest.mark.parametrize("name", ["map", "heatmap", "heatmaps", "image set"])
def test_what_has_a_picture_shows_it(name: str) -> None:
    assert 'src="data:image/png;base64,' in MADE[name]()._repr_html_()


@pytest.mark.parametrize("name", ["run", "evaluation", "comparison", "diagnosis", "heatmaps", "heatmap"])
def test_no_score_is_shown_without_its_protocol_tile_and_stride(name: str) -> None:
    found = MADE[name]()
    for shown in (repr(found), found._repr_html_()):
        assert "mean-logit" in shown
        assert re.search(r"tile \d+, stride \d+", shown)


def test_sets_are_shown_as_they_are_known() -> None:
    sets = load("digits")
    assert repr(sets).splitlines()[0] == "ImageSets(digits, 10 classes)"
    assert repr(sets["test"]) == "ImageSet(digits test: 365 images, 10 classes, in memory)"


def test_rows_left_out_are_counted() -> None:
    summary = Summary("many", ("number",), [(str(number),) for number in range(50)])
    assert "… and 44 more" in summary.text()
    assert "… and 38 more" in summary.html()


def test_a_name_that_is_no_text_is_shown() -> None:
    assert "\\udcff" in Summary("\udcff").html().encode().decode()
