"""Spaces: what normalising removes, what it leaves, and which tiles are the same in each."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nearsight.dimension.spaces import distinct, vectors
from nearsight.errors import InputError

TILES = arrays(np.uint8, (5, 12), elements=st.integers(0, 200))


@given(TILES)
@settings(deadline=None)
def test_normalised_is_the_formula_in_double_precision(levels: np.ndarray) -> None:
    exact = levels.astype(np.float64)
    exact = (exact - exact.mean(1, keepdims=True) + np.sqrt(10)) / np.sqrt(exact.var(1, keepdims=True) + 10)
    found = vectors(torch.from_numpy(levels), "normalised").numpy()
    assert found == pytest.approx(exact, abs=1e-5)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.sqrt(12), rel=1e-5)


def test_a_flat_tile_is_no_nearer_to_others_than_they_are_to_each_other() -> None:
    random = np.random.default_rng(0)
    tiles = torch.from_numpy(random.integers(0, 256, (40, 300), dtype=np.uint8))
    tiles[0] = 17
    apart = torch.cdist(*[vectors(tiles, "normalised")] * 2)
    assert apart[0, 1:].numpy() == pytest.approx(np.sqrt(2 * 300), rel=0.05)
    assert apart[1:, 1:].fill_diagonal_(np.sqrt(600)).numpy() == pytest.approx(np.sqrt(2 * 300), rel=0.2)


@given(TILES, st.integers(0, 55))
@settings(deadline=None)
def test_brightness_changes_raw_and_nothing_else(levels: np.ndarray, more: int) -> None:
    dark, bright = torch.from_numpy(levels), torch.from_numpy(levels + np.uint8(more))
    assert vectors(dark, "normalised").equal(vectors(bright, "normalised"))
    difference = vectors(bright, "raw") - vectors(dark, "raw")
    assert difference.numpy() == pytest.approx(more / 255, abs=1e-6)


@given(arrays(np.uint8, (12, 3), elements=st.integers(0, 2)))
@settings(deadline=None)
def test_distinct_tiles_are_the_first_of_each_kind(levels: np.ndarray) -> None:
    kept = {"raw": list(map(tuple, levels)), "normalised": [tuple(row - row.min()) for row in levels]}
    for space, keys in kept.items():
        first = [i for i, key in enumerate(keys) if key not in keys[:i]]
        assert distinct(torch.from_numpy(levels), space).tolist() == levels[first].tolist()


def test_another_space_is_refused() -> None:
    with pytest.raises(InputError, match="unknown space 'normalized'; did you mean 'normalised'"):
        vectors(torch.zeros(1, 3, dtype=torch.uint8), "normalized")  # type: ignore[arg-type]
