"""Reductions of the evidence map against loops over its tiles."""

from collections import Counter

import numpy as np
import pytest
import torch

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid

CLASSES = ("cat", "dog", "owl", "fox")
GRID = TileGrid(11, 9, tile=4, stride=2, kind="covering")


@pytest.fixture
def evidence_map() -> EvidenceMap:
    logits = torch.randn(4, *GRID.shape, generator=torch.Generator().manual_seed(0)) * 3
    return EvidenceMap(logits, GRID, CLASSES)


def tiles_of(evidence_map: EvidenceMap) -> list[np.ndarray]:
    rows, columns = evidence_map.grid.shape
    return [
        evidence_map.logits[:, row, column].double().numpy()
        for row in range(rows)
        for column in range(columns)
    ]


def test_mean_is_the_mean_of_the_tiles(evidence_map: EvidenceMap) -> None:
    np.testing.assert_allclose(evidence_map.mean(), np.mean(tiles_of(evidence_map), axis=0), atol=1e-6)


def test_probabilities_is_the_mean_of_each_tiles_softmax(evidence_map: EvidenceMap) -> None:
    softmax = [np.exp(tile) / np.exp(tile).sum() for tile in tiles_of(evidence_map)]
    np.testing.assert_allclose(evidence_map.probabilities(), np.mean(softmax, axis=0), atol=1e-6)


def test_vote_is_the_share_of_tiles_that_choose_a_class(evidence_map: EvidenceMap) -> None:
    chosen = Counter(int(tile.argmax()) for tile in tiles_of(evidence_map))
    expected = [chosen[number] / len(GRID) for number in range(4)]
    np.testing.assert_allclose(evidence_map.vote(), expected, atol=1e-7)


def test_a_tile_that_cannot_decide_votes_for_the_first_class() -> None:
    assert EvidenceMap(torch.zeros(4, *GRID.shape), GRID, CLASSES).vote().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("shape", [(3, *GRID.shape), (4, GRID.shape[1], GRID.shape[0]), (4, len(GRID))])
def test_logits_that_do_not_belong_to_the_grid_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="4 classes on a grid of 5×4 tiles"):
        EvidenceMap(torch.zeros(shape), GRID, CLASSES)
