"""A cut by hash: what is added, removed or ordered otherwise moves no other image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.hashed_cut import held_out, share_of
from nearsight.errors import InputError


def cut(names: list[str], share: float, salt: str = "test") -> dict[str, bool]:
    """The side of every image of a set, whose class is the last digit of its name."""
    labels = np.array([int(name[-1]) % 2 for name in names])
    out, _ = held_out(names, labels, share, salt)
    return dict(zip(names, out.tolist(), strict=True))


@settings(deadline=None)
@given(st.integers(60, 300), st.floats(0.1, 0.5), st.sets(st.integers(0, 59), max_size=20), st.randoms())
def test_removing_and_reordering_moves_no_other_image(
    count: int, share: float, gone: set[int], random
) -> None:
    names = [f"photo-{number}" for number in range(count)]
    left = [name for number, name in enumerate(names) if number not in gone]
    random.shuffle(left)
    before, after = cut(names, share), cut(left, share)
    assert after == {name: before[name] for name in left}


def test_the_share_is_what_was_asked_for() -> None:
    names = [f"photo-{number}" for number in range(20_000)]
    for share in (0.05, 0.2, 0.5):
        found = np.mean([*cut(names, share).values()])
        # Four standard deviations of a share of 20,000 images.
        assert abs(found - share) < 4 * (share * (1 - share) / 20_000) ** 0.5


def test_an_exact_cut_is_as_large_whatever_the_salt() -> None:
    names, labels = [f"photo-{number}" for number in range(997)], np.arange(997) % 3
    sizes = {held_out(names, labels, 0.1, f"val {seed}", exact=True)[0].sum() for seed in range(20)}
    assert sizes == {100}


def test_salts_cut_apart() -> None:
    names = [f"photo-{number}" for number in range(20_000)]
    test, val = (np.array([*cut(names, 0.2, salt).values()]) for salt in ("test", "val 0"))
    assert abs((test & val).mean() - 0.04) < 0.006


@given(st.lists(st.integers(0, 3), min_size=8, max_size=60))
def test_every_class_of_two_is_on_both_sides(labels: list[int]) -> None:
    names, numbers = [str(number) for number in range(len(labels))], np.array(labels)
    large = [k for k in range(4) if labels.count(k) > 1]
    out, _ = held_out(names, numbers, 0.2, "test")
    for k in large:
        assert 0 < out[numbers == k].sum() < labels.count(k)


def test_units_stay_whole() -> None:
    units = [f"patient-{i // 5}" for i in range(500)]
    out, _ = held_out(units, np.arange(500) % 2, 0.2, "test")
    assert set(out.reshape(100, 5).sum(1).tolist()) == {0, 5}


def test_the_place_of_a_name_never_changes() -> None:
    # Runs that were cut before would be cut otherwise.
    assert share_of("cat/1.png", "test") == 0.7752202159755014


@pytest.mark.parametrize("units", [["a", "b"], ["one", "one"]])
def test_nothing_to_hold_out_is_refused(units: list[str]) -> None:
    labels = np.array([0, 1]) if units == ["a", "b"] else np.array([0, 0])
    with pytest.raises(InputError, match="every class is a single image or group"):
        held_out(units, labels, 0.2, "test")
