"""Asking a classifier without object or background: toys that look at one, the other or both."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.diagnosis.conftest import bound_function
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.reliance.asking import AS_IT_IS, INTERVENTIONS, SWAPPED, Answers, ask, draw_asked
from nearsight.diagnosis.reliance.verdict import (
    BACKGROUND,
    BOTH,
    INDIFFERENT,
    NOT_KNOWN,
    OBJECT,
    judge_regions,
)

CLASSES = ("a", "b", "c", "d")
SHADES = torch.tensor([0, 80, 160, 240], dtype=torch.uint8)


def two_sided(each: int = 12) -> ImageSet:
    """Objects are fully green with the red of their class, backgrounds not green with the blue of their class."""
    labels = np.tile(np.arange(len(CLASSES)), each)
    random = np.random.default_rng(0)
    pixels = torch.zeros(len(labels), 3, 20, 24, dtype=torch.uint8)
    masks = torch.zeros(len(labels), 20, 24, dtype=torch.bool)
    for i, label in enumerate(labels.tolist()):
        top, left = random.integers(2, 8, 2).tolist()
        masks[i, top : top + 8, left : left + 9] = True
        pixels[i, 2] = SHADES[label]
        pixels[i][:, masks[i]] = torch.tensor([int(SHADES[label]), 255, 0], dtype=torch.uint8)[:, None]
    names = tuple(f"{i}.png" for i in range(len(labels)))
    return ImageSet("two", "test", CLASSES, labels, MemoryImages(pixels, names), MaskRegions(masks))


def shade(images: Tensor, channel: int, where: Tensor) -> Tensor:
    """How near the mean of a channel, from -1 to 1, is to each shade; far from all where there is nowhere to look."""
    seen = where.any(2).any(1)
    total = (images[:, channel] * where).sum((1, 2)) / where.sum((1, 2)).clamp(min=1)
    shades = SHADES.to(images) / 127.5 - 1
    return torch.where(seen[:, None], -10 * (total[:, None] - shades).abs(), -20.0)


def by_object(images: Tensor) -> Tensor:
    return shade(images, 0, images[:, 1] == 1)


def by_background(images: Tensor) -> Tensor:
    return shade(images, 2, images[:, 1] == -1)


def by_either(images: Tensor) -> Tensor:
    return torch.maximum(by_object(images), by_background(images))


def by_both(images: Tensor) -> Tensor:
    sides = torch.stack((by_object(images), by_background(images)))
    sure = (sides.amax(2, keepdim=True) > -2).all(0)
    # One side alone, or two that differ, tell it nothing.
    return torch.where(sure & (sides.argmax(2)[0] == sides.argmax(2)[1])[:, None], sides.sum(0), 0.0)


def decided(decision: Decision, images: ImageSet) -> NDArray[np.int64]:
    return decision.predictions(map(images.image, range(len(images))))


def answers_of(function: Callable[[Tensor], Tensor], images: ImageSet, **settings: int) -> Answers:
    decision = Decision(bound_function(function, images), "full-pass")
    found = ask(decision, images, decided(decision, images), **settings)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("function", "verdict"),
    [(by_object, OBJECT), (by_background, BACKGROUND), (by_either, INDIFFERENT), (by_both, BOTH)],
)
def test_toys_have_their_verdict(function: Callable[[Tensor], Tensor], verdict: str) -> None:
    answers = answers_of(function, two_sided())
    found = judge_regions(answers, CLASSES)
    whole, rows = found.overall, found.classes
    assert whole.original.value == 1
    assert whole.verdict == verdict
    assert {row.verdict for row in rows} <= {verdict, NOT_KNOWN}
    if verdict in (OBJECT, BACKGROUND):
        assert (answers.of(SWAPPED) == (answers.labels if verdict == OBJECT else answers.donors)).all()


def test_every_intervention_changes_one_side_alone() -> None:
    images = two_sided(3)
    answers = answers_of(by_object, images)
    assert len(answers.examples) == 3
    for example in answers.examples:
        assert example.label == images.labels[example.index]
        assert example.predictions == tuple(answers.predictions[answers.index == example.index][0])
        region, original = images.region(example.index), images.image(example.index)
        assert region is not None
        for intervention, picture in zip(INTERVENTIONS, example.pictures, strict=True):
            kept = {"object": ~region, "background": region, None: region | True}[intervention.side]
            # A margin around the object goes with it.
            inner = torch.nn.functional.max_pool2d((~kept)[None].float(), 5, 1, 2)[0] == 0
            assert torch.equal(picture[:, inner], original[:, inner])
            if intervention is not AS_IT_IS:
                assert not torch.equal(picture, original)


def test_no_object_is_left_where_it_was_erased() -> None:
    answers = answers_of(by_object, two_sided())
    for place, intervention in enumerate(INTERVENTIONS):
        if intervention.side == "object":
            assert set(answers.predictions[:, place]) == {0}


def test_images_that_are_all_object_or_without_region_are_left_out_and_counted() -> None:
    images = two_sided(3)
    assert isinstance(images.regions, MaskRegions)
    images.regions.masks[0] = True
    images.regions.masks[1] = False
    answers = answers_of(by_object, images)
    assert (len(answers.index), answers.left_out) == (10, 1)
    assert not {0, 1} & set(answers.index.tolist())


def test_without_regions_nothing_is_asked() -> None:
    images = two_sided(1)
    decision = Decision(bound_function(by_object, images), "full-pass")
    bare = ImageSet(images.name, "test", CLASSES, images.labels, images.images)
    predictions = decided(decision, images)
    assert ask(decision, bare, predictions) is None
    assert isinstance(images.regions, MaskRegions)
    images.regions.masks[:] = False
    assert ask(decision, images, predictions) is None


def test_the_sample_is_drawn_within_classes_and_bounded() -> None:
    labels = np.repeat(np.arange(30), 40)
    known = np.ones(len(labels), dtype=np.bool_)
    some = draw_asked(labels, known, seed=0, per_class=50, most=300)
    assert (np.bincount(labels[some]) == 10).all()
    assert (some == draw_asked(labels, known, seed=0, per_class=50, most=300)).all()
    assert (some != draw_asked(labels, known, seed=1, per_class=50, most=300)).any()
    assert len(draw_asked(labels, known, seed=0, per_class=50, most=7)) == 30
    assert len(draw_asked(labels, ~known, seed=0)) == 0


def test_a_tile_classifier_is_asked_through_its_tiles() -> None:
    images = two_sided()
    bound = bound_function(by_background, images, tile=8, stride=4)
    decision = Decision(bound, "mean-logit")
    answers = ask(decision, images, decided(decision, images))
    assert answers is not None
    assert judge_regions(answers, CLASSES).overall.verdict == BACKGROUND
