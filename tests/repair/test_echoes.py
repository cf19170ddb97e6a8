"""A verdict that may be what a stronger one of its class looks like."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from nearsight.repair.echoes import echoes

IMAGES = 100


def verdict(
    images: Iterable[int], effect: float = 0.3, class_number: int = 0, alike: Iterable[int] = ()
) -> Any:
    interventions = tuple(SimpleNamespace(effect=one) for one in (effect, effect / 2))
    ruled = tuple(images)
    return SimpleNamespace(
        class_number=class_number, images=(*ruled, *alike), ruled=ruled, interventions=interventions
    )


STRONG = verdict(range(57), 0.9)


@pytest.mark.parametrize(
    ("one", "echo"),
    [
        # Sixteen of eighteen images, nine, and ten of eighteen, as many as of all.
        (verdict(range(41, 59)), True),
        (verdict(range(50, 59)), False),
        (verdict(range(47, 65)), False),
        (verdict(range(41, 59), class_number=1), False),
        # Images alike are taken for the class in the same way, and look like neither.
        (verdict(range(41, 59), alike=range(70, 100)), True),
        (verdict(range(80, 98), alike=range(57)), False),
        # What moves more than the other one, and what more images have, is not what that looks like.
        (verdict(range(41, 59), 0.95), False),
        (verdict(range(100)), False),
        (verdict(()), False),
    ],
)
def test_an_echo_is_weaker_and_nearly_always_with_the_other(one: Any, echo: bool) -> None:
    assert echoes(one, STRONG, IMAGES) is echo


def test_beside_what_every_image_has_nothing_can_be_told() -> None:
    assert not echoes(verdict(range(18)), verdict(range(IMAGES), 0.9), IMAGES)


def test_two_that_are_in_the_same_images_are_both_kept() -> None:
    assert not echoes(verdict(range(57)), STRONG, IMAGES)
