"""The cut of runs without a listing: a partition in proportion, the same as when they were trained."""

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.positional_cut import stratified_cut
from nearsight.errors import InputError


@settings(deadline=None)
@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    share=st.floats(0.01, 0.6),
    seed=st.integers(0, 1000),
)
def test_a_cut_is_a_partition_in_proportion(counts: list[int], share: float, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    try:
        rest, cut = stratified_cut(labels, share, seed)
    except InputError:
        assert len(labels) - max(len(counts), round(share * len(labels))) < len(counts)
        return
    assert sorted([*rest, *cut]) == list(range(len(labels)))
    assert len(cut) == max(len(counts), round(share * len(labels)))
    expected = np.array(counts) * len(cut) / len(labels)
    assert (np.abs(np.bincount(labels[cut], minlength=len(counts)) - expected) < 1.0 + 1e-9).all()
    again, _ = stratified_cut(labels, share, seed)
    np.testing.assert_array_equal(rest, again)


def test_another_seed_cuts_other_images() -> None:
    labels = np.arange(200) % 4
    assert stratified_cut(labels, 0.2, 0)[1].tolist() != stratified_cut(labels, 0.2, 1)[1].tolist()


def test_a_class_of_one_image_stays_whole() -> None:
    labels = np.array([0] * 10 + [1] + [2] * 10)
    rest, cut = stratified_cut(labels, 0.2, 0)
    assert 10 in rest
    assert Counter(labels[cut].tolist()) == {0: 2, 2: 2}
