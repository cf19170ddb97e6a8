"""What some images of a class share is learned from them, whatever it is, and what all of the class share is not."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from tests.diagnosis.attributes.conftest import _photographs
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.learned import FEWEST, FineDetail, blurred, with_learned_edit
from nearsight.diagnosis.attributes.pictured import apart_otherwise
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.verdicts.interventions import LEARNED, learned
from nearsight.diagnosis.verdicts.judging import judge
from nearsight.diagnosis.verdicts.rule import RULE, SHORTCUT, SUSPECT
from nearsight.evidence import TiledModel
from nearsight.models import Classifier

CLASSES, EACH, SIDE = ("striped", "dark", "light"), 60, 32
LABELS = np.repeat(np.arange(3), EACH)
# A pattern that no edit of ours draws, and that is nothing but fine detail.
CHECKS = torch.from_numpy((-1.0) ** np.add.outer(np.arange(SIDE), np.arange(SIDE))).float()


@pytest.fixture(scope="module", name="photographs")
def made() -> list[Tensor]:
    return _photographs(len(LABELS), side=SIDE)


def checked(image: Tensor) -> Tensor:
    """An image with faint checks."""
    return (image + 9 * CHECKS).round().clamp(0, 255).to(torch.uint8)


def reads_checks(images: Tensor) -> Tensor:
    """Tell checks; without them, the shade."""
    checks = (images * CHECKS).mean((1, 2, 3))
    light = images.mean((1, 2, 3)) > 110
    return torch.stack([checks - 4, -light.float(), light.float() - 1], 1)


def examined(pictures: list[Tensor], has: np.ndarray) -> Examined:
    held = MemoryImages(
        torch.stack([checked(one) if mark else one for one, mark in zip(pictures, has, strict=True)]),
        ("",) * len(pictures),
    )
    images = ImageSet("photographs", "test", CLASSES, LABELS, held)
    classifier = Classifier.of(
        reads_checks, classes=CLASSES, tile=SIDE, mean=0.0, std=1.0, input_range="0-255"
    )
    decision = Decision(TiledModel(classifier, tile=SIDE), "full-pass")
    predictions = decision.predictions_of(range(len(images)), images.image)
    return Examined(images, decision, predictions, choosing_half(LABELS))


def candidate(has: np.ndarray) -> Candidate:
    return Candidate(0, "look", "a look", artefact=True, has=has, value=has.astype(np.float32), effect=0.9)


HALF = (LABELS == 0) & (np.random.default_rng(0).random(len(LABELS)) < 0.5)


def test_what_no_edit_draws_is_proven_by_the_one_that_is_learned(photographs: list[Tensor]) -> None:
    seen = examined(photographs, HALF)
    [found] = judge(seen, [candidate(HALF)])
    assert (found.word, found.proven_by) == (SHORTCUT, LEARNED)
    [made] = found.interventions
    assert made.beside
    assert made.after.value > 0.9
    assert made.change.chance < 0.1


def test_images_that_a_rule_missed_are_not_what_it_is_compared_with(photographs: list[Tensor]) -> None:
    # Of the 30 images on either side, 21 have checks, and the rule knows 9.
    marked, known = np.zeros((2, len(LABELS)), dtype=np.bool_)
    for side in (choosing_half(LABELS), ~choosing_half(LABELS)):
        mine = np.flatnonzero((LABELS == 0) & side)
        marked[mine[:21]] = known[mine[:9]] = True
    seen = examined(photographs, marked)
    as_it_is = with_learned_edit(seen, candidate(known))
    assert as_it_is is not None
    made = learned(seen, as_it_is)
    assert made is not None
    assert made.effect < RULE.least_effect_learned
    [found] = judge(seen, [candidate(known)])
    assert (found.word, found.proven_by) == (SHORTCUT, LEARNED)
    assert found.alike is not None
    assert np.array_equal(found.alike, marked & ~known)


def test_random_images_of_a_class_teach_nothing_though_all_have_what_decides(
    photographs: list[Tensor],
) -> None:
    for has in (LABELS == 0, np.zeros(len(LABELS), dtype=np.bool_)):
        seen = examined(photographs, has)
        for seed in range(5):
            some = (LABELS == 0) & (np.random.default_rng(seed).random(len(LABELS)) < 0.5)
            taught = with_learned_edit(seen, candidate(some))
            assert taught is not None
            made = learned(seen, taught)
            assert made is not None
            assert made.effect < 0.1


def test_images_of_another_subject_are_told_as_what_they_may_picture(photographs: list[Tensor]) -> None:
    # Those that have checks are darker and flat as well: another subject, of which checks are a part.
    pictures = [one // 4 + 20 if mark else one for one, mark in zip(photographs, HALF, strict=True)]
    seen = examined(pictures, HALF)
    taught = with_learned_edit(seen, candidate(HALF))
    assert taught is not None
    assert apart_otherwise(seen, taught)
    [found] = judge(seen, [candidate(HALF)])
    assert (found.word, found.proven_by, found.candidate.pictured) == (SUSPECT, LEARNED, True)


def test_images_that_only_have_it_do_not_stand_apart_otherwise(photographs: list[Tensor]) -> None:
    seen = examined(photographs, HALF)
    taught = with_learned_edit(seen, candidate(HALF))
    assert taught is not None
    assert not apart_otherwise(seen, taught)


def test_with_too_few_images_on_either_side_nothing_is_learned(photographs: list[Tensor]) -> None:
    seen = examined(photographs, HALF)
    mine = np.flatnonzero((LABELS == 0) & seen.choosing)
    few = np.isin(np.arange(len(LABELS)), mine[: FEWEST - 1])
    assert with_learned_edit(seen, candidate(few)) is None
    assert with_learned_edit(seen, candidate((LABELS == 0) & ~few)) is None
    assert with_learned_edit(seen, candidate((LABELS == 0) & seen.choosing)) is None


def test_an_edit_leaves_tones_alone_and_is_the_same_for_the_same_image(photographs: list[Tensor]) -> None:
    for instead in (False, True):
        edit = FineDetail([checked(one) for one in photographs[:3]], 1.0, instead)
        for image in photographs[10:20]:
            changed = edit(image)
            assert torch.equal(changed, edit(image.clone()))
            assert (changed.float().mean((1, 2)) - image.float().mean((1, 2))).abs().max() < 1.5


def test_donors_of_another_size_are_repeated_or_cut_off(photographs: list[Tensor]) -> None:
    edit = FineDetail([photographs[0]], 1.0)
    for height, width in ((20, 50), (70, 16)):
        image = torch.full((3, height, width), 128, dtype=torch.uint8)
        assert edit(image).shape == image.shape


@pytest.mark.parametrize(
    ("height", "width", "spread"), [(64, 48, 1.0), (300, 420, 6.5), (512, 389, 8.0), (640, 700, 20.0)]
)
def test_a_wide_blur_is_that_of_the_whole_picture(height: int, width: int, spread: float) -> None:
    random = np.random.default_rng(0)
    shapes = gaussian_filter(random.normal(0, 400, (3, height, width)), (0, 5, 5)).astype(np.float32)
    picture = 120 + shapes + random.normal(0, 20, shapes.shape).astype(np.float32)
    plain = gaussian_filter(picture, (0, spread, spread), mode="nearest")
    # Of what the blur takes away, a fiftieth at most is another.
    assert np.abs(blurred(picture, spread) - plain).mean() <= 0.02 * np.abs(picture - plain).mean()
