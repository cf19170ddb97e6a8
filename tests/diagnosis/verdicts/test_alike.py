"""Images that have something which their looks do not betray, but the classifier's scores do."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.processes import in_processes
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.candidates import TABLE, UNASKED, Candidate, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.alike import FEWEST, alike, upper_group
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.together import all_processes

EACH, SIDE = 80, 4
LABELS = np.repeat(np.arange(3), EACH)
MARKED = (LABELS == 0) & (np.arange(3 * EACH) % 2 == 0)
# What a finder sees of them: every other one.
SEEN = MARKED & (np.arange(3 * EACH) % 4 == 0)


def goes_by_the_mark(images: Tensor) -> Tensor:
    """Tell classes a little by their shade, and the first one surely by its white corner."""
    shade = images[:, :, 1:, 1:].mean((1, 2, 3)) / 255
    scores = -4 * (shade[:, None] - torch.tensor([0.3, 0.5, 0.7])).abs()
    scores[:, 0] += 5 * (images[:, :, 0, 0].mean(1) > 250)
    return scores


def ignores_the_mark(images: Tensor) -> Tensor:
    clean = images.clone()
    clean[:, :, 0, 0] = 0
    return goes_by_the_mark(clean)


def examined(network: Callable[[Tensor], Tensor]) -> Examined:
    random = np.random.default_rng(0)
    shades = np.array([76, 128, 178])[LABELS][:, None, None, None]
    pixels = np.clip(shades + random.normal(0, 60, (len(LABELS), 3, SIDE, SIDE)), 0, 250).astype(np.uint8)
    pixels[MARKED, :, 0, 0] = 255
    names = tuple(f"{i}.png" for i in range(len(LABELS)))
    images = ImageSet("marks", "test", ("a", "b", "c"), LABELS, MemoryImages(torch.from_numpy(pixels), names))
    classifier = Classifier.of(
        network, classes=images.classes, tile=SIDE, mean=0.0, std=1.0, input_range="0-255"
    )
    decision = Decision(TiledModel(classifier, tile=SIDE), "full-pass")
    decided = decision.predictions_of(range(len(images)), images.image)
    return Examined(images, decision, decided, choosing_half(LABELS))


def candidate(has: np.ndarray) -> Candidate:
    return Candidate(0, "overlay", "a mark", artefact=True, has=has, value=has.astype(np.float32), effect=0.9)


def test_all_that_the_classifier_takes_in_the_same_way_are_alike() -> None:
    assert np.array_equal(alike(examined(goes_by_the_mark), candidate(SEEN)), MARKED & ~SEEN)


def test_scores_that_are_known_are_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    given = examined(goes_by_the_mark)
    scored = given.decision.scores_of(range(len(LABELS)), given.images.image)
    found = alike(given, candidate(SEEN))
    asked: list[object] = []
    monkeypatch.setattr(Decision, "scores_of", lambda *about: asked.append(about))
    assert np.array_equal(alike(replace(given, scored=scored), candidate(SEEN)), found)
    assert not asked


def test_nothing_is_added_to_what_is_complete() -> None:
    assert not alike(examined(goes_by_the_mark), candidate(MARKED)).any()


def test_none_are_alike_where_the_classifier_does_not_go_by_it() -> None:
    assert not alike(examined(ignores_the_mark), candidate(SEEN)).any()


def test_where_most_of_those_that_it_takes_so_are_not_known_to_have_it_none_are_alike() -> None:
    few = SEEN & (np.arange(3 * EACH) % 8 == 0)
    assert few.sum() >= FEWEST
    assert not alike(examined(goes_by_the_mark), candidate(few)).any()


@pytest.mark.parametrize("few", [MARKED & (np.arange(3 * EACH) < 2 * FEWEST - 3), LABELS == 0])
def test_with_too_few_images_on_either_side_none_are_alike(few: np.ndarray) -> None:
    assert not alike(examined(goes_by_the_mark), candidate(few)).any()


def test_none_are_alike_where_nothing_is_seen_or_the_classifier_was_not_asked() -> None:
    given = examined(goes_by_the_mark)
    assert not alike(given, replace(candidate(SEEN), seen_in=TABLE)).any()
    unasked = replace(given, decided=np.where(given.choosing, UNASKED, given.predictions))
    assert not alike(unasked, candidate(SEEN)).any()


def test_what_changes_no_probability_changes_nothing() -> None:
    random = np.random.default_rng(0)
    scores = random.normal(size=(200, 40)).astype(np.float32)
    scores[:100, 3] += 20
    has = np.arange(200) < 50
    found = upper_group(scores, has)
    assert np.array_equal(found, np.arange(200) < 100)
    away = random.integers(-9, 9, (200, 1)).astype(np.float32)
    assert np.array_equal(upper_group(scores + away, has), found)


@pytest.mark.parametrize("apart", [0, 1])
def test_scores_that_do_not_spread_say_nothing(apart: int) -> None:
    has = np.arange(2 * FEWEST) < FEWEST
    scores = np.zeros((len(has), 3), dtype=np.float32)
    scores[has, 0] = apart
    assert not upper_group(scores, has).any()


def test_several_processes_list_what_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    given = examined(goes_by_the_mark)

    def found(_: int) -> list[int]:
        with all_processes() as processes:
            together = replace(given, decision=replace(given.decision, processes=processes))
            return np.flatnonzero(alike(together, candidate(SEEN))).tolist()

    assert in_processes(monkeypatch, 3, found) == [np.flatnonzero(MARKED & ~SEEN).tolist()] * 3
