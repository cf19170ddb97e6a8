"""Splits as one list, and backgrounds that are swapped; the same rules find a shortcut in every split."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nearsight.data import ImageSet, ImageSets, MemoryImages, draw_scenes
from nearsight.data.regions import MaskRegions
from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.choosing import choosing_half
from nearsight.diagnosis.decision import Decision
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.repair import shortcuts
from nearsight.repair.choosing import Chosen
from nearsight.repair.shortcut import Shortcut
from nearsight.repair.shortcuts import Splits, find_shortcuts

# Five of train, and of test, which is behind it.
HAS = np.arange(60) % 30 < 5


def diagnosis_of(images: ImageSet, count: int, **parts: Any) -> Any:
    labels = images.labels if count == len(images) else images.labels[:0]
    counts = tuple(np.bincount(labels, minlength=len(images.classes)).tolist())
    return SimpleNamespace(split=images.split, images=count, seed=0, class_images=counts, **parts)


def test_diagnosed_images_come_first_and_alone_choose(painted: Callable[..., ImageSet]) -> None:
    train = painted(each=10)
    test = replace(painted(each=4), split="test")
    sets = ImageSets("painted", {"train": train, "test": test})
    chosen = np.array([2, 5, 11, 12, 25])
    splits = Splits(sets, "train", chosen)
    for name in ("train", "test"):
        for i, place in enumerate(splits.places(name).tolist()):
            assert torch.equal(splits.images.image(place), sets[name].image(i))
    assert splits.places("train")[chosen].tolist() == [0, 1, 2, 3, 4]
    choosing = splits.choosing(seed=0)
    assert choosing[:5].tolist() == choosing_half(train.labels[chosen], 0).tolist()
    assert not choosing[5:].any()


def test_validation_images_may_choose_and_the_others_are_asked(painted: Callable[..., ImageSet]) -> None:
    parts = {name: replace(painted(each=4), split=name) for name in ("train", "val", "test")}
    splits = Splits(ImageSets("painted", parts), "val", np.arange(12))
    assert splits.names == ("val", "train", "test")
    assert splits.places("train").tolist() == list(range(12, 24))


def test_a_set_with_other_images_is_refused(painted: Callable[..., ImageSet]) -> None:
    train = painted(each=10)
    sets = ImageSets("painted", {"train": painted(each=9), "test": train})
    with pytest.raises(InputError, match="not those that were diagnosed"):
        Splits.of(sets, diagnosis_of(train, len(train)))


def test_a_background_is_that_of_another_class_and_the_object_stays() -> None:
    drawn = draw_scenes("train", count=24)
    names = tuple(map(str, range(24)))
    train = ImageSet(
        "scenes",
        "train",
        drawn.classes,
        drawn.labels,
        MemoryImages(drawn.pixels, names),
        MaskRegions(drawn.masks),
    )
    sets = ImageSets("scenes", {"train": train, "test": replace(train, split="test")})
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8, classes=train.classes)
    chosen = [Chosen(0, 0, proven=True)]
    [one], [same] = (
        find_shortcuts(Decision(bound, "mean-logit"), diagnosis_of(train, 24), sets, chosen) for _ in range(2)
    )
    assert one.put_on is not None
    assert same.put_on is not None
    for i in np.flatnonzero(train.labels == 0).tolist():
        swapped, region = one.put_on(train, i), train.region(i)
        assert region is not None
        assert torch.equal(swapped[:, region], train.image(i)[:, region])
        assert (swapped != train.image(i)).any()
        assert torch.equal(swapped, same.put_on(train, i))


@pytest.fixture
def learned(
    painted: Callable[..., ImageSet], whole: TiledModel, listener: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Sequence[int]], Shortcut]:
    """Find a shortcut that is proven by what was learned, in five of ten images of train and of test."""
    train = painted(each=10)
    one = Candidate(
        0, "blur", "blurred", True, HAS, HAS.astype(np.float32), 1.0, put_on=lambda image: image // 2
    )
    monkeypatch.setattr(shortcuts, "find_candidates", lambda *_: [one])

    def found(alike: Sequence[int] = ()) -> Shortcut:
        verdict = SimpleNamespace(
            class_number=0,
            verdict="shortcut",
            attribute="blur",
            words="blurred",
            told="blurred",
            images=(*range(5), *alike),
            ruled=tuple(range(5)),
            alike=tuple(alike),
            proven_by="learned",
        )
        [shortcut] = find_shortcuts(
            Decision(whole, "full-pass"),
            diagnosis_of(train, 30, get=lambda _: None),
            ImageSets("painted", {"train": train, "test": replace(train, split="test")}),
            [Chosen(0, 1, True, verdict)],  # type: ignore[arg-type]
            progress=listener,
        )
        return shortcut

    return found


def test_an_edit_is_learned_from_images_alike_but_a_shortcut_is_where_its_rule_finds_it(
    learned: Callable[[Sequence[int]], Shortcut], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = []

    def learn(_: Examined, one: Candidate) -> Candidate:
        given.append(one.has)
        return replace(one, put_on=lambda image: image + 1)

    monkeypatch.setattr(shortcuts, "with_learned_edit", learn)
    found = learned([7, 8])
    assert [np.flatnonzero(has).tolist() for has in given] == [[0, 1, 2, 3, 4, 7, 8, *range(30, 35)]]
    assert found.in_train.tolist() == found.in_test.tolist() == HAS[:30].tolist()


def test_what_can_no_longer_be_learned_is_not_replaced_by_an_edit_that_proved_nothing(
    learned: Callable[..., Shortcut], listener: Any
) -> None:
    found = learned()
    assert (found.put_on, found.take_off, found.in_train.tolist()) == (None, None, HAS[:30].tolist())
    assert any("warning: red:1 cannot be added to other images" in said for said in listener.said)
