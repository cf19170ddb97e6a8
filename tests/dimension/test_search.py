"""The search: the same neighbours as scikit-learn's, however it is cut into pieces."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors

from nearsight.dimension import search
from nearsight.dimension.search import distances, nearest, piece_rows
from nearsight.errors import InputError


def levels(rows: torch.Tensor) -> torch.Tensor:
    return rows.to(torch.float32)


@pytest.mark.parametrize("rows", [7, 1024])
@given(seed=st.integers(0, 10**6), count=st.integers(1, 12), dimension=st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_neighbours_are_those_of_scikit_learn(rows: int, seed: int, count: int, dimension: int) -> None:
    random = np.random.default_rng(seed)
    queries, reference = random.random((23, dimension)), random.random((40, dimension))
    theirs, places = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(reference).kneighbors(queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "ROWS", rows)
        ours, found = nearest(torch.from_numpy(queries), torch.from_numpy(reference), count)
    assert ours.numpy() == pytest.approx(theirs, abs=1e-6)
    assert found.tolist() == places.tolist()


def test_bytes_far_from_the_origin_lose_no_small_distance() -> None:
    random = np.random.default_rng(0)
    reference = random.integers(250, 256, (300, 3000), dtype=np.uint8)
    queries = reference[:5].copy()
    queries[np.arange(1, 5), np.arange(1, 5)] ^= 1
    found, places = nearest(torch.from_numpy(queries), torch.from_numpy(reference), 1, levels)
    assert places[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert found[:, 0].tolist() == [0, 1, 1, 1, 1]


def test_vectors_are_not_prepared_again() -> None:
    tiles = torch.tensor([[1, 2], [9, 9]], dtype=torch.uint8)
    found = nearest(tiles[:1].float() * 3, tiles, 1, lambda rows: rows.float() * 3)
    assert found[0].tolist() == [[0]]


def test_copies_are_at_no_distance_and_all_found() -> None:
    tiles = torch.tensor([[5, 5], [9, 9], [5, 5], [5, 5]], dtype=torch.uint8)
    found, places = nearest(tiles[:1], tiles, 3, levels)
    assert found.tolist() == [[0, 0, 0]]
    assert sorted(places[0].tolist()) == [0, 2, 3]


def test_distances_are_to_the_rows_named() -> None:
    random = np.random.default_rng(1)
    queries, reference = random.random((9, 4)), random.random((5, 4))
    places = random.integers(0, 5, 9)
    found = distances(*map(torch.from_numpy, (queries, reference, places)))
    assert found.numpy() == pytest.approx(np.linalg.norm(queries - reference[places], axis=1))


def test_pieces_are_bounded_in_bytes() -> None:
    wide = torch.empty(1, 2**22, dtype=torch.uint8)
    assert 4 * piece_rows(wide) * wide.shape[1] <= search.PIECE_BYTES
    assert piece_rows(wide[:, :3]) == search.ROWS


def test_more_neighbours_than_tiles_are_refused() -> None:
    with pytest.raises(InputError, match="4 neighbours were asked for among 3 tiles"):
        nearest(torch.zeros(1, 2), torch.zeros(3, 2), 4)
