"""Networks that learned nothing: like the run's own, trained on permuted labels, and chance comes of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nearsight import Machine, diagnosis, training
from nearsight.data import ImageSet, ImageSets, MemoryImages, draw_scenes
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.reliance import part as reliance
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.progress import SILENT
from nearsight.runs import Run
from nearsight.settings import make_recipe
from nearsight.verbs.null_networks import NETWORKS, nulls_like


class Told:
    """What was said, in order."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """Keep what is said."""
        self.said.append(text)

    def warn(self, text: str) -> None:
        """Keep nothing of warnings."""

    def count(self, text: str, done: int, total: int) -> None:
        """Keep nothing of how much is done."""


CPU = Machine(device="cpu", workers=0)


def scenes(split: str, count: int = 32) -> ImageSet:
    drawn = draw_scenes(split, count=count)
    names = tuple(f"{i}.png" for i in range(count))
    images = MemoryImages(drawn.pixels, names)
    return ImageSet("few", split, drawn.classes, drawn.labels, images, MaskRegions(drawn.masks))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    fields = {
        "tile": 16,
        "width": 0.1,
        "steps": 2,
        "batch_size": 8,
        "precision": "float32",
        "validation": 0.0,
    }
    recipe = make_recipe("few", "fast", fields)
    out = tmp_path_factory.mktemp("null") / "run"
    return training.train(recipe, ImageSets("few", {"train": scenes("train")}), out, machine=CPU)


@pytest.fixture(scope="module")
def nulls(run: Run) -> tuple[TiledModel, ...]:
    bound = TiledModel(run.classifier(), stride=16)
    return nulls_like(run, scenes("train"), bound, machine=CPU, progress=SILENT)()


def test_they_are_like_the_run_and_bound_as_it_is(run: Run, nulls: tuple[TiledModel, ...]) -> None:
    bound = TiledModel(run.classifier(), stride=16)
    assert len(nulls) == NETWORKS
    own = run.classifier().network.state_dict()
    weights = []
    for null in nulls:
        assert isinstance(null.model, Classifier)
        weights.append(null.model.network.state_dict())
    for each in weights:
        assert {name: value.shape for name, value in each.items()} == {
            name: value.shape for name, value in own.items()
        }
    first, second = (torch.cat([value.flatten().float() for value in each.values()]) for each in weights)
    assert not torch.equal(first, second)
    assert {(null.tile, null.stride, null.classes) for null in nulls} == {(16, 16, bound.classes)}


def test_chance_is_what_they_give(run: Run, nulls: tuple[TiledModel, ...]) -> None:
    images, bound = scenes("test", 16), TiledModel(run.classifier(), stride=16)
    bare, known = (
        diagnosis.diagnose(bound, images, parts=["reliance"], nulls=given)["reliance"]
        for given in (None, lambda: nulls)
    )
    alone = [diagnosis.diagnose(null, images, parts=["reliance"])["reliance"].overall for null in nulls]
    assert (bare.nulls, known.nulls) == (0, NETWORKS)
    for name in ("off_share", "excess", "pointing", "contrast"):
        of_nulls = np.mean([getattr(row, name).value for row in alone])
        assert getattr(known.overall, name).chance == pytest.approx(of_nulls, abs=2e-3)
        assert replace(getattr(known.overall, name), chance=None) == replace(
            getattr(bare.overall, name), chance=None
        )


def test_what_they_cost_is_told_beforehand(run: Run) -> None:
    told = Told()
    train = nulls_like(run, scenes("train"), TiledModel(run.classifier()), machine=CPU, progress=told)
    assert told.said == []
    train()
    assert told.said[0] == "chance: training 2 networks like this one on permuted labels, 2 steps each"


def test_without_a_run_or_its_images_there_are_none(run: Run) -> None:
    bound = TiledModel(run.classifier())
    with pytest.raises(InputError, match="`null` takes a run"):
        nulls_like(None, scenes("train"), bound, progress=SILENT)
    with pytest.raises(InputError, match="leave `data` out, or leave `null` out"):
        nulls_like(run, None, bound, progress=SILENT)


def test_none_is_trained_where_nothing_could_use_them_and_it_is_told(run: Run) -> None:
    without = replace(scenes("test"), regions=None)
    found = diagnosis.diagnose(
        TiledModel(run.classifier(), stride=16), without, parts=["reliance"], nulls=never
    )
    assert (
        "no network was trained on permuted labels for the values by chance: no region is known"
        in found.notes
    )
    with pytest.raises(InputError, match="unknown column 'site'"):
        diagnosis.diagnose(TiledModel(run.classifier()), scenes("test"), groups="site", nulls=never)


def test_where_tiles_do_not_explain_the_decision_none_is_trained(run: Run, monkeypatch: Any) -> None:
    monkeypatch.setattr(reliance, "explains", lambda _: False)
    bound = TiledModel(run.classifier(), stride=16)
    found = diagnosis.diagnose(bound, scenes("test", 8), parts=["reliance"], nulls=never)
    assert any(note.endswith("by chance: tiles do not explain the decision") for note in found.notes)


def never() -> tuple[TiledModel, ...]:
    raise AssertionError("networks were trained for nothing")
