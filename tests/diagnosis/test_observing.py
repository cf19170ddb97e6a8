"""The pass keeps of each map what the parts need, and evaluates as `evaluate` does."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, load
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.errors.image_errors import tile_error
from nearsight.diagnosis.observing import pass_over
from nearsight.diagnosis.parts import PARTS, named
from nearsight.diagnosis.relative import relative
from nearsight.evaluation import evaluate
from nearsight.evidence import TiledModel, evidence
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.settings.protocols import USUAL


@pytest.fixture(scope="module")
def scenes() -> ImageSet:
    images = load("scenes")["test"].select(np.arange(0, 60, 5))
    assert isinstance(images.regions, MaskRegions)
    masks = images.regions.masks.clone()
    masks[3] = False
    return replace(images, regions=MaskRegions(masks))


@pytest.fixture(scope="module")
def classifier(scenes: ImageSet) -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture("airbench", classes=len(scenes.classes), width=0.1)
    preprocessing = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.3, 0.2))
    return Classifier(architecture.build(), architecture, scenes.classes, 16, preprocessing).eval()


def test_the_records_are_those_of_each_map_on_its_own(scenes: ImageSet, classifier: Classifier) -> None:
    _, grids, seen = pass_over(TiledModel(classifier, stride=12), scenes, PARTS)
    pictures = [classifier.prepare(scenes.image(i)) for i in range(len(scenes))]
    maps = evidence(classifier, pictures, tile=16, stride=12, grid="covering", classes=scenes.classes)
    assert grids == tuple(one.grid for one in maps)
    for one, kept in zip(maps, seen["reasons"], strict=True):
        flat = relative(one.logits).flatten(1)
        torch.testing.assert_close(flat.max(1).values, kept.evidence, rtol=0, atol=1e-4)
    alone = [
        error
        for i, one in enumerate(maps)
        if (error := tile_error(one, int(scenes.labels[i]), i, scenes.path(i))) is not None
    ]
    assert [error.index for error in seen["errors"]] == [error.index for error in alone]
    for error, other in zip(seen["errors"], alone, strict=True):
        assert (error.prediction, error.flip and error.flip.to) == (
            other.prediction,
            other.flip and other.flip.to,
        )
        assert error.margin == pytest.approx(other.margin, abs=1e-4)


def test_images_without_a_region_are_left_out_of_reliance_alone(
    scenes: ImageSet, classifier: Classifier
) -> None:
    _, _, seen = pass_over(TiledModel(classifier, stride=16), scenes, PARTS)
    assert len(seen["reliance"]) == len(scenes) - 1
    assert len(seen["reasons"]) == len(scenes)


def test_the_scores_are_those_of_an_evaluation(scenes: ImageSet, classifier: Classifier) -> None:
    bound = TiledModel(classifier, stride=12)
    scores, expected = pass_over(bound, scenes, ())[0].scores, evaluate(bound, scenes).scores
    assert list(scores) == list(USUAL)
    for protocol in USUAL:
        np.testing.assert_array_equal(scores[protocol], expected[protocol])


def test_the_errors_are_what_mean_logit_gets_wrong(
    shades: Callable[..., Classifier], shaded: Callable[..., ImageSet]
) -> None:
    images = shaded("abc", shown=[0, 1, 2, 2, 0], labels=[0, 1, 2, 0, 1])
    _, _, seen = pass_over(TiledModel(shades("abc"), stride=4), images, named(["errors"]))
    assert [(error.index, error.label, error.prediction) for error in seen["errors"]] == [
        (3, 0, 2),
        (4, 1, 0),
    ]


def test_what_is_drawn_of_an_image_does_not_hang_on_the_parts(
    scenes: ImageSet, classifier: Classifier
) -> None:
    bound = TiledModel(classifier, stride=16)
    alone, among = (
        pass_over(bound, scenes, parts, seed=3)[2]["reasons"] for parts in (named(["reasons"]), PARTS)
    )
    for one, other in zip(alone, among, strict=True):
        assert torch.equal(one.sample, other.sample)
    again = pass_over(bound, scenes, named(["reasons"]), seed=4)[2]["reasons"]
    assert any(not torch.equal(one.sample, other.sample) for one, other in zip(alone, again, strict=True))
