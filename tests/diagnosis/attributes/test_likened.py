"""Strengths of edits, found by how images look, where they are known."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.half_edited import EACH, SIDE, half_edited
from torch import Tensor

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes import likened as search
from nearsight.diagnosis.attributes.edits import BLUR, BRIGHTER, COOLER, PALE, WARMER, WayEdit
from nearsight.diagnosis.attributes.likened import Likening, as_strong, likened, seconds_of_likening
from nearsight.diagnosis.attributes.mixes import ColourMix
from nearsight.diagnosis.candidates import ANY_CAUSE, Candidate, Edit

QUICK = Likening(fewest=8, factors=(0.5, 2.0))


@pytest.mark.parametrize(
    ("way", "real", "first"), [(BLUR, 1.5, 0.8), (WARMER, 0.3, 0.6)], ids=["too weak", "too strong"]
)
def test_the_strength_of_the_real_thing_is_found(way, real, first) -> None:
    images, has = half_edited(way.edit(real))
    found = likened([way.edit(first)], images, has, ~has, likening=QUICK)
    assert found is not None
    assert found.factor * first == pytest.approx(real, rel=0.2)
    assert found.told < 0.85 < 0.95 < found.before


def test_of_several_edits_the_one_that_looks_like_it_is_used() -> None:
    images, has = half_edited(WARMER.edit(0.4))
    edits = [COOLER.edit(-0.4), BRIGHTER.edit(20), WARMER.edit(0.4)]
    found = likened(edits, images, has, ~has, likening=replace(QUICK, factors=(1.0,), finer=()))
    assert found is not None
    assert found.edit == WARMER.edit(0.4)


def test_its_time_is_foreseen_from_the_looks_and_the_forests_that_it_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images, has = half_edited(WARMER.edit(0.4))
    spent = [0]

    def costing(work: Callable[..., Any], seconds: int) -> Callable[..., Any]:
        def done(*given: Any) -> Any:
            spent[0] += seconds
            return work(*given)

        return done

    monkeypatch.setattr(search, "looks_of", costing(search.looks_of, 1))
    monkeypatch.setattr(search, "told_apart", costing(search.told_apart, 100))
    # A clock by which each look takes a second, and each forest a hundred.
    monkeypatch.setattr(search, "time", SimpleNamespace(perf_counter=lambda: float(spent[0])))
    search._seconds_of_forest.cache_clear()
    foreseen = seconds_of_likening(images, replace(QUICK, compared=EACH))
    search._seconds_of_forest.cache_clear()
    spent[0] = 0
    likened([WARMER.edit(0.4)], images, has, ~has, likening=QUICK)
    assert foreseen == spent[0]


def test_of_too_few_images_nothing_is_said() -> None:
    images, has = half_edited(WARMER.edit(0.4))
    few = has & (np.arange(len(has)) < QUICK.fewest - 1)
    assert likened([WARMER.edit(0.4)], images, few, ~has, likening=QUICK) is None


def _old(image: Tensor) -> Tensor:
    """Make a picture as an old print is: paler and yellowish."""
    return WARMER.edit(0.4)(PALE.edit(-1.0)(image))


def _chosen(edit: Callable[[Tensor], Tensor], put_on: Edit, **also: Any) -> tuple[Any, Candidate]:
    """Return images that all choose, of which half have an edit, and a candidate that adds another edit to them."""
    images, has = half_edited(edit)

    def pictures(among: np.ndarray, most: int) -> Any:
        places = np.flatnonzero(among)[:most]
        return _Pictures(images, places)

    examined = SimpleNamespace(
        images=images,
        labels=images.labels,
        choosing=np.ones(len(images), np.bool_),
        seed=0,
        pictures=pictures,
    )
    value = has.astype(np.float32)
    return examined, Candidate(
        0, "warm edges", "yellowish cast", True, has, value, 1.0, put_on=put_on, **also
    )


class _Pictures(list[Tensor]):
    def __init__(self, images: ImageSet, places: np.ndarray) -> None:
        super().__init__(images.image(int(i)) for i in places)
        self.places = places


def test_an_edit_that_is_too_weak_becomes_as_strong_as_the_real_thing() -> None:
    examined, weak = _chosen(_old, WARMER.edit(0.2))
    strong, reached = as_strong(examined, weak)
    plain = [examined.images.image(i) for i in range(EACH, 2 * EACH)]

    def away(edit: Any) -> float:
        return float(np.mean([(edit(one).float() - _old(one).float()).abs().mean() for one in plain]))

    # No strength of the cast makes colours paler, but a mix of channels does.
    assert isinstance(strong.put_on, ColourMix)
    assert away(strong.put_on) < 0.5 * away(weak.put_on)
    assert reached == pytest.approx(1, abs=0.25)
    assert strong.take_off is weak.take_off
    assert replace(strong, put_on=weak.put_on).has is weak.has


def test_an_edit_that_cannot_be_told_from_the_real_thing_stays_as_it_is() -> None:
    examined, same = _chosen(BLUR.edit(1.2), BLUR.edit(1.2))
    strong, reached = as_strong(examined, replace(same, attribute="fine detail"))
    assert strong.put_on == BLUR.edit(1.2)
    assert reached == pytest.approx(1, abs=0.3)


def test_how_far_an_edit_goes_is_said_if_no_strength_of_it_is_enough() -> None:
    class Fixed(WayEdit):
        def times(self, factor: float) -> "Fixed":  # noqa: ARG002
            return self

    examined, weak = _chosen(BLUR.edit(1.6), Fixed(BLUR, 0.5))
    strong, reached = as_strong(examined, replace(weak, attribute="fine detail"))
    assert strong.put_on == weak.put_on
    assert reached is not None
    assert reached < 0.6


def test_what_hardly_tells_images_apart_does_not_say_how_far_an_edit_goes() -> None:
    """The edit is the real thing, and yet the medians of contrast put it anywhere, from -6 to 6."""

    def fade(image: Tensor) -> Tensor:
        return (128 + 0.85 * (image.float() - 128)).round().to(torch.uint8)

    class Fade(ColourMix):
        def __call__(self, image: Tensor) -> Tensor:
            return fade(image)

    random = np.random.default_rng(5)
    spread = random.uniform(20, 60, (2 * EACH, 1, 1, 1))
    pixels = np.clip(128 + spread * random.normal(size=(2 * EACH, 3, SIDE, SIDE)), 0, 255).astype(np.uint8)
    examined, one = _chosen(lambda image: image, Fade(np.eye(3), np.zeros(3)))
    examined.images.images.pixels.copy_(torch.from_numpy(pixels))
    for i in range(EACH):
        examined.images.images.pixels[i] = fade(examined.images.image(i))
    assert as_strong(examined, replace(one, attribute="contrast"))[1] is None


@pytest.mark.parametrize(
    "also", [{"causes": ANY_CAUSE}, {"drawn": True}, {"chose": np.zeros(2 * EACH, np.bool_)}], ids=str
)
def test_what_was_found_by_what_it_moves_or_is_drawn_stays_as_it_is(also: dict[str, Any]) -> None:
    examined, one = _chosen(_old, WARMER.edit(0.2), **also)
    assert as_strong(examined, one) == (one, None)


def test_what_has_no_strength_and_what_too_few_images_have_stays_as_it_is() -> None:
    examined, one = _chosen(_old, lambda image: image)
    assert as_strong(examined, one) == (one, None)
    examined, one = _chosen(_old, WARMER.edit(0.2))
    few = replace(one, has=one.has & (np.arange(2 * EACH) < 5))
    assert as_strong(examined, few) == (few, None)


def test_images_that_test_are_not_looked_at() -> None:
    examined, one = _chosen(_old, WARMER.edit(0.2))
    testing = np.arange(2 * EACH) % 4 == 0
    examined.choosing[testing] = False
    looked: set[int] = set()

    class Watched:
        files = None

        @staticmethod
        def image(i: int) -> Tensor:
            looked.add(int(i))
            return images.image(i)

    images = examined.images
    examined.images = Watched
    as_strong(examined, one)
    assert looked
    assert not looked & set(np.flatnonzero(testing).tolist())
