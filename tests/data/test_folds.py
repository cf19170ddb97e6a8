"""Folds: every class in each, a unit in one; what is added or removed moves next to nothing; a listing keeps them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.folds import OWN_TEST, FoldedSet, fold_of, fold_set, folded_as_listed, folds_of
from nearsight.data.image_set import ImageSets
from nearsight.data.sources import held_sets
from nearsight.data.split_list import Listing
from nearsight.errors import InputError
from nearsight.progress import SILENT


def toy(count: int = 60, seed: int = 0, **splits: int) -> ImageSets:
    """Noise of two classes, so that no two images are alike; `splits` adds splits of so many images."""
    random = torch.Generator().manual_seed(seed)

    def images(n: int) -> tuple[torch.Tensor, list[str]]:
        return torch.rand(n, 3, 8, 8, generator=random), ["cat", "dog"] * (n // 2)

    found = {"train": images(count)} | {name: images(n) for name, n in splits.items()}
    return held_sets(found, classes=None, progress=SILENT)


def contents(folded: FoldedSet, fold: int, split: str) -> set[str]:
    return set(folded.sets_of(fold, 0.1, 0)[split].identity.digests.tolist())


@settings(deadline=None)
@given(st.integers(2, 10), st.lists(st.integers(0, 3), min_size=1, max_size=200), st.data())
def test_every_class_is_on_both_sides_of_every_fold_or_it_is_refused(
    folds: int, labels: list[int], data: st.DataObject
) -> None:
    units = data.draw(st.lists(st.integers(0, 60), min_size=len(labels), max_size=len(labels)))
    names, classes = [f"unit {unit}" for unit in units], [f"class {label}" for label in labels]
    try:
        number = fold_of(names, classes, folds)
    except InputError:
        # Of units of one class only too few are refused.
        per_class = [
            len({u for u, k in zip(units, labels, strict=True) if k == label}) for label in set(labels)
        ]
        shared = len(set(zip(units, labels, strict=True))) > len(set(units))
        assert min(per_class) < folds or shared
        return
    assert all(len(set(number[np.array(units) == unit])) == 1 for unit in units)
    for name in set(classes):
        assert set(number[np.array(classes) == name]) == set(range(1, folds + 1))


@settings(deadline=None)
@given(st.integers(2, 10), st.integers(40, 120), st.data())
def test_a_removed_image_moves_at_most_one_over_each_border_and_none_of_another_class(
    folds: int, count: int, data: st.DataObject
) -> None:
    names = [f"photo-{i}" for i in range(count)]
    classes = ["cat" if i % 3 else "dog" for i in range(count)]
    gone = data.draw(st.integers(0, count - 1))
    left = [i for i in range(count) if i != gone]
    data.draw(st.randoms()).shuffle(left)
    before = fold_of(names, classes, folds)
    after = fold_of([names[i] for i in left], [classes[i] for i in left], folds)
    moved = [i for i, now in zip(left, after, strict=True) if before[i] != now]
    assert len(moved) < folds
    assert all(classes[i] == classes[gone] for i in moved)


def test_folds_are_of_one_size_to_within_an_image_of_each_class() -> None:
    names = [f"photo-{i}" for i in range(997)]
    sizes = np.bincount(fold_of(names, [str(i % 7) for i in range(997)], 10))[1:]
    assert sizes.max() - sizes.min() <= 7


@pytest.mark.parametrize(("images", "said"), [(4, "give `folds=4`"), (1, "leave the class out")])
def test_a_class_of_fewer_images_than_folds_is_refused(images: int, said: str) -> None:
    names, classes = [str(i) for i in range(20 + images)], ["cat"] * 20 + ["owl"] * images
    with pytest.raises(
        InputError, match=f"5 folds need 5 images of each class, and 'owl' has {images}; {said}"
    ):
        fold_of(names, classes, 5)


def test_groups_count_once() -> None:
    with pytest.raises(InputError, match="'owl' has 20, 3 of them independent"):
        fold_of(
            [str(i) for i in range(20)] + [f"nest {i % 3}" for i in range(20)], ["cat"] * 20 + ["owl"] * 20, 5
        )


def test_one_fold_is_none() -> None:
    with pytest.raises(InputError, match="folds must be at least 2, got 1"):
        fold_of(["a"], ["cat"], 1)


def test_every_image_is_tested_once_and_never_trained_on_then() -> None:
    sets = toy()
    folded = fold_set(sets, 5)
    tested: list[str] = []
    for fold in range(1, 6):
        test = contents(folded, fold, "test")
        assert not test & (contents(folded, fold, "train") | contents(folded, fold, "val"))
        tested += test
    assert sorted(tested) == sorted(sets["train"].identity.digests.tolist())


def test_near_duplicates_are_in_one_fold() -> None:
    pixels = torch.rand(40, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    # Of each picture another, hardly brighter.
    both = torch.cat([pixels, (pixels + 0.01).clamp(max=1)])
    folded = fold_set(held_sets((both, ["cat", "dog"] * 40), classes=None, progress=SILENT), 4)
    digests = folded.whole["train"].identity.digests
    given_order = held_sets((both, ["cat", "dog"] * 40), classes=None, progress=SILENT)[
        "train"
    ].identity.digests
    number = dict(zip(digests.tolist(), folded.number.tolist(), strict=True))
    assert all(number[given_order[i]] == number[given_order[40 + i]] for i in range(40))
    [note] = [note for note in folded.whole.notes if "80 of 80 images, in 40 clusters" in note]
    assert note.endswith(", each kept in one fold")


def test_a_test_split_of_the_sets_own_is_not_touched() -> None:
    sets = toy(test=10)
    folded = fold_set(sets, 3)
    own = set(sets["test"].identity.digests.tolist())
    assert len(folded.number) == 60
    for fold in (1, 2, 3):
        splits = folded.sets_of(fold, 0.1, 0)
        assert set(splits[OWN_TEST].identity.digests.tolist()) == own
        assert not own & (contents(folded, fold, "train") | contents(folded, fold, "test"))
    assert "own-test: the 10 images of the set's own test split are not touched" in folded.whole.notes


def test_a_listing_keeps_folds_whatever_becomes_of_the_set() -> None:
    sets = toy(test=10)
    folded = fold_set(sets, 4)
    listing = folded.listing()
    assert folds_of(listing) == 4
    assert folds_of(Listing.of(sets)) == 0
    again, told = folded_as_listed(listing, sets)
    assert not told
    assert np.array_equal(again.number, folded.number)
    before = dict(zip(folded.whole["train"].identity.digests.tolist(), folded.number.tolist(), strict=True))
    assert again.whole["train"].identity.digests.tolist() == list(before)

    left = np.random.default_rng(0).permutation(60)[:50]
    fewer = replace(sets, splits={**sets.splits, "train": sets["train"].select(left)})
    again, told = folded_as_listed(listing, fewer)
    assert "10 of 60 train images are missing" in told[0]
    after = dict(zip(again.whole["train"].identity.digests.tolist(), again.number.tolist(), strict=True))
    assert after == {name: before[name] for name in after}
    assert len(after) == 50
