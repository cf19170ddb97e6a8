"""The accuracy that would remain without the shortcuts, beside its definition."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from nearsight.diagnosis.verdicts.remaining import remaining_accuracy


def world(has_all: bool = False) -> tuple[Any, Any]:
    """A class of 40 of which the half with a shortcut is right, and 3 in 10 of the others; another is right."""
    labels = np.repeat([0, 1], 40)
    has = np.arange(80) < (40 if has_all else 20)
    predictions = labels.copy()
    predictions[20:34] = 1
    examined = SimpleNamespace(
        labels=labels,
        predictions=predictions,
        choosing=np.zeros(80, dtype=bool),
        seed=0,
        images=SimpleNamespace(classes=("a", "b")),
    )
    return cast(Any, examined), shortcut(has)


def shortcut(has: np.ndarray, class_number: int = 0, known: np.ndarray | None = None) -> Any:
    value = np.where(np.ones(len(has), bool) if known is None else known, has, np.nan)
    return SimpleNamespace(candidate=SimpleNamespace(class_number=class_number, has=has, value=value))


def classes(lacking: list[int], right: np.ndarray, each: int = 20) -> tuple[Any, list[Any]]:
    """Classes of which so many images lack a shortcut; those with it are right, the others as given."""
    labels = np.repeat(np.arange(len(lacking)), each)
    has = np.concatenate([np.arange(each) >= count for count in lacking])
    predictions = labels.copy()
    predictions[np.flatnonzero(~has)[~right]] = -5
    examined = SimpleNamespace(
        labels=labels,
        predictions=predictions,
        choosing=np.zeros(len(labels), dtype=bool),
        images=SimpleNamespace(classes=range(len(lacking))),
    )
    return examined, [shortcut(has, number) for number in range(len(lacking))]


def test_images_with_a_shortcut_count_as_those_without() -> None:
    examined, shortcut = world()
    found = remaining_accuracy(examined, [shortcut])
    assert found.value == pytest.approx((40 * 0.3 + 40) / 80)
    assert found.low < found.value < found.high
    assert remaining_accuracy(examined, []).value == pytest.approx((20 + 6 + 40) / 80)


def test_where_every_image_of_a_class_has_one_nothing_is_known() -> None:
    examined, shortcut = world(has_all=True)
    found = remaining_accuracy(examined, [shortcut])
    assert found.value is None
    assert "no image of a class is known to lack its shortcut" in found.reason


def test_one_image_of_a_class_leaves_a_wide_interval() -> None:
    for right in (True, False):
        found = remaining_accuracy(*classes([1], np.array([right])))
        assert found.value == right
        assert found.high - found.low > 0.7
        assert found.n == 1


def test_many_classes_of_which_one_image_lacks_its_shortcut_have_an_interval() -> None:
    found = remaining_accuracy(*classes([1] * 30, np.ones(30, bool)))
    assert (found.value, found.high) == (1, 1)
    assert 0.8 < found.low < 0.95


def test_images_of_which_it_is_not_known_do_not_count_as_lacking_it() -> None:
    """Of 1,000 images half have it and only these are right; it is known of 400."""
    labels = np.repeat([0, 1], 1000)
    has, known = (labels == 0) & (np.arange(2000) % 2 == 0), np.arange(2000) % 1000 < 400
    predictions = np.where((labels == 0) & ~has, 1, labels)
    examined = SimpleNamespace(
        labels=labels,
        predictions=predictions,
        choosing=np.zeros(2000, dtype=bool),
        images=SimpleNamespace(classes=("a", "b")),
    )
    found = remaining_accuracy(cast(Any, examined), [shortcut(has & known, known=known)])
    assert (found.value, found.n) == (0.5, 1200)


def test_without_images_that_test_nothing_is_known() -> None:
    examined, some = world()
    examined.choosing[:] = True
    assert remaining_accuracy(examined, [some]).value is None


@pytest.mark.parametrize("lacking", [[1], [1] * 10, [2, 2], [5] * 5, [1, 1, 19, 19, 19], [2, *[19] * 9]])
def test_the_interval_covers_the_truth_in_19_of_20_draws(lacking: list[int]) -> None:
    """Of any accuracy of the classes of few images, while the others are 97 % right."""
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(600):
        shares = np.where(np.array(lacking) < 19, random.random(), 0.97)
        found = remaining_accuracy(
            *classes(lacking, random.random(sum(lacking)) < np.repeat(shares, lacking))
        )
        hits += found.low <= shares.mean() <= found.high
    assert hits / 600 >= 0.93
