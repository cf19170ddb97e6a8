"""The smallest flips, against trying every subset of the tiles."""

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nearsight.diagnosis.errors.flip import ADDITIVE_PROTOCOLS, additive_values, flip_to, smallest_flip
from nearsight.errors import InputError
from nearsight.evaluation import tile_scores
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid

# Small whole numbers, so that sums are exact and ties are common.
TABLES = st.integers(1, 4).flatmap(
    lambda classes: st.integers(1, 6).flatmap(
        lambda tiles: st.lists(
            st.lists(st.integers(-4, 4), min_size=tiles, max_size=tiles), min_size=classes, max_size=classes
        )
    )
)


def table(rows: list[list[int]]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


def winner(values: Tensor, removed: tuple[int, ...]) -> int:
    kept = [tile for tile in range(values.shape[1]) if tile not in removed]
    return int(np.argmax(values[:, kept].sum(1).numpy()))


def sizes_that(values: Tensor, wanted) -> list[int]:
    """The sizes of all sets of tiles, one tile left at least, whose removal makes a wanted class win."""
    tiles = values.shape[1]
    return [
        size
        for size in range(tiles)
        for removed in combinations(range(tiles), size)
        if wanted(winner(values, removed))
    ]


@settings(max_examples=300, deadline=None)
@given(TABLES)
def test_no_smaller_set_flips_and_this_one_does(rows: list[list[int]]) -> None:
    values = table(rows)
    prediction = winner(values, ())
    sizes = sizes_that(values, lambda won: won != prediction)
    found = smallest_flip(values, prediction)
    if found is None:
        assert not sizes
        return
    assert len(found.tiles) == len(set(found.tiles)) == min(sizes)
    assert found.to == winner(values, found.tiles) != prediction
    assert found.share == len(found.tiles) / values.shape[1]
    assert found.smallest


@settings(max_examples=300, deadline=None)
@given(TABLES, st.data())
def test_a_removal_makes_the_label_win_and_says_rightly_that_none_is_smaller(
    rows: list[list[int]], data: st.DataObject
) -> None:
    values = table(rows)
    prediction, label = winner(values, ()), data.draw(st.integers(0, len(rows) - 1))
    sizes = sizes_that(values, lambda won: won == label)
    found = flip_to(values, prediction, label)
    if found is None:
        return
    assert found.to == label == winner(values, found.tiles)
    assert len(found.tiles) >= min(sizes)
    if found.smallest:
        assert len(found.tiles) == min(sizes)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(st.integers(-4, 4), min_size=5, max_size=5), min_size=2, max_size=2))
def test_of_two_classes_both_flips_are_one(rows: list[list[int]]) -> None:
    values = table(rows)
    prediction = winner(values, ())
    assert flip_to(values, prediction, 1 - prediction) == smallest_flip(values, prediction)


def test_tiles_go_strongest_first_and_of_equal_ones_the_first() -> None:
    values = table([[1, 3, 2, 3, 0, 0], [0, 0, 0, 0, 1, 1]])
    found = smallest_flip(values, 0)
    assert (found.tiles, found.to) == ((1, 3, 2), 1)


def test_a_tie_goes_to_the_class_that_comes_first() -> None:
    values = table([[0, 2, 0], [1, 1, 2], [0, 2, 0]])
    assert winner(values, (2,)) == 0
    assert smallest_flip(values, 1).tiles == (2,)
    assert flip_to(values, 1, 0).tiles == (2,)
    assert flip_to(values, 1, 2) is None


def test_of_rivals_with_equally_few_tiles_the_one_that_then_leads_by_most() -> None:
    values = table([[5, 0, 0], [0, 1, 0], [0, 2, 1]])
    assert smallest_flip(values, 0).to == 2


def test_nothing_flips_where_every_tile_agrees_or_there_is_one_tile_or_one_class() -> None:
    assert smallest_flip(table([[1, 2, 3], [0, 0, 0]]), 0) is None
    assert smallest_flip(table([[0], [5]]), 1) is None
    assert smallest_flip(table([[1, 2, 3]]), 0) is None


def test_no_tile_need_go_where_the_prediction_does_not_lead() -> None:
    assert smallest_flip(table([[0, 0], [5, 5]]), 0).tiles == ()


@pytest.mark.parametrize("protocol", ADDITIVE_PROTOCOLS)
def test_values_add_up_to_the_score_of_their_protocol(protocol: str) -> None:
    grid = TileGrid(8, 10, tile=4, stride=2)
    logits = torch.randn(4, *grid.shape, generator=torch.Generator().manual_seed(2)) * 3
    attention = torch.randn(grid.shape, generator=torch.Generator().manual_seed(3))
    tiles = EvidenceMap(logits, grid, ("cat", "dog", "owl", "fox"), attention=attention)
    values = additive_values(protocol, tiles)
    assert (values.shape, values.dtype) == ((4, 12), torch.float64)
    found = values.mean(1).float()
    if protocol == "noisy-or":
        # 1 − Π (1 − p) of the sum of −log (1 − p), as log-odds.
        found = torch.special.logit(-torch.expm1(-values.sum(1))).float()
    torch.testing.assert_close(found, tile_scores(protocol, tiles), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("protocol", ADDITIVE_PROTOCOLS)
def test_without_the_tiles_the_protocol_itself_predicts_another_class(protocol: str) -> None:
    flipped = 0
    for seed in range(20):
        logits = torch.randn(3, 1, 9, generator=torch.Generator().manual_seed(seed)) * 2
        grid, attention = TileGrid(4, 12, tile=4, stride=1), logits[0].flip(1)
        tiles = EvidenceMap(logits, grid, ("cat", "dog", "owl"), attention=attention)
        found = smallest_flip(additive_values(protocol, tiles), int(tile_scores(protocol, tiles).argmax()))
        if found is not None:
            kept = [tile for tile in range(9) if tile not in found.tiles]
            grid = TileGrid(4, 3 + len(kept), tile=4, stride=1)
            left = EvidenceMap(logits[:, :, kept], grid, tiles.classes, attention=attention[:, kept])
            assert int(tile_scores(protocol, left).argmax()) == found.to
            flipped += 1
    assert flipped > 10


def test_bad_input_is_refused() -> None:
    grid = TileGrid(4, 4, tile=4, stride=1)
    with pytest.raises(InputError, match="unknown additive protocol 'full-pass'"):
        additive_values("full-pass", EvidenceMap(torch.zeros(1, 1, 1), grid, ("cat",)))
    with pytest.raises(InputError, match="class 2 does not exist; the classes are 0 to 1"):
        flip_to(torch.zeros(2, 3), 0, 2)
    with pytest.raises(InputError, match=r"values have shape \(2, 0\)"):
        smallest_flip(torch.zeros(2, 0), 0)
