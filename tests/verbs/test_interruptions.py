"""What was interrupted goes on with the same call, and ends with the same files as what was not."""

import json
from dataclasses import replace
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
from nearsight.evaluation import chunks, evaluating, kept_blocks, scoring
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.report import heatmap_making
from nearsight.settings import Sampling

HALF = (0.5, 0.5, 0.5)
# What a diagnosis counts after its pass.
FOLLOWING = "removing objects and backgrounds"


class Interrupting:
    """Who watches and presses Ctrl-C when so many of something are done; keeps what was said and the last count."""

    def __init__(self, what: str, after: int = -1) -> None:
        self.what, self.after, self.done, self.said = what, after, 0, ""

    def say(self, text: str) -> None:
        """Keep a line."""
        self.said += text

    warn = say

    def count(self, what: str, done: int, *_more: Any) -> None:
        """Press it, or keep a count."""
        if what == self.what:
            self.done = done
            if done == self.after:
                raise KeyboardInterrupt


def classifier(classes: tuple[str, ...]) -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture("airbench", classes=len(classes), width=0.1)
    return Classifier(architecture.build(), architecture, classes, 16, Preprocessing(HALF, HALF)).eval()


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (chunks, evaluating, scoring):
        monkeypatch.setattr(module, "BLOCK", 4)
    monkeypatch.setattr(heatmap_making, "BLOCK", 2)


@pytest.mark.usefixtures("small_blocks")
def test_the_pass_of_a_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = load("scenes")["test"].select(np.arange(10))
    toy = classifier(scenes.classes)
    # Not what the page looks like, but what is found.
    monkeypatch.setattr(
        import_module("nearsight.verbs._diagnose"),
        "write_diagnosis",
        lambda found, out: (out / "found.json").write_text(json.dumps(found.to_json())),
    )

    def diagnose(out: str, progress: Any = False) -> None:
        parts = ["reliance", "errors"]
        place = tmp_path / out
        nearsight.diagnose(toy, scenes, stride=16, parts=parts, faithfulness=0, out=place, progress=progress)

    diagnose("whole")
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        diagnose("again", Interrupting("evaluating images", after=6))
    assert len([*(tmp_path / "again" / "diagnosis.parts").iterdir()]) == 1
    # What follows the pass begins anew, but the pass does not.
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        diagnose("later", Interrupting("evaluating images", after=6))
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        diagnose("later", Interrupting(FOLLOWING, after=1))
    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        diagnose("short", Interrupting(FOLLOWING, after=1))
    watching = [Interrupting("evaluating images") for _ in range(2)]
    in_processes(monkeypatch, 2, lambda rank: diagnose("again", watching[rank]))
    assert sum(each.done for each in watching) == 10 - 4
    assert files_of(tmp_path / "again") == files_of(tmp_path / "whole")


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("options", [{}, {"evidence": "removal", "fill": "other"}])
def test_heatmaps(options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("nearsight.report.heatmap")
    monkeypatch.setattr(module, "save_figure", lambda _, path: path.write_text("drawn"))
    monkeypatch.setattr(module, "heatmap_figure", lambda *_: None)
    pixels = np.random.default_rng(0).integers(256, size=(7, 26, 22, 3), dtype=np.uint8)
    files = [tmp_path / "images" / f"{number}.png" for number in range(7)]
    files[0].parent.mkdir()
    for file, image in zip(files, pixels, strict=True):
        Image.fromarray(image).save(file)
    toy = classifier(("cat", "dog", "owl"))

    def draw(out: str, progress: Any = False) -> Any:
        return nearsight.heatmap(toy, files, stride=4, out=tmp_path / out, progress=progress, **options)

    draw("whole")
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        draw("again", Interrupting("mapping images", after=5))
    parts = tmp_path / "again" / "heatmaps.parts"
    assert len([*parts.iterdir()]) == 2
    made: list[int] = []
    maps = heatmap_making._Share._maps
    monkeypatch.setattr(
        heatmap_making._Share, "_maps", lambda self, block: made.append(block.start) or maps(self, block)
    )
    in_processes(monkeypatch, 2, lambda _: draw("again"))
    assert sorted(made) == [4, 6]
    assert files_of(tmp_path / "again") == files_of(tmp_path / "whole")

    # Another image in a block makes the block anew.
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", -1.0)
    with pytest.raises(KeyboardInterrupt):
        draw("changed", Interrupting("mapping images", after=7))
    Image.fromarray(255 - pixels[2]).save(files[2])
    made.clear()
    draw("changed")
    assert made == ([0, 2, 6] if options else [2, 6])


@pytest.mark.usefixtures("undrawn")
def test_the_tile_sizes_of_a_dimension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept_blocks, "KEEP_SECONDS", -1.0)
    few = Sampling(training_tiles=200, test_images=20, points=60, pairs=20, example_images=40)
    measured: list[int | None] = []
    measure = import_module("nearsight.dimension.measure")
    measure_tile = measure._measure_tile

    def counted(*given: Any) -> Any:
        measured.append(given[2])
        if interrupted and len(measured) == 3:
            raise KeyboardInterrupt
        return replace(measure_tile(*given), seconds=0.0, cpu_seconds=0.0)

    monkeypatch.setattr(measure, "_measure_tile", counted)

    def find(out: str, sampling: Sampling = few) -> None:
        place = tmp_path / out
        nearsight.dimension("digits", tiles=[2, 4, 6, None], sampling=sampling, out=place, progress=False)

    interrupted = False
    find("whole")
    interrupted, measured[:] = True, []
    with pytest.raises(KeyboardInterrupt, match="the same command continues"):
        find("again")
    assert len([*(tmp_path / "again" / "dimension.parts").iterdir()]) == 2
    interrupted, measured[:] = False, []
    in_processes(monkeypatch, 2, lambda _: find("again"))
    assert sorted(measured, key=str) == [6, None]
    assert files_of(tmp_path / "again") == files_of(tmp_path / "whole")

    # What was measured on other tiles is not continued.
    interrupted, measured[:] = True, []
    with pytest.raises(KeyboardInterrupt):
        find("changed")
    interrupted, measured[:] = False, []
    find("changed", replace(few, seed=1))
    assert len(measured) == 4
