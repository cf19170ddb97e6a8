"""Huffman tables: codes that a decoder can tell apart, none longer than 16 bits, and as short as can be."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nearsight.data.packed.huffman import shortest_table

OCCURRENCES = st.dictionaries(st.integers(0, 255), st.integers(1, 10**6), min_size=1, max_size=256)


@settings(max_examples=30)
@given(OCCURRENCES)
def test_no_code_begins_another_and_none_is_all_ones(occurrences: dict[int, int]) -> None:
    counts = np.zeros(256, np.int64)
    counts[list(occurrences)] = list(occurrences.values())
    codes, lengths = shortest_table(counts).codes()
    assert set(np.flatnonzero(lengths).tolist()) == set(occurrences)
    written = sorted(f"{codes[symbol]:0{lengths[symbol]}b}" for symbol in occurrences)
    assert all(len(code) <= 16 and "0" in code for code in written)
    assert not any(later.startswith(code) for code, later in pairwise(written))


@settings(max_examples=30)
@given(OCCURRENCES)
def test_codes_take_less_than_a_bit_more_than_the_entropy(occurrences: dict[int, int]) -> None:
    counts = np.zeros(256, np.int64)
    counts[list(occurrences)] = list(occurrences.values())
    _, lengths = shortest_table(counts).codes()
    share = counts[counts > 0] / counts.sum()
    # One code is kept free, and codes beyond 16 bits are shortened: both are rare symbols'.
    assert (lengths * counts).sum() / counts.sum() <= -(share * np.log2(share)).sum() + 1.1


def test_codes_that_would_be_longer_are_cut_to_16_bits() -> None:
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    _, lengths = shortest_table(np.array(fibonacci + [0] * 216)).codes()
    assert lengths[:40].max() == 16
    assert (0.5 ** lengths[:40].astype(float)).sum() < 1
