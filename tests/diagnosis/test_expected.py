"""The time of a diagnosis: more to do never takes less, and the decision says what cannot be known."""

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis import expected
from nearsight.diagnosis.attributes import answered, answers
from nearsight.diagnosis.expected import EVALUATING, PROVING, Expected, expected_diagnosis, wider_stride
from nearsight.diagnosis.parts import PARTS, named, with_needs
from nearsight.evaluation.expected import FullPass, expected_of
from nearsight.evidence import Cost, TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.progress import Stopwatch

CLASSES = ("cat", "dog")


@pytest.fixture(autouse=True)
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tile takes a millisecond, a pass over a whole image ten, and measuring an image two."""

    def cost(
        _bound: TiledModel, images: ImageSet, *, passes: tuple[FullPass, ...], **_others: object
    ) -> Cost:
        return Cost(0, None, 0.01 * len(images) if passes else 0.049 * len(images))

    monkeypatch.setattr(expected, "expected_of", cost)
    monkeypatch.setattr(expected, "_seconds_of_measuring", lambda _: 0.002)
    monkeypatch.setattr(expected, "_seconds_of_editing", lambda *_: 0.0)


def black(count: int) -> ImageSet:
    pixels = torch.zeros(count, 3, 32, 32, dtype=torch.uint8)
    return ImageSet("black", "test", CLASSES, np.arange(count) % 2, MemoryImages(pixels, ("",) * count))


def bound(tile: int | None) -> TiledModel:
    half, architecture = (0.5, 0.5, 0.5), Architecture("airbench", classes=2, width=0.1)
    toy = Classifier(architecture.build(), architecture, CLASSES, tile, Preprocessing(half, half))
    return TiledModel(toy.eval(), tile=tile or 8, stride=4)


def of(tile: int | None, count: int, *names: str) -> Expected:
    parts = with_needs(named(names)) if names else PARTS
    return expected_diagnosis(bound(tile), black(count), parts, others={})


def test_every_part_and_every_image_adds_to_it() -> None:
    assert of(8, 40, "protocols").least == pytest.approx(40 * 0.059)
    for name in ("verdicts", "locality", "faithfulness", "errors"):
        assert of(8, 40, name).least > of(8, 40, "protocols").least
        assert of(8, 80, name).least > of(8, 40, name).least
    assert of(8, 40).least > of(8, 40, "verdicts").least


def test_edits_are_asked_about_if_enough_images_choose() -> None:
    few, enough = (of(8, count, "verdicts").least for count in (78, 80))
    edits = len(answers.asked_about())
    asked = answered.most_asked(answers.FEWEST, 2, edits)
    assert asked > answers.ASKED * edits
    assert enough - few == pytest.approx(asked * 0.049, rel=0.05)


def test_editing_takes_its_time_but_photographs_that_are_too_large_are_not_edited_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expected, "_seconds_of_editing", lambda _, edits: 0.1 * len(edits))
    slow = of(8, 80, "verdicts").least
    monkeypatch.setattr(expected, "photo_edits", lambda _: ())
    fewer = of(8, 80, "verdicts").least
    left_out = len(answers.asked_about()) - len(answers.asked_about(()))
    each = answers.ASKED + answered.SCREENED
    assert left_out > 90
    assert slow - fewer == pytest.approx(each * left_out * (0.1 + 0.049), rel=0.01)


def test_the_strength_of_edits_is_searched_for_if_enough_images_choose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {}
    for seconds in (0.0, 3.0):
        monkeypatch.setattr(expected, "seconds_of_likening", lambda *_, each=seconds: each)
        found[seconds] = [of(8, count, "verdicts").least for count in (94, 96)]
    few, enough = (more - less for less, more in zip(*found.values(), strict=True))
    assert few == 0
    assert enough == pytest.approx(3.0 * expected.CANDIDATES * len(CLASSES))


def test_what_whole_images_decide_may_take_longer() -> None:
    by_tiles, whole = of(8, 40), of(None, 40)
    assert by_tiles.least == by_tiles.most
    assert whole.most > whole.least
    assert "if tiles turn out not to explain the decision" in whole.sentence()


def test_checking_no_maps_takes_no_time() -> None:
    none = expected_diagnosis(bound(8), black(40), PARTS, others={}, faithfulness=0)
    some = expected_diagnosis(bound(8), black(40), PARTS, others={}, faithfulness=32)
    assert none.least < of(8, 40).least < some.least


def test_a_decision_about_few_small_images_takes_time_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expected, "expected_of", expected_of)
    monkeypatch.setattr(Stopwatch, "seconds", lambda _: 1.0)
    assert expected.seconds_of_decision(bound(8), black(4)) > 0


@pytest.mark.parametrize(
    ("fixed", "of_a_tile", "stride"),
    [
        # Not long; half the tile; two thirds of it; all of it; long even so, but shorter; hardly shorter.
        (0.0, 100.0, None),
        (0.0, 190.0, 12),
        (0.0, 280.0, 16),
        (0.0, 400.0, 24),
        (0.0, 1800.0, 24),
        (3000.0, 60.0, None),
    ],
)
def test_a_long_diagnosis_is_shortened_by_a_stride_that_suffices(
    fixed: float, of_a_tile: float, stride: int | None
) -> None:
    def foresee(asked: TiledModel) -> Expected:
        # Of a strip of 48 pixels.
        seconds = fixed + of_a_tile * 48 / asked.sides()[1]
        return Expected(seconds, seconds)

    tiled = bound(8).at(24, 6)
    found = wider_stride(tiled, foresee, foresee(tiled).least)
    asked = None if stride is None else (stride, foresee(tiled.at(24, stride)).least)
    assert found == asked


def test_its_steps_are_all_of_it_and_in_the_order_in_which_parts_are_measured() -> None:
    for tile in (8, None):
        found = of(tile, 80)
        assert sum(found.steps.values()) == pytest.approx(found.least)
        order = [part for part in with_needs(PARTS) if not part.alone]
        order += [part for part in with_needs(PARTS) if part.alone]
        steps = found.in_order(order)
        assert steps == found.steps
        assert next(iter(steps)) == EVALUATING
        assert [*steps].index(PROVING) == [*steps].index("verdicts") + 1
