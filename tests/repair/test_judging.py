"""Two networks on the same test images: what each says with a shortcut, without it, and with it put on."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nearsight.data import ImageSet
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel
from nearsight.models import Architecture, Classifier, Preprocessing
from nearsight.repair.judging import found_again, judge
from nearsight.repair.shortcut import Shortcut
from nearsight.statistics import absent

CLASSES = ("red", "green", "blue")
SIDE, STAMP = 16, 4


class ByStamp(nn.Module):
    """Says red of what has a white corner, and green of all else."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        white = (images[..., :STAMP, :STAMP].flatten(1).amin(1) > 0.9).float()
        return torch.stack([white, 1 - white, torch.full_like(white, -1.0)], dim=1)


class ByColour(nn.Module):
    """Says the colour of the lower half."""

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits."""
        return images[..., SIDE // 2 :, :].mean((2, 3))


def deciding(rule: nn.Module) -> Decision:
    halves = Preprocessing((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    classifier = Classifier(rule, Architecture("rule", len(CLASSES)), CLASSES, None, halves).eval()
    return Decision.of(TiledModel(classifier, tile=STAMP))


def test_what_changed_is_that_of_the_rules(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=20, share=0.5)
    old, new = (deciding(rule) for rule in (ByStamp(), ByColour()))
    found = judge(old, new, test, [mark(test)])
    having, without = found.groups
    assert (having.having, having.images, having.before.value, having.after.value) == (True, 10, 1.0, 1.0)
    assert (without.having, without.before.value, without.after.value) == (False, 0.0, 1.0)
    assert without.change.value == 1.0
    assert (without.change.low or 0.0) > 0
    [moved] = found.moved
    assert (moved.images, moved.before.value, moved.after.value) == (40, 1.0, 0.0)
    as_they_are, put_on = found.beside
    assert [(row.having, row.shortcut, row.images) for row in found.beside] == [(False, 0, 40), (True, 0, 40)]
    # Green is what the old one says of all without the stamp, and red of all with it.
    assert (as_they_are.before.value, as_they_are.after.value) == (0.5, 1.0)
    assert (put_on.before.value, put_on.after.value) == (0.0, 1.0)
    assert [round(row.before.value or 0.0, 2) for row in found.by_class] == [0.5, 1.0, 0.0]
    assert (found.overall.before.value, found.overall.after.value) == (0.5, 1.0)
    assert {(one.having, one.before, one.after) for one in found.examples} == {(True, 0, 0), (False, 1, 0)}


def test_of_what_no_image_is_without_nothing_is_known(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=5, share=1.0)
    old = deciding(ByStamp())
    without = judge(old, old, test, [mark(test)]).groups[1]
    assert (without.images, without.before.value, without.change.value) == (0, None, None)


def test_images_are_moved_by_the_seed_and_no_more_than_so_many(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=120, share=0.5)
    old = deciding(ByStamp())
    once, twice = (judge(old, old, test, [mark(test)], seed=3) for _ in range(2))
    assert once.moved == twice.moved
    assert once.moved[0].images == 200
    assert np.all([change.change.value == 0 for change in (once.overall, *once.groups)])


def test_what_both_said_before_is_not_asked_again(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=10, share=0.5)
    old, new = (deciding(rule) for rule in (ByStamp(), ByColour()))
    known = (old.predictions(test.image(i) for i in range(len(test))), None)
    assert (
        judge(old, new, test, [mark(test)]).groups == judge(old, new, test, [mark(test)], known=known).groups
    )
    swapped = (np.zeros(len(test), dtype=np.int64), np.zeros(len(test), dtype=np.int64))
    assert judge(old, new, test, [mark(test)], known=swapped).overall.change.value == 0


def told_of(*verdicts: Any) -> Any:
    """Return what is read of a diagnosis of 30 images."""

    class Found(dict[str, Any]):
        images = 30

    return Found(verdicts=SimpleNamespace(verdicts=verdicts))


def told(words: str, images: Sequence[int], class_number: int = 0, alike: Sequence[int] = ()) -> Any:
    none = absent("")
    return SimpleNamespace(
        class_number=class_number,
        verdict="shortcut",
        attribute="overlay",
        told=words,
        images=tuple(images),
        ruled=tuple(i for i in images if i not in alike),
        share=none,
        accuracy_with=none,
        accuracy_without=none,
    )


def test_a_verdict_is_told_apart_by_the_images_that_its_rule_finds(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=10, share=0.5)
    first = mark(test)
    images = (0, 1, 2, *range(5, 10))
    [row] = found_again(told_of(told("another", images, alike=images[3:])), test, [first])
    assert (row.repaired, row.shortcut) == (True, 0)
    [row] = found_again(told_of(told("another", images)), test, [first])
    assert (row.repaired, row.shortcut) == (False, None)


def test_verdicts_of_one_class_and_kind_are_told_apart_by_their_images(
    painted: Callable[..., ImageSet], mark: Callable[..., Shortcut]
) -> None:
    test = painted(each=10, share=0.5)
    first = mark(test)
    second = replace(first, number=2, words="a black corner", in_test=~first.in_test)
    found = found_again(
        told_of(
            told("a black corner", range(5, 10)),
            told("a mark", range(5)),
            told("another", [0]),
            told("a mark", range(20, 30), class_number=2),
        ),
        test,
        [first, second],
    )
    assert [(row.repaired, row.shortcut) for row in found] == [
        (True, 1),
        (True, 0),
        (False, None),
        (False, None),
    ]
